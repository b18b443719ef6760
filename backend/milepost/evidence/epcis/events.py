"""Reading an EPCIS event: its id, its instants, the things it names. Pure."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from milepost.evidence.epc import identity
from milepost.evidence.model import canonical
from milepost.times import parse_rfc3339

Event = Mapping[str, Any]
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
# Extension fields of ours: how sure a fact is, and what it rests on.
EXTENSION = {"milepost": "urn:x-milepost:epcis:"}
_NAMESPACE = uuid.UUID("0d6a7c1e-52b9-5f0e-9f53-0c6f3a8f2b41")
_NOT_CONTENT = ("eventID", "recordTime", "errorDeclaration", "@context")
# The fields that hold things, by the query's parameter.
THINGS = {
    "MATCH_epc": ("epcList", "childEPCs"),
    "MATCH_parentID": ("parentID",),
    "MATCH_inputEPC": ("inputEPCList",),
    "MATCH_outputEPC": ("outputEPCList",),
    "MATCH_anyEPC": ("epcList", "childEPCs", "parentID", "inputEPCList", "outputEPCList"),
}


def event_id(given: Event) -> str:
    """The id an event brought along, else one made of its content: the same event has the same id for ever.

    CBV's hash ids are not computed: no two programs agree on them (docs/decisions).
    """
    if isinstance(given.get("eventID"), str):
        return given["eventID"]
    content = {name: value for name, value in given.items() if name not in _NOT_CONTENT}
    return own_id("captured", canonical(content).decode())


def own_id(*parts: str) -> str:
    """A stable `urn:uuid:` id of what these parts name."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, canonical(list(parts)).decode())}"


def at_of(given: Event) -> int:
    """eventTime in UTC ms."""
    return parse_rfc3339(given["eventTime"], "eventTime")


def digest(given: Event) -> str:
    """SHA-256 of all that an event tells, its error declaration included: what is sent again has the same."""
    content = {name: value for name, value in given.items() if name not in ("eventID", "recordTime", "@context")}
    return hashlib.sha256(canonical(content)).hexdigest()


def things(given: Event, fields: Iterable[str] = THINGS["MATCH_anyEPC"]) -> list[str]:
    """Identities of the things in these fields of an event."""
    found: dict[str, None] = {}
    for name in fields:
        value = given.get(name)
        for text in [value] if isinstance(value, str) else value or ():
            found[identity(text)] = None
    return list(found)


def document(events: list[dict[str, Any]], created: str) -> dict[str, Any]:
    """An EPCISDocument of events. `created`: RFC 3339."""
    return {
        "@context": [CONTEXT, EXTENSION],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created,
        "epcisBody": {"eventList": events},
    }


def query_document(events: list[dict[str, Any]], created: str) -> dict[str, Any]:
    """An EPCISQueryDocument of events. `created`: RFC 3339."""
    return {
        "@context": [CONTEXT, EXTENSION],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": created,
        "epcisBody": {
            "queryResults": {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": events}},
        },
    }
