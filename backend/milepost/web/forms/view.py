"""A command's form as a template draws it: labels, values, choices, what is wrong. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from milepost.web.forms import acts, parts
from milepost.web.forms.describe import Input, inputs_of, line_columns
from milepost.web.forms.offers import Offers
from milepost.web.forms.reading import Texts, Wrong, first, rows_of
from milepost.web.texts import TEXTS

Translate = Callable[..., str]
_MOST_OPTIONS = 40  # beyond, a list of suggestions stands behind a text input instead of a menu
_HINTS = {"units-made": "form.epcs", "pairs": "form.pairs", "units": "form.units"}
ROWS = 5
MORE_ROWS = 10
# Widgets whose choices come from the installation or the order; the value may also be typed.
_SUGGESTED = ("branch", "site", "vehicle", "trip", "door", "channel", "class", "customer")


def form_of(
    command: str,
    body: Any,
    t: Translate,
    offers: Offers,
    *,
    start: Mapping[str, str] | None = None,
    given: Texts | None = None,
    wrong: Wrong | None = None,
    rows: int = ROWS,
    near: Sequence[Mapping[str, Any]] = (),
    folded: str = "",
) -> dict[str, Any]:
    """What a template needs of one form.

    `start`: values an untouched form begins with; `given`: what was typed, when it comes back with a fault; `near`:
    branches by distance {id, name, distance_m, waiting}, offered where one is to be chosen; `folded`: the part of the
    form that most people no longer need now.
    """
    described = inputs_of(command, body)
    faults, general = placed(wrong, described, t)
    inputs = []
    for each in described:
        if each.widget == "hidden":
            continue
        if folded and each.path[0] == folded and not each.needed:
            each = replace(each, rare=True)  # noqa: PLW2901
        shown = _input(command, each, t, offers, start or {}, given, faults, rows)
        if near and command in ("assign", "reroute") and each.widget == "branch":
            other = first(given, f"{each.name}.other") if given is not None else ""
            shown |= {"widget": "near", "near": near, "other": other}
        inputs.append(shown)
    return {
        "name": command,
        "act": t(f"act.{command}") if f"act.{command}" in TEXTS else command,
        "help": t(f"help.{command}") if f"help.{command}" in TEXTS else "",
        "asked": command in acts.ASKED,
        "effect": t(f"effect.{command}") if command in acts.ASKED else "",
        "danger": command in acts.DANGER,
        # Mark the fewer: what must be filled in, or what need not be.
        "mark": "needed" if sum(each["needed"] for each in inputs) * 2 < len(inputs) else "optional",
        "inputs": [each for each in inputs if not each["rare"]],
        "rare": [each for each in inputs if each["rare"]],
        "rare_open": any(each["fault"] or each["value"] for each in inputs if each["rare"]),
        "open": given is not None,
        "faults": len(faults) + len(general),
        "general": general,
    }


def label_of(command: str, name: str, t: Translate) -> str:
    """The label of an input: the command's own, that of the whole path, or that of its last part."""
    for key in (f"field.{command}.{name}", f"field.{name}", f"field.{name.removeprefix('changes.')}"):
        if key in TEXTS:
            return t(key)
    last = f"field.{name.rsplit('.', 1)[-1]}"
    return t(last) if last in TEXTS else name


def column_name(name: str, t: Translate) -> str:
    """The head of a column of goods; one that has no words yet speaks for itself."""
    return t(f"col.{name}") if f"col.{name}" in TEXTS else name


def placed(wrong: Wrong | None, described: tuple[Input, ...], t: Translate) -> tuple[dict[str, str], list[str]]:
    """Faults by the input they stand beside (cells of goods by row and column), and those that belong to none."""
    beside: dict[str, str] = {}
    general: list[str] = []
    names = {each.name for each in described}
    tables = {each.name for each in described if each.widget in ("lines", "parts")}
    for where, kind, values in wrong.faults if wrong else ():
        text = t(f"fault.{kind}", **values) if values else t(f"fault.{kind}")
        parts = where.split(".")
        if any(where.startswith(f"{table}.") for table in tables):
            beside.setdefault(where, text)
            continue
        while parts and ".".join(parts) not in names:
            parts.pop()
        if parts:
            beside.setdefault(".".join(parts), text)
        else:
            general.append(f"{label_of('', where, t)}: {text}" if where else text)
    return beside, general


def _input(
    command: str,
    each: Input,
    t: Translate,
    offers: Offers,
    start: Mapping[str, str],
    given: Texts | None,
    faults: Mapping[str, str],
    rows: int,
) -> dict[str, Any]:
    value = first(given, each.name) if given is not None else start.get(each.name, "")
    # What the order knows by its id people know by a code or a plate.
    value = next((text for text, known in offers.ids.get(each.widget, {}).items() if known == value), value)
    choices = offers.choices.get(each.widget, [])
    if each.widget == "choice":
        own = f"opt.{each.path[-1]}"
        choices = [(name, t(f"{own}.{name}") if f"{own}.{name}" in TEXTS else name) for name in each.choices]
    shown: dict[str, Any] = {
        "name": each.name,
        "id": f"{command}-{each.name}".replace(".", "-"),
        "label": label_of(command, each.name, t),
        "widget": _drawn(each, choices, value),
        "needed": each.needed,
        "rare": each.rare,
        "value": value,
        "choices": choices,
        "list": f"dl-{each.widget}" if each.widget in _SUGGESTED and choices else "",
        "longest": each.longest,
        "low": each.low,
        "high": each.high,
        "fault": faults.get(each.name, ""),
        "hint": t(_HINTS[each.widget]) if each.widget in _HINTS else "",
    }
    if each.widget == "lines":
        shown |= _table(each.name, t, given, faults, rows, start)
    if each.widget == "parts":
        shown |= parts.table(offers.choices.get("line", []), start, given, faults, t)
    if each.widget == "reason":
        shown["note"] = first(given, f"{each.name}.note") if given is not None else ""
    return shown


def _drawn(each: Input, choices: list[tuple[str, str]], value: str) -> str:
    """Which control is drawn: a menu where everything there is fits into one, else a text with suggestions."""
    if each.widget in (
        "choice",
        "asker",
        "hold",
        "paid",
        "relation",
        "stage",
        "trouble",
        "held",
        "fact",
        "line",
        "case",
        "ex",
    ):
        return "select" if choices or each.widget in ("trouble", "held", "fact", "case") else "text"
    if each.widget == "unit" and choices:
        return "select" if len(choices) <= _MOST_OPTIONS else "text"
    if each.widget == "customer":
        return "suggest"  # a new customer is simply typed; the register takes it in
    if each.widget in _SUGGESTED:
        known = value == "" or any(value == code for code, _ in choices)
        return "select" if choices and len(choices) <= _MOST_OPTIONS and known else "suggest"
    return {"list": "area", "pairs": "area", "sites": "area", "units-made": "area", "order": "text",
            "unit": "text", "units": "text"}.get(each.widget, each.widget)  # fmt: skip


def _table(
    name: str, t: Translate, given: Texts | None, faults: Mapping[str, str], rows: int, start: Mapping[str, str]
) -> dict[str, Any]:
    columns = line_columns()
    typed = rows_of(given, name, rows) if given is not None else [dict.fromkeys((c.name for c in columns), "")] * rows
    if given is None:
        for n, row in enumerate(typed):
            typed[n] = {column: start.get(f"{name}.{n}.{column}", "") for column in row}
    return {
        "columns": [{"name": c.name, "label": column_name(c.name, t), "widget": c.widget, "needed": c.needed,
                     "longest": c.longest} for c in columns],
        "rows": [
            [{"name": f"{name}.{n}.{c.name}", "value": row[c.name], "fault": faults.get(f"{name}.{n}.{c.name}", ""),
              "label": f"{t('form.row', n=n + 1)}: {column_name(c.name, t)}"} for c in columns]
            for n, row in enumerate(typed)
        ],
        "fault": faults.get(name, ""),
    }  # fmt: skip
