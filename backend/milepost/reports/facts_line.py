"""One line of a file of facts to one fact (ORDERS.md §5; docs/facts.md is the page for those who write such files)."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from milepost.access.model import ROLES
from milepost.errors import Invalid
from milepost.evidence.model import SOURCES, Author, Fact, canonical, fact_id
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, Kind, validate
from milepost.reports.points import parse_points
from milepost.times import parse_rfc3339

_ENVELOPE = frozenset(
    {"kind", "at", "by", "source", "id", "rev", "recorded_at", "received_at", "clock", "confidence", "grade", "inputs"}
    | {"snapshot", "rule", "subjects", "body", "stages"}
)
_ROLES = frozenset(ROLES) | {"device", "timer", "partner", "service"}
_SHORT_ROLES = {"dev": "device", "bm": "branch_manager", "cc": "call_centre"}
# Fields whose plain name belongs to the envelope: at the top level they carry this name.
ALIASES = {
    "trip.planned": {"trip_kind": "kind"},
    "return.requested": {"return_kind": "kind"},
    "price.agreed": {"agreed_by": "by"},
}
_INSTANTS = frozenset({"at", "recorded_at", "can_receive_at", "eta", "placed_at", "from", "to"})
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d[Tt ])24:00(:00(?:\.0+)?)?(|[Zz+-].*)", re.DOTALL)
_TIMED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")
_DAY_MS = 86_400_000
_YEARS_MS = (-62135596800000, 253402300799999)
_MAX_ID = 64
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_line(text: str) -> Fact:
    """The fact that one line of JSON says. Raises Invalid telling what is wrong and how to write it."""
    return to_fact(load_json(text))


def to_fact(given: Any) -> Fact:
    """A fact from one JSON object: fields at its top level, in `body`, or both; subjects likewise."""
    if not isinstance(given, dict):
        raise Invalid('a line is one JSON object like {"kind": "order.accepted", "at": …, "by": {…}, …}')
    name = given.get("kind")
    if not isinstance(name, str):
        raise Invalid("field 'kind' is missing; docs/facts.md lists the kinds")
    kind = KINDS.get(name)
    if kind is None:
        raise Invalid(f"{name[:80]!r} is no kind of fact; docs/facts.md lists them")
    by = _author(given.get("by"), kind)
    at = instant(given.get("at"), f"{name}: at")
    subjects, body = _fields(given, kind)
    recorded_at = _optional_instant(given, "recorded_at", name)
    received_at = _optional_instant(given, "received_at", name)
    inputs = given.get("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(each, str) for each in inputs):
        raise Invalid(f"{name}: inputs must be a list of texts")
    identity = inputs or [canonical([at, [by.role, by.id, by.branch], body]).decode()]
    fact = Fact(
        id=_id(given.get("id"), name) or fact_id(name, subjects, identity),
        kind=name,
        at=at,
        by=by,
        subjects=subjects,
        rev=_rev(given.get("rev"), name),
        recorded_at=recorded_at,
        received_at=received_at,
        source=_source(given.get("source"), kind, by.role),
        body=body,
        confidence=_confidence(given.get("confidence"), name),
        inputs=tuple(inputs),
    )
    validate(fact)
    _check_points(fact)
    return fact


def instant(value: Any, name: str) -> int:
    """UTC ms of an RFC 3339 text with offset, or of a whole number of ms. Raises Invalid.

    "24:00:00" is the midnight that ends the day (K01).
    """
    if isinstance(value, str):
        extra = 0
        text = value.strip()
        if found := _MIDNIGHT.fullmatch(text):
            text, extra = f"{found[1]}00:00{found[2] or ':00'}{found[3]}", _DAY_MS
        if text.endswith("z"):
            text = text[:-1] + "Z"
        try:
            return parse_rfc3339(text, name) + extra
        except Invalid as error:
            raise Invalid(error.message.replace(repr(text), repr(value[:60]))) from None
        except OverflowError:
            raise Invalid(f"{name}: {value[:60]!r} lies outside the years 1 to 9999") from None
    if isinstance(value, int) and not isinstance(value, bool):
        if not _YEARS_MS[0] <= value <= _YEARS_MS[1]:
            raise Invalid(f"{name}: {value} ms lies outside the years 1 to 9999")
        return value
    if value is None:
        raise Invalid(f"{name} is missing; write it like 2026-03-02T12:05:06+08:00")
    raise Invalid(f"{name} must be a time like 2026-03-02T12:05:06+08:00, or whole ms since 1970")


def load_json(text: str) -> Any:
    """One JSON value, strictly: no key twice, no NaN, nothing nested without end. Raises Invalid."""
    try:
        value = json.loads(text, object_pairs_hook=_no_twice, parse_constant=_no_constant, parse_float=_finite)
    except Invalid:
        raise
    except json.JSONDecodeError as error:
        raise Invalid(f"no JSON: {error.msg} at column {error.colno}; one whole object per line") from None
    except RecursionError:
        raise Invalid("no JSON we read: nested too deep") from None
    except ValueError as error:
        raise Invalid(f"no JSON we read: {str(error)[:120]}") from None
    if _SURROGATE.search(text):
        try:
            canonical(value)
        except UnicodeEncodeError:
            raise Invalid(r"half a character (a lone \ud800…\udfff); write the character itself in UTF-8") from None
    return value


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise Invalid(f"key {twice[:80]!r} stands twice in one object; which one holds?")
    return found


def _no_constant(name: str) -> Any:
    raise Invalid(f"{name} is no number of JSON; leave the field out when it is unknown")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Invalid(f"{text[:40]} is no number we can hold; leave the field out when it is unknown")
    return number


def _author(given: Any, kind: Kind) -> Author:
    example = '{"role": "desk", "id": "p1"}'
    if not isinstance(given, dict):
        said = "is missing" if given is None else "must be an object"
        hint = "; the field of the same name is written agreed_by" if kind.name == "price.agreed" else ""
        raise Invalid(f"{kind.name}: by {said}; write who says so like {example}{hint}")
    role, person, branch = given.get("role"), given.get("id"), given.get("branch")
    if not isinstance(role, str):
        raise Invalid(f"{kind.name}: by.role is missing; like {example}")
    role = _SHORT_ROLES.get(role, role)
    if role not in _ROLES:
        raise Invalid(f"{kind.name}: by.role {role[:40]!r} is none of {', '.join(sorted(_ROLES))}")
    if not isinstance(person, str) or not person:
        raise Invalid(f"{kind.name}: by.id is missing; like {example}")
    if branch is not None and (not isinstance(branch, str) or not branch):
        raise Invalid(f"{kind.name}: by.branch must be text that is not empty, or left out")
    return Author(role, person, branch)


def _fields(given: Mapping[str, Any], kind: Kind) -> tuple[dict[str, str], dict[str, Any]]:
    body = dict(_object(given, "body", kind))
    aliases = ALIASES.get(kind.name, {})
    for key, value in given.items():
        if key in _ENVELOPE or value is None:
            continue
        name = aliases.get(key, key)
        if name in body:
            raise Invalid(f"{kind.name}: {key!r} stands at the top level and in body; once is enough")
        body[name] = value
    if kind.name in ("trip.planned", "return.requested") and "kind" not in body:
        alias = next(iter(aliases))
        raise Invalid(f"{kind.name}: field {alias!r} is missing ('kind' itself names the fact)")
    if kind.name == "price.agreed" and "by" not in body:
        raise Invalid("price.agreed: field 'agreed_by' is missing ('by' itself names the author)")
    subjects = _subjects(given, kind)
    for name in SUBJECT_KEYS:
        value = body.get(name)
        if isinstance(value, str) and value:
            if subjects.get(name, value) != value:
                raise Invalid(f"{kind.name}: {name!r} is {value!r} here and {subjects[name]!r} in subjects")
            subjects[name] = body.pop(name)
    for name, subject in subjects.items():
        if len(subject) > _MAX_ID:
            raise Invalid(f"{kind.name}: {name!r} is longer than {_MAX_ID} characters")
    _read_times(body, kind)
    points = body.get("points")
    if kind.name == "complaint.substantiated" and isinstance(points, dict):
        body["points"] = f"{points.get('id')}" + (f":{points['points']}" if "points" in points else "")
    return subjects, body


def _object(given: Mapping[str, Any], name: str, kind: Kind) -> Mapping[str, Any]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{kind.name}: {name} must be an object")
    return value


def _subjects(given: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """`{"order": "o1"}`, or the list of {kind, id, text} that our API shows."""
    value = given.get("subjects")
    if isinstance(value, list) and all(isinstance(each, dict) and isinstance(each.get("kind"), str) for each in value):
        value = {each["kind"]: each.get("id") for each in value}
    elif value is None:
        value = {}
    if not isinstance(value, dict):
        raise Invalid(f'{kind.name}: subjects must be an object like {{"order": "o1"}}')
    for name, subject in value.items():
        if name not in SUBJECT_KEYS:
            raise Invalid(f"{kind.name}: subjects: {name[:40]!r} is none of {', '.join(SUBJECT_KEYS)}")
        if not isinstance(subject, str) or not subject:
            raise Invalid(f"{kind.name}: subjects: {name!r} must be text that is not empty")
    return dict(value)


def _read_times(body: dict[str, Any], kind: Kind) -> None:
    """Instants among the fields, as ms. Dates stay dates."""
    for field in kind.fields:
        if field.type == "ms" and field.name in body:
            body[field.name] = instant(body[field.name], f"{kind.name}: {field.name}")
    if isinstance(dates := body.get("dates"), dict):
        body["dates"] = _within(dates, f"{kind.name}: dates")
    if kind.name == "fact.corrected" and isinstance(fields := body.get("fields"), dict):
        body["fields"] = {
            name: instant(value, f"{kind.name}: fields.{name}")
            if name in _INSTANTS and isinstance(value, str) and _TIMED.match(value)
            else value
            for name, value in fields.items()
        }


def _within(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _within(each, f"{name}.{key}") for key, each in value.items()}
    return instant(value, name) if isinstance(value, str) and _TIMED.match(value) else value


def _optional_instant(given: Mapping[str, Any], name: str, kind: str) -> int | None:
    return None if given.get(name) is None else instant(given[name], f"{kind}: {name}")


def _id(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID:
        raise Invalid(f"{kind}: id must be text of 1 to {_MAX_ID} characters; left out, it is made of the rest")
    return value


def _rev(value: Any, kind: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Invalid(f"{kind}: rev must be a whole number from 0")
    return value


def _confidence(value: Any, kind: str) -> float:
    if value is None:
        return 1.0
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Invalid(f"{kind}: confidence must be a number from 0 to 1")
    return float(value)


def _source(value: Any, kind: Kind, role: str) -> str:
    """The source as given; else by whom: a device's positions are gnss, its reads rfid, a partner's word partner."""
    if value is not None:
        if not isinstance(value, str) or value not in SOURCES:
            raise Invalid(f"{kind.name}: source {str(value)[:40]!r} is none of {', '.join(SOURCES)}")
        return value
    if role == "device":
        return "gnss" if kind.name.startswith("vehicle.") else "rfid"
    if role == "partner":
        return "partner"
    return "scan" if not kind.may_author(role, "person") and kind.may_author(role, "scan") else "person"


def _check_points(fact: Fact) -> None:
    if fact.kind == "complaint.substantiated":
        parse_points(fact.body["points"])
    elif fact.kind == "proposal.decided" and fact.body["verdict"] not in ("approved", "rejected"):
        raise Invalid("proposal.decided: verdict must be approved or rejected")
