"""Our facts as EPCIS events: each kind right by the same checks that partners' events pass, ids for ever the same,
corrections told in the way of the standard."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.epcis import checks, export
from milepost.evidence.epcis.events import document
from milepost.evidence.model import Author, Fact, fact_id
from milepost.orders.vocabulary import KINDS

T0 = 1_790_000_000_000
SSCC = "urn:epc:id:sscc:9521141.0000000001"
NAMES = export.Names(
    unit=lambda unit, _at: SSCC if unit == "u1" else f"urn:uuid:{unit}",
    vehicle=lambda vehicle, _at: f"urn:uuid:{vehicle}",
    door=lambda door: f"urn:epc:id:sgln:9521141.12345.{door}",
    site=lambda site: f"urn:uuid:{site}",
    place=lambda site: "geo:31.230400,121.473700" if site == "s1" else None,
    order_of=lambda unit: "o1" if unit.startswith("u") else None,
    units_of=lambda _order: ["u1", "u2"],
    offset=lambda _at, site: 480 if site else 0,
)


def fact(kind: str, subjects: dict[str, str] | None = None, **more: Any) -> Fact:
    """One fact; what its kind needs is filled in."""
    told: dict[str, Any] = {"source": "rfid", "confidence": 0.9995, "grade": "B", "rule": "dock/1", **more}
    given_ = {"unit": "u1", "vehicle": "v1", "site": "s1", "door": "3"} if subjects is None else subjects
    return Fact(fact_id(kind, given_, ("x",)), kind, T0, Author("device", "r"), given_, received_at=T0 + 500, **told)


ONE_EACH = {
    "unit.picked": fact("unit.picked", {"unit": "u1", "order": "o1"}),
    "unit.loaded": fact("unit.loaded", body={"trip": "t1"}),
    "unit.unloaded": fact("unit.unloaded"),
    "unit.passed_back": fact("unit.passed_back"),
    "unit.seen": fact("unit.seen", {"unit": "u2", "site": "s1", "door": "3"}, body={"direction": "out"}),
    "vehicle.left": fact("vehicle.left", {"vehicle": "v1", "site": "s1"}),
    "vehicle.entered": fact("vehicle.entered", {"vehicle": "v1", "site": "s2"}),
    "vehicle.stopped": fact("vehicle.stopped", {"vehicle": "v1", "site": "s2"}),
    "session.closed": fact("session.closed", {"trip": "t1", "door": "3", "vehicle": "v1"},
                           body={"direction": "load", "short": ["u1"], "over": ["u2"]}),
    "order.signed": fact("order.signed", {"order": "o1"}, body={"signer": "x", "pieces": 2}, source="person"),
    "order.signed_abnormal": fact("order.signed_abnormal", {"order": "o1"}, body={"short": 1, "damaged": 0}),
    "order.refused": fact("order.refused", {"order": "o1"}, body={"reason": "late"}),
    "return.received": fact("return.received", {"order": "o1"}, body={"zone": "R", "units": ["u1"]}),
}  # fmt: skip


def one(told: Fact, *known: Fact) -> dict[str, Any]:
    (event,) = export.events(told, known, NAMES)
    return event


@pytest.mark.parametrize("kind", sorted(export.KINDS))
def test_every_kind_of_fact_that_is_told_makes_right_events(kind):
    assert kind in KINDS, "the vocabulary knows it"
    events = export.events(ONE_EACH[kind], (), NAMES)
    assert events
    for event in events:
        assert checks.event(event) == []
        assert event["milepost:evidence"] == ONE_EACH[kind].id
    assert checks.frame(document(events, "2026-03-02T08:00:00Z")) == []


@pytest.mark.parametrize(
    ("kind", "want"),
    [
        ("unit.loaded", {"type": "AggregationEvent", "action": "ADD", "bizStep": "loading", "parentID": "urn:uuid:v1",
                         "childEPCs": [SSCC], "eventTimeZoneOffset": "+08:00"}),
        ("unit.unloaded", {"action": "DELETE", "bizStep": "unloading"}),
        ("unit.passed_back", {"action": "DELETE", "bizStep": "void_shipping"}),
        ("unit.seen", {"type": "ObjectEvent", "bizStep": "entering_exiting", "epcList": ["urn:uuid:u2"]}),
        ("vehicle.left", {"bizStep": "departing", "disposition": "in_transit", "epcList": ["urn:uuid:v1"],
                          "readPoint": {"id": "geo:31.230400,121.473700"}, "bizLocation": {"id": "urn:uuid:s1"}}),
        ("vehicle.entered", {"bizStep": "arriving", "readPoint": {"id": "urn:uuid:s2"}}),
        ("order.signed", {"bizStep": "accepting", "persistentDisposition": {"set": ["completeness_verified"]},
                          "epcList": [SSCC, "urn:uuid:u2"]}),
        ("order.signed_abnormal", {"persistentDisposition": {"set": ["mismatch_quantity"]}}),
        ("return.received", {"disposition": "returned", "bizStep": "receiving"}),
    ],
)  # fmt: skip
def test_what_a_fact_becomes(kind, want):
    event = one(ONE_EACH[kind])
    assert {name: event[name] for name in want} == want


def test_times_papers_and_places_of_a_load():
    event = one(ONE_EACH["unit.loaded"])
    assert event["eventTime"] == "2026-09-21T22:13:20.000+08:00"
    assert event["recordTime"] == "2026-09-21T14:13:20.500Z"
    assert event["readPoint"] == {"id": "urn:epc:id:sgln:9521141.12345.3"}
    assert event["bizTransactionList"] == [
        {"type": "po", "bizTransaction": "urn:uuid:o1"}, {"type": "bol", "bizTransaction": "urn:uuid:t1"}
    ]  # fmt: skip
    assert (event["milepost:grade"], event["milepost:confidence"]) == ("B", 0.9995)


def test_short_and_over_are_two_events_and_a_complete_session_is_one():
    short, over = export.events(ONE_EACH["session.closed"], (), NAMES)
    assert (short["epcList"], short["persistentDisposition"]) == ([SSCC], {"set": ["mismatch_quantity"]})
    assert (over["epcList"], over["persistentDisposition"]) == (["urn:uuid:u2"], {"set": ["mismatch_instance"]})
    assert short["eventID"] != over["eventID"]
    complete = one(replace(ONE_EACH["session.closed"], body={"direction": "load", "short": [], "over": []}))
    assert (complete["epcList"], complete["persistentDisposition"]) == (
        ["urn:uuid:v1"], {"set": ["completeness_verified"]},
    )  # fmt: skip


def test_a_damaged_delivery_and_an_inference_say_so():
    damaged = replace(ONE_EACH["order.signed_abnormal"], body={"short": 0, "damaged": 1})
    assert one(damaged)["disposition"] == "damaged"
    assert "persistentDisposition" not in one(damaged)
    concluded = replace(ONE_EACH["unit.loaded"], grade="D", body={"inferred": True, "door": "3"})
    assert (one(concluded)["milepost:inferred"], one(concluded)["milepost:grade"]) == (True, "D")


def test_the_id_of_an_event_is_that_of_its_fact_and_rev():
    first = one(ONE_EACH["unit.loaded"])["eventID"]
    assert first.startswith("urn:uuid:")
    assert one(replace(ONE_EACH["unit.loaded"], received_at=T0 + 9_000, rule="dock/2"))["eventID"] == first
    assert one(replace(ONE_EACH["unit.loaded"], rev=1))["eventID"] != first


def retraction(of: Fact) -> Fact:
    return Fact("r", "fact.retracted", of.at, of.by, of.subjects, received_at=T0 + 60_000, source="rfid",
                body={"target": of.id, "why": "it came back"})  # fmt: skip


def test_a_retraction_is_the_same_event_with_an_error_declaration():
    load = ONE_EACH["unit.loaded"]
    event = one(retraction(load), load)
    assert event["errorDeclaration"] == {"declarationTime": "2026-09-21T14:14:20.000Z", "reason": "did_not_occur"}
    plain = one(load)
    for name in plain.keys() - {"recordTime"}:
        assert event[name] == plain[name], name
    assert checks.event(event) == []


def test_a_new_rev_declares_the_one_before_wrong_and_names_what_stands_in_its_place():
    load = ONE_EACH["unit.loaded"]
    better = replace(load, rev=1, at=T0 + 2_000, received_at=T0 + 60_000)
    declared, right = export.events(better, (load, better), NAMES)
    assert declared["eventID"] == one(load)["eventID"]
    assert declared["errorDeclaration"]["reason"] == "incorrect_data"
    assert declared["errorDeclaration"]["correctiveEventIDs"] == [right["eventID"]]
    assert right["eventTime"] == "2026-09-21T22:13:22.000+08:00"
    assert [checks.event(event) for event in (declared, right)] == [[], []]


def test_a_persons_correction_is_told_the_same_way():
    load = ONE_EACH["unit.loaded"]
    corrected = Fact("c", "fact.corrected", T0 + 9, Author("dispatcher", "d"), {"order": "o1"}, source="person",
                     body={"target": load.id, "why": "wrong plate", "fields": {"vehicle": "v2"}})  # fmt: skip
    declared, right = export.events(corrected, (load,), NAMES)
    assert declared["parentID"] == "urn:uuid:v1"
    assert (right["parentID"], right["childEPCs"]) == ("urn:uuid:v2", [SSCC])
    assert declared["errorDeclaration"]["correctiveEventIDs"] == [right["eventID"]]
    assert [checks.event(event) for event in (declared, right)] == [[], []]


def test_what_partners_told_and_what_is_no_event_is_not_told_again():
    assert export.events(replace(ONE_EACH["order.signed"], source="partner"), (), NAMES) == []
    assert export.events(fact("note.printed", {"order": "o1"}), (), NAMES) == []
    gone = fact("note.printed", {"order": "o1"})
    assert export.events(retraction(gone), (gone,), NAMES) == []


@given(st.sampled_from(sorted(export.KINDS)), st.integers(-(10**10), 4 * 10**12), st.integers(-840, 840), st.booleans())
def test_any_fact_at_any_time_in_any_zone_is_a_right_event(kind, at, minutes, odd):
    names = replace(NAMES, offset=lambda _at, _site: minutes)
    told = replace(ONE_EACH[kind], at=at, received_at=at + odd)
    for event in export.events(told, (), names):
        assert checks.event(event) == []
