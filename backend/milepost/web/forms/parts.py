"""The table of a split: which goods of each line go into which order of their own (LI-7). Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from milepost.web.forms.reading import Texts, Wrong, first

MOST = 3  # orders that one form makes; for more it is sent again
_ELSEWHERE = ("name", "address", "phone")
Translate = Callable[..., str]


def start(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the table begins with: how much each line has, under the name of its row."""
    return {f"parts.of.{line['line']}": f"{line['ordered']:g}" for line in lines if line["ordered"]}


def table(
    choices: Sequence[tuple[str, str]],
    begun: Mapping[str, str],
    given: Texts | None,
    faults: Mapping[str, str],
    t: Translate,
) -> dict[str, Any]:
    """What a template draws: {rows: [{label, of, cells}], parts: [{n, inputs}], heads}. `choices`: the order's lines by
    their numbers; `given`, `faults`: of a form that came back."""

    def cell(name: str, label: str, kind: str = "text") -> dict[str, str]:
        value = "" if given is None else first(given, name)
        return {"name": name, "value": value, "fault": faults.get(name, ""), "label": label, "kind": kind}

    heads = [t("parts.order", n=n) for n in range(1, MOST + 1)]
    rows = [
        {"label": text, "of": begun.get(f"parts.of.{line}", ""),
         "cells": [cell(f"parts.{n}.qty.{line}", f"{text}, {head}") for n, head in enumerate(heads)]}
        for line, text in choices
    ]  # fmt: skip
    more = [
        {"head": head,
         "inputs": [*(cell(f"parts.{n}.to.{part}", t(f"field.to.{part}")) for part in _ELSEWHERE),
                    cell(f"parts.{n}.ship", t("field.dates.ship"), "date")]}
        for n, head in enumerate(heads)
    ]  # fmt: skip
    opened = any(each["value"] or each["fault"] for part in more for each in part["inputs"])
    return {"heads": heads, "rows": rows, "more": more, "more_open": opened, "fault": faults.get("parts", "")}


def read(given: Texts, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parts as the command takes them. Raises Wrong, each fault by the name of its cell."""
    faults: list[tuple[str, str, dict[str, Any]]] = []
    left = {str(line["line"]): float(line["ordered"] or 0) for line in lines}
    made: list[dict[str, Any]] = []
    for n in range(MOST):
        goods = []
        for line, has in left.items():
            name = f"parts.{n}.qty.{line}"
            text = first(given, name).replace(" ", "").replace(",", "")
            if not text:
                continue
            qty = _number(text)
            if qty is None:
                faults.append((name, "number", {}))
            elif qty <= 0:
                faults.append((name, "above", {"n": 0}))
            elif qty > has:
                faults.append((name, "most", {"n": f"{has:g}"}))
            else:
                left[line] = round(has - qty, 9)
                goods.append({"line": line, "qty": qty})
        to = {part: text for part in _ELSEWHERE if (text := first(given, f"parts.{n}.to.{part}"))}
        ship = first(given, f"parts.{n}.ship")
        if ship and not _is_day(ship):
            faults.append((f"parts.{n}.ship", "date", {}))
        if goods:
            made.append({"lines": goods, **({"to": to} if to else {}), **({"dates": {"ship": ship}} if ship else {})})
        elif (to or ship) and not faults:
            faults.append(("parts", "no_goods", {"n": n + 1}))
    if not faults and not made:
        faults.append(("parts", "no_parts", {}))
    if not faults and not any(left.values()):
        faults.append(("parts", "nothing_left", {}))
    if faults:
        raise Wrong(faults)
    return made


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -1e12 < value < 1e12 else None
