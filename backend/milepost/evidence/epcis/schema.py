"""The form of EPCIS 2.0 JSON documents, written down from the standard (EPCIS 2.0 clauses 7.3 to 7.4 and 12).

A JSON Schema (draft 7) of our own, one for each type of event, so that a complaint names the field that is wrong and
not the ten alternatives it did not match. What the digits of an identifier must be is judged beside it (`checks`).
"""

from collections.abc import Iterable
from typing import Any

from milepost.evidence.epcis import vocabulary as cbv

Schema = dict[str, Any]
EVENT_TYPES = ("ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent")

_URI: Schema = {"type": "string", "format": "uri", "maxLength": 1024}
_TIME: Schema = {"type": "string", "format": "date-time", "maxLength": 40}
_NUMBER: Schema = {"type": "number"}
# Fields that are not of the standard are written with a prefix of the context, or as a whole URI (clause 12.6).
_EXTENSION = {"^[A-Za-z][A-Za-z0-9+.-]*:\\S+$": True}
_CONTEXT: Schema = {
    "anyOf": [
        _URI,
        {"type": "object"},
        {"type": "array", "uniqueItems": True, "items": {"anyOf": [_URI, {"type": "object"}]}},
    ]
}


def _word(words: Iterable[str]) -> Schema:
    """A word of the vocabulary, or a URI of somebody's own (which has a colon: no word does)."""
    return {"type": "string", "anyOf": [{"enum": sorted(words)}, {"format": "uri", "pattern": ":"}]}


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _object(fields: Schema, required: Iterable[str] = (), *, extensions: bool = True) -> Schema:
    made: Schema = {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}
    if extensions:
        made["patternProperties"] = _EXTENSION
    return made


_QUANTITY = _object(
    {"epcClass": _URI, "quantity": _NUMBER, "uom": {"type": "string", "pattern": "^[A-Z0-9]{2,3}$"}},
    ["epcClass"],
    extensions=False,
)
_PLACE = _object({"id": _URI}, ["id"])
_DISPOSITION = _word(cbv.DISPOSITIONS)
_METADATA = _object(
    {"time": _TIME, "startTime": _TIME, "endTime": _TIME}
    | dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _URI)
)
_REPORT = _object(
    {
        "type": _word(cbv.MEASUREMENTS),
        "exception": _word(cbv.ALARMS),
        "time": _TIME,
        "component": _word(cbv.COMPONENTS),
        "stringValue": {"type": "string"},
        "booleanValue": {"type": "boolean"},
        "hexBinaryValue": {"type": "string", "pattern": "^[A-Fa-f0-9]+$"},
        "uom": {"type": "string"},
    }
    | dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "microorganism"), _URI)
    | dict.fromkeys(("chemicalSubstance", "uriValue", "coordinateReferenceSystem", "bizRules"), _URI)
    | dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), _NUMBER)
)
_COMMON: Schema = {
    "@context": _CONTEXT,
    "type": {"type": "string"},
    "eventTime": _TIME,
    "recordTime": _TIME,
    "eventTimeZoneOffset": {"type": "string", "pattern": "^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$"},
    "eventID": _URI,
    "certificationInfo": {"anyOf": [_URI, _list(_URI, 1)]},
    "errorDeclaration": _object(
        {"declarationTime": _TIME, "reason": _word(cbv.REASONS), "correctiveEventIDs": _list(_URI)},
        ["declarationTime"],
    ),
    "bizStep": _word(cbv.BIZ_STEPS),
    "disposition": _DISPOSITION,
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": _list(
        _object({"type": _word(cbv.BIZ_TRANSACTIONS), "bizTransaction": _URI}, ["bizTransaction"], extensions=False)
    ),
    "sourceList": _list(_object({"type": _word(cbv.PARTIES), "source": _URI}, ["type", "source"], extensions=False)),
    "destinationList": _list(
        _object({"type": _word(cbv.PARTIES), "destination": _URI}, ["type", "destination"], extensions=False)
    ),
    "sensorElementList": _list(
        _object({"sensorMetadata": _METADATA, "sensorReport": _list(_REPORT, 1)}, ["sensorReport"])
    ),
}
_ACTION: Schema = {"action": {"type": "string", "enum": ["OBSERVE", "ADD", "DELETE"]}}
_EPCS, _QUANTITIES = _list(_URI), _list(_QUANTITY)
_PERSISTENT: Schema = {
    "persistentDisposition": _object({"set": _list(_DISPOSITION, 1), "unset": _list(_DISPOSITION, 1)}, extensions=False)
}
_ILMD: Schema = {"ilmd": {"type": "object", "patternProperties": _EXTENSION, "additionalProperties": False}}
_CHILDREN: Schema = {"parentID": _URI, "childEPCs": _EPCS, "childQuantityList": _QUANTITIES}
_OWN: dict[str, tuple[Schema, list[str]]] = {
    "ObjectEvent": (
        _ACTION | _PERSISTENT | _ILMD | {"epcList": _EPCS, "quantityList": _QUANTITIES},
        ["action"],
    ),
    "AggregationEvent": (_ACTION | _CHILDREN, ["action"]),
    "AssociationEvent": (_ACTION | _CHILDREN, ["action", "parentID"]),
    "TransactionEvent": (
        _ACTION | {"parentID": _URI, "epcList": _EPCS, "quantityList": _QUANTITIES},
        ["action", "bizTransactionList"],
    ),
    "TransformationEvent": (
        _PERSISTENT
        | _ILMD
        | {"inputEPCList": _EPCS, "inputQuantityList": _QUANTITIES, "outputEPCList": _EPCS}
        | {"outputQuantityList": _QUANTITIES, "transformationID": _URI},
        [],
    ),
}


def event_schema(kind: str) -> Schema:
    """The schema of one type of event."""
    fields, required = _OWN[kind]
    return _object(_COMMON | fields, ["type", "eventTime", "eventTimeZoneOffset", *required])


def extended_schema() -> Schema:
    """Events of a type of somebody's own, named by a URI: only what all events have in common is judged."""
    own = {**_COMMON, "type": {"type": "string", "format": "uri", "pattern": ":"}}
    return {"type": "object", "properties": own, "required": ["type", "eventTime", "eventTimeZoneOffset"]}


def document_schema() -> Schema:
    """The frame of an EPCISDocument; its events are judged one by one."""
    body = {"type": "object", "properties": {"eventList": {"type": "array"}}, "required": ["eventList"]}
    frame = {
        "@context": _CONTEXT,
        "id": _URI,
        "type": {"const": "EPCISDocument"},
        "schemaVersion": {"type": "string", "pattern": "^2\\.[0-9]+(\\.[0-9]+)?$"},
        "creationDate": _TIME,
        "sender": _URI,
        "receiver": _URI,
        "instanceIdentifier": {"type": "string"},
        "epcisHeader": {"type": "object"},
        "epcisBody": {**body, "additionalProperties": False, "patternProperties": _EXTENSION},
    }
    return _object(frame, ["@context", "type", "schemaVersion", "creationDate", "epcisBody"])
