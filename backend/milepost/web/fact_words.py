"""What a fact says, line by line, as people read it: labels, instants, names of codes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from milepost.orders.vocabulary import KINDS
from milepost.web.forms.view import label_of
from milepost.web.order_story import CODED, WITH_REASON, reason_said
from milepost.web.orders_view import word
from milepost.web.texts import TEXTS

Translate = Callable[..., str]
# Codes beside those of the gist, by field: where their words stand.
_CODES: Mapping[str, str] = CODED | {
    "type": "opt.type", "pickup": "opt.pickup", "remark": "opt.remark", "relation": "relation",
    "kind": "opt.trip-plan.kind",
    "direction": "opt.direction", "role": "opt.site", "stage": "stage", "why": "body.why",
}  # fmt: skip
_NAMED = frozenset({"branch", "to_branch", "channel", "class", "terminal", "site"})
_INSTANTS = frozenset({"certain_at"})
# Said elsewhere on the page, or of use to programs only.
_NOT_SHOWN = frozenset({"sources", "notice", "person", "body", "pos", "session", "exception", "lat", "lng"})
_MOST = 8


def lines_of(
    kind: str, body: Mapping[str, Any], t: Translate, clock: Callable[[int], str], names: Mapping[str, str]
) -> list[tuple[str, str]]:
    """(label, text) of every part of a fact's body that says something to a person.

    `names`: of branches and sites by their ids, of channels and customer classes by their codes.
    """
    declared = {field.name: field.type for field in KINDS[kind].fields} if kind in KINDS else {}
    found: list[tuple[str, str]] = []
    for name, value in body.items():
        if name in _NOT_SHOWN or value is None or value in ("", [], {}):
            continue
        if text := _text(kind, name, value, declared.get(name, ""), t, clock, names):
            found.append((label(name, t), text))
    return found


def label(name: str, t: Translate) -> str:
    """How a part of a fact is called on pages."""
    return t(f"body.{name}") if f"body.{name}" in TEXTS else label_of("", name, t)


def _text(
    kind: str, name: str, value: Any, declared: str, t: Translate, clock: Callable[[int], str],
    names: Mapping[str, str],
) -> str:  # fmt: skip
    if isinstance(value, bool):
        return t("form.yes") if value else t("form.no")
    if isinstance(value, int) and (declared == "ms" or name in _INSTANTS):
        return clock(value)
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        if name == "reason" and kind in WITH_REASON:
            return reason_said(value, t)
        if name in _NAMED and kind != "complaint.lodged":
            return names.get(value, value)
        if kind == "notice.sent" and name == "to":
            role, _, who = value.partition(":")
            return f"{word(t, 'role', role)} {who}".rstrip()
        if kind == "complaint.lodged" and name == "class":
            return word(t, "opt.class", value)
        return word(t, _CODES[name], value) if name in _CODES else value
    if name == "changes" and isinstance(value, Mapping):
        return t("list.between").join(label(part, t) for part in value)
    return _several(value, t, names)


def _several(value: Any, t: Translate, names: Mapping[str, str]) -> str:
    """A list, of what its parts are called; a place or a person by its name."""
    if isinstance(value, Mapping):
        said = next((str(value[part]) for part in ("name", "address", "site") if value.get(part)), "")
        return names.get(said, said)
    if not isinstance(value, Sequence):
        return ""
    told = [_part(each, names) for each in value]
    shown = t("list.between").join(text for text in told[:_MOST] if text)
    return f"{shown} …" if len(told) > _MOST else shown


def _part(each: Any, names: Mapping[str, str]) -> str:
    if not isinstance(each, Mapping):
        return names.get(str(each), str(each))
    if "no" in each:
        return f"#{each['no']}"
    name = next((str(each[part]) for part in ("name", "sku", "site", "line", "unit") if each.get(part)), "")
    qty = each.get("qty")
    return f"{name} × {qty:g}" if isinstance(qty, int | float) else names.get(name, name)
