"""From the texts of a form to the body of a command, and from what is wrong with it to words beside the input. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from milepost.notify.reasons import written
from milepost.numbers import FORM
from milepost.web.forms.describe import Input, line_columns

MOST_LINES = 200
_LOCAL = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


class Texts(Protocol):
    """The fields of a sent form; a name may stand there more than once."""

    def getlist(self, key: Any, /) -> list[Any]: ...


class Wrong(Exception):
    """What is wrong with a form: `where` is the flat name of an input, `kind` names the text that explains it."""

    def __init__(self, faults: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        super().__init__("; ".join(f"{where}: {kind}" for where, kind, _ in faults))
        self.faults = list(faults)


def first(given: Texts, name: str) -> str:
    """The text of an input, without the space around it; empty when it is not there."""
    return next((str(value).strip() for value in given.getlist(name)), "")


def body_of(
    model: type[BaseModel],
    inputs: Iterable[Input],
    given: Texts,
    zone: ZoneInfo,
    ids: Mapping[str, Mapping[str, str]] | None = None,
) -> Any:
    """The body of a command from a form.

    `ids`: per widget (unit, site, vehicle, trip, door) the ids by the text that people know things by. Empty texts
    are left out. Raises Wrong.
    """
    tree: dict[str, Any] = {}
    faults: list[tuple[str, str, dict[str, Any]]] = []
    for each in inputs:
        try:
            value = _value(each, given, zone, ids or {})
        except Wrong as wrong:
            faults += wrong.faults
            continue
        if each.widget == "trouble" and value is not None:
            # One choice names an open exception by its kind and its key.
            tree["ex"], _, value = str(value).partition("|")
        if value is not None:
            _put(tree, each.path, value)
    try:
        body = model.model_validate(tree, context=FORM)
    except ValidationError as error:
        known = {where for where, _, _ in faults}
        faults += [fault for fault in map(_fault, error.errors()) if fault[0] not in known]
        raise Wrong(faults) from None
    if faults:
        raise Wrong(faults)
    return body


def rows_of(given: Texts, prefix: str, least: int) -> list[dict[str, str]]:
    """The rows of a table of goods as they were typed, at least `least` of them."""
    columns = line_columns()
    rows: list[dict[str, str]] = []
    for n in range(MOST_LINES):
        row = {each.name: first(given, f"{prefix}.{n}.{each.name}") for each in columns}
        if n >= least and not given.getlist(f"{prefix}.{n}.{columns[0].name}"):
            break
        rows.append(row)
    return rows


def local_text(at_ms: int | None, zone: ZoneInfo) -> str:
    """An instant (UTC ms) as an input of kind `datetime-local` shows it; empty for None."""
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%dT%H:%M")


def _value(each: Input, given: Texts, zone: ZoneInfo, ids: Mapping[str, Mapping[str, str]]) -> Any:
    text = first(given, each.name)
    match each.widget:
        case "lines":
            return _lines(each.name, given, ids.get("site", {}))
        case "parts":
            return None  # read together with the order's lines (parts.py)
        case "units-made":
            return _units_made(each.name, text)
        case "units":
            texts = [part for value in given.getlist(each.name) for part in str(value).replace(",", " ").split()]
            return [_known(each, part, ids.get("unit", {})) for part in texts] or None
        case "branch":
            return text or first(given, f"{each.name}.other") or None
        case "unit" | "site" | "vehicle" | "trip" | "door":
            return _known(each, text, ids.get(each.widget, {})) if text else None
        case "sites":
            rows = [line.strip() for line in text.splitlines() if line.strip()]
            return [_known(each, row, ids.get("site", {})) for row in rows] or None
        case "hidden":
            return None
        case "list":
            return [line.strip() for line in text.splitlines() if line.strip()] or None
        case "pairs":
            return _pairs(each.name, text)
        case "yes":
            return True if text else None
        case "must":
            # The body may take it for granted; a person has to say it.
            if not text:
                raise Wrong([(each.name, "missing", {})])
            return True
        case "yesno":
            return None if not text else text == "yes"
        case "time":
            return _instant(each, text, zone) if text else None
        case "int":
            return text.replace(" ", "").replace(",", "") or None
        case "reason":
            # A reason from the list, with the customer's own words beside it.
            return written(text, first(given, f"{each.name}.note")) or None
        case _:
            return text or None


def _put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _instant(each: Input, text: str, zone: ZoneInfo) -> str:
    """Local time of the company → RFC 3339; a time with an offset of its own stays as it is."""
    for form in _LOCAL:
        try:
            local = datetime.strptime(text, form).replace(tzinfo=zone)
            return local.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except (ValueError, OverflowError):
            continue
    if "Z" in text.upper() or "+" in text:
        return text
    raise Wrong([(each.name, "time", {})])


def _lines(name: str, given: Texts, sites: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Rows in which something stands; a row's number in the form stays its place, so that faults find it."""
    made = [{column: text for column, text in row.items() if text} for row in rows_of(given, name, 1)]
    while made and not made[-1]:
        made.pop()
    holes = [n for n, row in enumerate(made) if not row]
    if holes:
        raise Wrong([(f"{name}.{n}.qty", "hole", {}) for n in holes])
    for row in made:
        if "warehouse" in row:
            row["warehouse"] = sites.get(row["warehouse"], row["warehouse"])
    return made or None


def _units_made(name: str, text: str) -> list[dict[str, Any]] | None:
    """One unit a row: its EPCs, then after semicolons its line, pieces and kg, as far as they are known."""
    made: list[dict[str, Any]] = []
    for n, row in enumerate((row for row in text.splitlines() if row.strip()), 1):
        parts = [part.strip() for part in row.split(";")]
        if len(parts) > 4:
            raise Wrong([(name, "unit_row", {"n": n})])
        unit: dict[str, Any] = {"epcs": parts[0].split()}
        unit |= {key: part for key, part in zip(("line", "pieces", "kg"), parts[1:], strict=False) if part}
        made.append(unit)
    return made or None


def _known(each: Input, text: str, ids: Mapping[str, str]) -> str:
    """The id of a thing that somebody named by its number, code, plate or id."""
    for name in (text, text.removeprefix("#")):
        if name in ids:
            return ids[name]
    if text in ids.values():
        return text
    kind = "unit" if each.widget in ("unit", "units") else "unknown"
    raise Wrong([(each.name, kind, {"text": text[:40]})])


def _pairs(name: str, text: str) -> dict[str, Any] | None:
    """One `field = value` a row."""
    found: dict[str, Any] = {}
    for row in (row for row in text.splitlines() if row.strip()):
        key, equals, value = row.partition("=")
        if not equals or not key.strip():
            raise Wrong([(name, "pair", {"text": row.strip()[:40]})])
        found[key.strip()] = _plain(value.strip())
    return found or None


def _plain(text: str) -> Any:
    """A number or a yes where the text is one: corrections carry the fact's own types."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


_KINDS = {
    "missing": "missing",
    "string_too_short": "missing",
    "string_too_long": "long",
    "too_long": "many",
    "too_short": "few",
    "int_parsing": "whole",
    "int_from_float": "whole",
    "float_parsing": "number",
    "finite_number": "number",
    "greater_than": "above",
    "greater_than_equal": "least",
    "less_than_equal": "most",
    "literal_error": "choice",
    "date_parsing": "date",
    "date_from_datetime_parsing": "date",
    "date_from_datetime_inexact": "date",
}


def _fault(error: Any) -> tuple[str, str, dict[str, Any]]:
    """A fault of pydantic as (input, name of its text, values)."""
    where = ".".join(str(part) for part in error["loc"])
    context = error.get("ctx") or {}
    kind = _KINDS.get(error["type"], "other")
    values = {
        "long": {"n": context.get("max_length")},
        "many": {"n": context.get("max_length")},
        "few": {"n": context.get("min_length")},
        "above": {"n": context.get("gt")},
        "least": {"n": context.get("ge")},
        "most": {"n": context.get("le")},
        "other": {"text": str(error["msg"])},
    }.get(kind, {})
    return where, kind, {key: _number(value) for key, value in values.items()}


def _number(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value
