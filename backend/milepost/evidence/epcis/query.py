"""The simple event query (EPCIS 2.0 clause 8.2.7): filters over events, ours and those of partners. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from milepost.evidence.epc import EpcError, identity, read
from milepost.evidence.epcis.events import THINGS, things
from milepost.evidence.epcis.vocabulary import bare

Event = Mapping[str, Any]
Values = frozenset[str]
_TYPED = {"EQ_bizTransaction": ("bizTransactionList", "bizTransaction"), "EQ_source": ("sourceList", "source"),
          "EQ_destination": ("destinationList", "destination")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for. `equal` and `match` by the names of the standard (EQ_bizStep, MATCH_epc, …), each a set of
    values of which one must be met; times are UTC ms, from inclusive and to exclusive."""

    equal: Mapping[str, Values]
    match: Mapping[str, Values]
    typed: Mapping[tuple[str, str], Values]
    from_ms: int | None = None
    to_ms: int | None = None
    recorded_from_ms: int | None = None
    recorded_to_ms: int | None = None
    erroneous: bool | None = None

    def things(self) -> frozenset[str] | None:
        """Identities of which an event must name one; None where any will do."""
        sets = list(self.match.values())
        return sets[0] if sets else None

    def meets(self, given: Event) -> bool:
        """True when an event is asked for; its times have been looked at already."""
        return (
            all(values & _values(given, name) for name, values in self.equal.items())
            and all(values & set(things(given, THINGS[name])) for name, values in self.match.items())
            and all(values & _of_type(given, *key) for key, values in self.typed.items())
            and self.erroneous in (None, "errorDeclaration" in given)
        )


def wanted(texts: Mapping[str, list[str]], times: Mapping[str, int | None], erroneous: bool | None) -> Filter:
    """A filter from parameters by the names of the standard. `times`: GE_eventTime and the like in UTC ms."""
    equal, match, typed = {}, {}, {}
    for name, values in texts.items():
        if name in THINGS:
            match[name] = frozenset(_identity(text) for text in values)
        elif (key := next((each for each in _TYPED if name.startswith(f"{each}_")), None)) is not None:
            typed[key, name.removeprefix(f"{key}_")] = frozenset(_place(text) for text in values)
        else:
            equal[name] = frozenset(_normal(name, text) for text in values)
    return Filter(
        equal, match, typed, times.get("GE_eventTime"), times.get("LT_eventTime"), times.get("GE_recordTime"),
        times.get("LT_recordTime"), erroneous,
    )  # fmt: skip


def _identity(text: str) -> str:
    """A thing as it may be asked for: a URI, a Digital Link, or the hex digits of its tag."""
    if ":" in text:
        return identity(text)
    try:
        found = read(text.upper())
    except EpcError:
        return text
    return found.digital_link or found.uri


def _place(text: str) -> str:
    return identity(text) if ":" in text else text


def _normal(name: str, text: str) -> str:
    kind = {"EQ_bizStep": "bizstep", "EQ_disposition": "disp"}.get(name)
    if kind is None and name.startswith("EQ_persistentDisposition"):
        kind = "disp"
    if kind is not None:
        return bare(kind, text)
    return _place(text) if name in ("EQ_readPoint", "EQ_bizLocation") else text


def _values(given: Event, name: str) -> Values:
    if name == "eventType":
        return frozenset({given["type"]})
    if name in ("EQ_readPoint", "EQ_bizLocation"):
        place = given.get(name.removeprefix("EQ_"))
        return frozenset({_place(place["id"])}) if place else frozenset()
    if name.startswith("EQ_persistentDisposition_"):
        words = (given.get("persistentDisposition") or {}).get(name.removeprefix("EQ_persistentDisposition_"), ())
        return frozenset(bare("disp", word) for word in words)
    declaration = given.get("errorDeclaration") or {}
    if name == "EQ_errorReason":
        return frozenset({declaration.get("reason", "")})
    if name == "EQ_correctiveEventID":
        return frozenset(declaration.get("correctiveEventIDs", ()))
    text = given.get(name.removeprefix("EQ_"))
    return frozenset() if text is None else frozenset({_normal(name, text)})


def _of_type(given: Event, key: str, kind: str) -> Values:
    field, value = _TYPED[key]
    rows = given.get(field) or ()
    return frozenset(_place(row[value]) for row in rows if bare("btt", row.get("type", "")) == kind)
