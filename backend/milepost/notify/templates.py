"""The texts of notices, Chinese and English, with named fields (OT-17, US-27). Pure.

In a template `{plate}` is a field and `[，车牌 {plate}]` a part that is left out where a field of it is unknown; an
unknown field outside brackets reads "—". What a field holds is never read as a template, and stays on its line.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from milepost.errors import Invalid
from milepost.notify.rules import OUTSIDE, RULES, Both, Rule
from milepost.notify.rules_devices import device_texts
from milepost.notify.rules_events import EVENTS
from milepost.notify.rules_texts import OWN

LANGUAGES = ("zh", "en")
MAX_TEMPLATE = 1000
MAX_FIELD = 200
UNKNOWN = "—"
# Every field a template may name.
FIELDS = frozenset(
    {"order", "waybill", "customer", "branch", "plate", "plates", "trip", "carrier", "place", "from", "to", "ship",
     "cause", "reason", "note", "units", "missing", "line", "qty", "short", "damaged", "signed", "aboard", "delivered",
     "loaded", "ordered", "signer", "slip", "holder", "day", "due", "start", "eta", "expected", "pieces", "said",
     "was", "over", "other", "ex", "d0", "door", "title", "by", "changes",
     "asked_by", "edits", "device", "liability", "attempt", "urgency", "task"}
)  # fmt: skip
_INSTANTS = frozenset({"due", "start", "eta"})

_PART = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{([a-z0-9_]*)\}")
# Whatever may begin a line, turn its direction, or end it; a message is one line of plain text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")


def _staff(rule: Rule) -> Both:
    zh, en = rule.detail
    return (
        f"{rule.title[0]}{f'（{zh}）' if zh else ''}：订单 {{order}}[，运单 {{waybill}}]。需办：{rule.task[0]}。",
        f"{rule.title[1]}{f' ({en})' if en else ''}: order {{order}}[, waybill {{waybill}}]. To do: {rule.task[1]}.",
    )


def _outside(rule: Rule, role: str) -> Both:
    """What a customer, a driver or a carrier is told: a text of its own, else the trouble and no more."""
    if (found := OWN.get((rule.id, role)) or OWN.get((rule.ex or "", role))) is not None:
        return found
    zh, en = rule.detail
    please = {
        "customer": ("我们会与您联系。", "We will get in touch with you."),
        "driver": ("请与调度联系。", "Please call dispatch."),
        "carrier": ("请马上核实并答复。", "Please verify and answer at once."),
    }[role]
    return (
        f"{rule.title[0]}{f'（{zh}）' if zh else ''}：订单 {{order}}。{please[0]}",
        f"{rule.title[1]}{f' ({en})' if en else ''}: order {{order}}. {please[1]}",
    )


def _defaults() -> dict[str, Both]:
    texts: dict[str, Both] = {name: text for (name, role), text in OWN.items() if role == "person"}
    for rule in RULES.values():
        for role in {to.role for to in rule.told}:
            if role in OUTSIDE:
                texts[f"{rule.id}.{role}"] = _outside(rule, role)
            else:
                texts[f"{rule.id}.staff"] = _staff(rule)
    return texts | device_texts() | {f"event.{name}": event.text for name, event in EVENTS.items()}


DEFAULTS = _defaults()


def render(text: str, fields: Mapping[str, Any], language: str, zone: str = "Asia/Shanghai") -> str:
    """A template with its fields filled in: one line of plain text, whatever the fields hold. Never fails.

    `fields`: text, numbers, lists of these, or {"zh": …, "en": …}; `due`, `start` and `eta` are UTC ms.
    """
    known = {name: said for name in fields if (said := _said(name, fields[name], language, zone))}

    def part(found: re.Match[str]) -> str:
        inside = found[1]
        return inside if all(name in known for name in _FIELD.findall(inside)) else ""

    kept = _tidy(_PART.sub(part, text))
    return _FIELD.sub(lambda found: known.get(found[1], UNKNOWN), kept)


def check(text: str) -> None:
    """Look over a template that somebody wrote.

    Raises Invalid when it is empty, too long, of several lines, names an unknown field or leaves a bracket open.
    """
    if not text.strip():
        raise Invalid("text: a template may not be empty; delete it to get the text of the house back")
    if len(text) > MAX_TEMPLATE:
        raise Invalid(f"text: longer than {MAX_TEMPLATE} characters")
    if _CONTROL.search(text):
        raise Invalid("text: a template is one line without control characters")
    if unknown := sorted(set(_FIELD.findall(text)) - FIELDS):
        raise Invalid(f"text: unknown field {{{unknown[0]}}}; known are {', '.join(sorted(FIELDS))}")
    bare = _FIELD.sub("", text)
    if "{" in bare or "}" in bare:
        raise Invalid("text: a brace is open; a field is written like {plate}")
    if re.search(r"[\[\]]", _PART.sub("", bare)):
        raise Invalid("text: a bracket is open, or one stands inside another; a part is written like [, truck {plate}]")


def _tidy(text: str) -> str:
    """Mend what left-out parts leave behind: a comma after a bracket, an empty bracket."""
    text = re.sub(r"([（(])[，,：:；;\s]+", r"\1", text)
    return re.sub(r"（）|\s?\(\)", "", text)


def _said(name: str, value: Any, language: str, zone: str) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int) and name in _INSTANTS:
        return _local(value, zone)
    if isinstance(value, Mapping):
        pair = cast(Mapping[str, Any], value)
        return _said(name, pair.get(language) or pair.get("zh"), language, zone)
    if isinstance(value, list | tuple):
        parts = [said for each in cast(Iterable[Any], value) if (said := _said(name, each, language, zone))]
        return ("、" if language == "zh" else ", ").join(parts)[:MAX_FIELD]
    if isinstance(value, float):
        value = f"{value:g}"
    return _CONTROL.sub(" ", str(value)).strip()[:MAX_FIELD]


def _local(ms: int, zone: str) -> str:
    try:
        return datetime.fromtimestamp(ms // 1000, ZoneInfo(zone)).strftime("%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""
