"""Is an EPCIS 2.0 document right? Its form by schema, then what a schema cannot see: digits, parents, times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from milepost.errors import Invalid
from milepost.evidence.epc import EpcError, check_uri
from milepost.evidence.epcis.schema import EVENT_TYPES, document_schema, event_schema, extended_schema
from milepost.evidence.epcis.vocabulary import BIZ_STEPS, BIZ_TRANSACTIONS, DISPOSITIONS, bare
from milepost.times import parse_rfc3339

Event = Mapping[str, Any]
_EVENTS = {kind: jsonschema_rs.Draft7Validator(event_schema(kind), validate_formats=True) for kind in EVENT_TYPES}
_EXTENDED = jsonschema_rs.Draft7Validator(extended_schema(), validate_formats=True)
_FRAME = jsonschema_rs.Draft7Validator(document_schema(), validate_formats=True)
_MOST = 20  # complaints about one event
_EPC_FIELDS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CLASS_FIELDS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong: `where` as a JSON pointer, `what` in words."""

    where: str
    what: str


def frame(document: Any) -> list[Complaint]:
    """What is wrong with a document apart from its events."""
    return _schema(_FRAME, document, "")


def event(given: Any, where: str = "", *, alone: bool = False) -> list[Complaint]:
    """What is wrong with one event; `alone`: it stands in no document and brings its own @context."""
    if not isinstance(given, Mapping):
        return [Complaint(where, "an event is an object")]
    kind = given.get("type")
    if not isinstance(kind, str):
        return [Complaint(f"{where}/type", f"one of {', '.join(EVENT_TYPES)}, or a URI of your own")]
    wrong = _schema(_EVENTS.get(kind, _EXTENDED), given, where)
    if alone and "@context" not in given:
        wrong.append(Complaint(f"{where}/@context", "an event by itself names its context"))
    if not wrong:
        wrong = list(_meaning(given, where))[:_MOST]
    return wrong


def _schema(validator: jsonschema_rs.Draft7Validator, given: Any, where: str) -> list[Complaint]:
    if validator.is_valid(given):
        return []
    wrong = []
    for error in validator.iter_errors(given):
        place = "".join(f"/{part}" for part in error.instance_path)
        what = str(error.message)[:300]
        if list(error.schema_path)[-1:] == ["anyOf"] and isinstance(error.instance, str):
            what = f"{error.instance[:80]!r} is no word of the vocabulary (CBV 2.0), and no URI either"
        wrong.append(Complaint(where + place, what))
        if len(wrong) == _MOST:
            break
    return wrong


def _meaning(given: Event, where: str) -> Iterator[Complaint]:
    for name in ("eventTime", "recordTime"):
        if name in given:
            try:
                parse_rfc3339(given[name], name)
            except Invalid as error:
                yield Complaint(f"{where}/{name}", error.message)
    for place, text, instance in _identifiers(given, where):
        try:
            check_uri(text)
        except EpcError as error:
            yield Complaint(place, str(error))
            continue
        if instance and text.startswith(("urn:epc:class:", "urn:epc:idpat:")):
            yield Complaint(place, "a class or pattern is no single thing; it belongs into a quantity list")
    yield from _words(given, where)
    yield from _of_type(given, where)


def _identifiers(given: Event, where: str) -> Iterator[tuple[str, str, bool]]:
    """Place, text, and whether it must be one thing and not a class."""
    for name in _EPC_FIELDS:
        for number, text in enumerate(given.get(name) or ()):
            yield f"{where}/{name}/{number}", text, True
    if "parentID" in given:
        yield f"{where}/parentID", given["parentID"], True
    for name in _CLASS_FIELDS:
        for number, row in enumerate(given.get(name) or ()):
            yield f"{where}/{name}/{number}/epcClass", row["epcClass"], False
    for name in ("readPoint", "bizLocation"):
        if name in given:
            yield f"{where}/{name}/id", given[name]["id"], True
    for name, field in (("sourceList", "source"), ("destinationList", "destination")):
        for number, row in enumerate(given.get(name) or ()):
            yield f"{where}/{name}/{number}/{field}", row[field], True
    for number, row in enumerate(given.get("bizTransactionList") or ()):
        yield f"{where}/bizTransactionList/{number}/bizTransaction", row["bizTransaction"], True


def _words(given: Event, where: str) -> Iterator[Complaint]:
    """A long form of the CBV must name a word that the CBV has."""
    for name, kind, words in (("bizStep", "bizstep", BIZ_STEPS), ("disposition", "disp", DISPOSITIONS)):
        text = given.get(name)
        if text is not None and bare(kind, text) != text and bare(kind, text) not in words:
            yield Complaint(f"{where}/{name}", f"{text!r}: the CBV has no such word")
    for number, row in enumerate(given.get("bizTransactionList") or ()):
        text = row.get("type", "")
        if bare("btt", text) != text and bare("btt", text) not in BIZ_TRANSACTIONS:
            yield Complaint(f"{where}/bizTransactionList/{number}/type", f"{text!r}: the CBV has no such word")


def _of_type(given: Event, where: str) -> Iterator[Complaint]:
    """What a type asks for together (EPCIS 2.0 clauses 7.4.2 to 7.4.6)."""
    kind, action = given["type"], given.get("action")
    if kind == "ObjectEvent":
        if "ilmd" in given and action != "ADD":
            yield Complaint(f"{where}/ilmd", "only an ObjectEvent that adds may say how the thing was made")
        sensed = given.get("sensorElementList") and "readPoint" in given
        if "epcList" not in given and not given.get("quantityList") and not sensed:
            yield Complaint(where, "epcList, quantityList, or sensorElementList with a readPoint: say of what it tells")
    elif kind in ("AggregationEvent", "AssociationEvent"):
        children = given.get("childEPCs") or ()
        if action != "DELETE" and not children and not given.get("childQuantityList"):
            yield Complaint(f"{where}/childEPCs", "empty means all of them, which only a DELETE may say (cases P03)")
        if action != "OBSERVE" and "parentID" not in given:
            yield Complaint(f"{where}/parentID", f"{action} needs the parent")
        if given.get("parentID") in children:
            yield Complaint(f"{where}/childEPCs", "a thing cannot lie in itself")
    elif kind == "TransactionEvent":
        if not given["bizTransactionList"]:
            yield Complaint(f"{where}/bizTransactionList", "name at least one transaction")
        if action != "DELETE" and "epcList" not in given and not given.get("quantityList"):
            yield Complaint(f"{where}/epcList", "empty means all of them, which only a DELETE may say")
    elif kind == "TransformationEvent":
        inputs = given.get("inputEPCList") or given.get("inputQuantityList")
        outputs = given.get("outputEPCList") or given.get("outputQuantityList")
        if not (inputs and outputs) and not ("transformationID" in given and (inputs or outputs)):
            yield Complaint(where, "inputs and outputs, or one of them with a transformationID")
