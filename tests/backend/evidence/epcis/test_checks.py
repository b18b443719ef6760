"""What makes an EPCIS 2.0 event right or wrong (standard clauses 7.4 and 9; case P01)."""

import copy
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.epcis import checks, vocabulary

SGTIN = "urn:epc:id:sgtin:9521141.012345.7"


def test_the_vocabulary_is_that_of_cbv_2():
    assert len(vocabulary.BIZ_STEPS) == 41
    assert len(vocabulary.DISPOSITIONS) == 33
    assert len(vocabulary.BIZ_TRANSACTIONS) == 13


def test_right_ones_pass(make):
    assert checks.frame(make.document()) == []
    for event in (
        make.event(),
        make.event(
            epcList=[], sensorElementList=[{"sensorReport": [{"type": "Temperature", "value": 4, "uom": "CEL"}]}]
        ),
        make.event(epcList=["https://id.gs1.org/00/195211412345678900"], bizStep="https://example.org/step/own"),
        make.event(**{"example:own": {"free": [1, {"form": None}]}}),
        make.event(bizStep="urn:epcglobal:cbv:bizstep:shipping"),
        make.event(action="ADD", ilmd={"example:batch": "x"}),
        make.event(persistentDisposition={"set": ["completeness_verified"], "unset": ["damaged"]}),
        make.packing("ADD", [SGTIN]),
        make.packing("DELETE", None),
        make.packing("ADD", None, childQuantityList=[{"epcClass": "urn:epc:class:lgtin:4012345.012345.9"}]),
        make.packing("OBSERVE", [SGTIN], parentID=None),
        make.event(type="https://example.org/OwnEvent"),
    ):
        assert checks.event(event) == [], event


P01 = ["Z", "+8:00", "+14:30", "+08", "0800", "+24:00", "-15:00", "", 8, "+08:60", "＋08:00"]
CHANGES = [
    *({"eventTimeZoneOffset": bad} for bad in [*P01, None]),
    {"eventTime": None},
    {"eventTime": "2026-05-26T11:00:00"},
    {"eventTime": "2026-05-26"},
    {"eventTime": "2026-13-01T00:00:00Z"},
    {"eventTime": 1772424306},
    {"action": None},
    {"action": "observe"},
    {"bizStep": "transforming"},
    {"bizStep": "urn:epcglobal:cbv:bizstep:transforming"},
    {"disposition": "in_transport"},
    {"disposition": "https://ref.gs1.org/cbv/Disp-in_transport"},
    {"unknownField": 1},
    {"epcList": None},
    {"epcList": "urn:epc:id:sscc:9521141.1234567890"},
    {"epcList": ["no uri"]},
    {"epcList": ["urn:epc:id:sscc:9521141.123456789"]},  # a digit short: no JSON schema sees that
    {"epcList": ["urn:epc:class:lgtin:4012345.012345.9"]},
    {"epcList": ["https://id.gs1.org/00/195211412345678901"]},
    {"readPoint": "urn:epc:id:sgln:9521141.12345.0"},
    {"readPoint": {"id": "urn:epc:id:sgln:9521141.1234.0"}},
    {"quantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.012345.9", "quantity": "20"}]},
    {"bizTransactionList": [{"type": "nonsense", "bizTransaction": "urn:x:1"}]},
    {"bizTransactionList": [{"type": "urn:epcglobal:cbv:btt:nonsense", "bizTransaction": "urn:x:1"}]},
    {"sourceList": [{"type": "place", "source": "urn:epc:id:sgln:9521141.12345.0"}]},
    {"errorDeclaration": {"reason": "did_not_occur"}},
    {"errorDeclaration": {"declarationTime": "2026-05-26T11:00:00Z", "reason": "oops"}},
    {"ilmd": {"example:batch": "x"}},  # only what adds
    {"persistentDisposition": {"set": ["fine"]}},
    {"type": "FantasyEvent"},
    {"type": None},
    {"eventID": "no uri"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: json.dumps(change, ensure_ascii=False)[:60])
def test_one_thing_wrong_and_it_is_refused(make, change):
    assert checks.event(make.event()) == []
    assert checks.event(make.event(**change))


def test_P01_the_offsets_at_the_edge_are_right(make):
    for offset in ("+14:00", "-14:00", "+13:59", "+00:00", "-00:00", "+05:45"):
        assert checks.event(make.event(eventTimeZoneOffset=offset)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"childEPCs": None},
        {"childEPCs": []},
        {"parentID": None},
        {"childEPCs": ["urn:epc:id:sscc:9521141.1234567890"]},  # the pallet in itself
        {"persistentDisposition": {"set": ["damaged"]}},  # of things, not of what lies in what
        {"epcList": [SGTIN]},
    ],
)
def test_P03_what_an_aggregation_may_not_say(make, change):
    assert checks.event({**make.packing("ADD", [SGTIN])}) == []
    changed = {name: value for name, value in {**make.packing("ADD", [SGTIN]), **change}.items() if value is not None}
    assert checks.event(changed)


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"type": "TransactionEvent", "bizTransactionList": [{"bizTransaction": "urn:x:1"}]}, True),
        ({"type": "TransactionEvent"}, False),
        ({"type": "TransactionEvent", "bizTransactionList": []}, False),
        ({"type": "TransactionEvent", "bizTransactionList": [{"bizTransaction": "urn:x:1"}],
          "persistentDisposition": {"set": ["damaged"]}}, False),
        ({"type": "TransformationEvent", "action": None, "epcList": None, "inputEPCList": [SGTIN],
          "outputEPCList": [SGTIN]}, True),
        ({"type": "TransformationEvent", "action": None, "epcList": None, "inputEPCList": [SGTIN]}, False),
        ({"type": "TransformationEvent", "action": None, "epcList": None, "inputEPCList": [SGTIN],
          "transformationID": "urn:x:1"}, True),
        ({"type": "AssociationEvent", "epcList": None, "childEPCs": [SGTIN]}, False),
        ({"type": "AssociationEvent", "epcList": None, "childEPCs": [SGTIN],
          "parentID": "urn:epc:id:grai:4012345.55555.987"}, True),
    ],
)  # fmt: skip
def test_what_the_other_types_ask_for(make, fields, right):
    assert (checks.event(make.event(**fields)) == []) is right


@pytest.mark.parametrize(
    "change",
    [{"@context": None}, {"schemaVersion": "1.2"}, {"schemaVersion": None}, {"creationDate": "yesterday"},
     {"epcisBody": {}}, {"epcisBody": {"eventList": {}}}, {"own": 1}, {"type": "EPCISQueryDocument"}],
)  # fmt: skip
def test_the_frame_of_a_document_is_judged_too(make, change):
    assert checks.frame(make.document(**change))


def test_a_complaint_says_where_and_what(make):
    (one,) = checks.event(make.event(bizStep="transforming"), "/epcisBody/eventList/3")
    assert one.where == "/epcisBody/eventList/3/bizStep"
    assert "transforming" in one.what
    assert checks.event(make.event(), alone=True)[0].where == "/@context"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = """epcList childEPCs parentID quantityList readPoint bizTransactionList sourceList ilmd action type eventTime
bizStep persistentDisposition errorDeclaration inputEPCList""".split()  # noqa: SIM905
_TYPES = ["ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent"]


@given(st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=4), st.sampled_from(_TYPES))
def test_nothing_that_json_can_say_breaks_the_checks(make, fields, kind):
    given_ = {**make.event(type=kind), **fields}
    before = copy.deepcopy(given_)
    checks.event(given_)
    checks.frame(given_)
    checks.event(fields)
    assert given_ == before


def test_twenty_thousand_events_a_second_of_cpu(make):
    event = make.event()
    start = time.process_time()
    for _ in range(2000):
        assert checks.event(event) == []
    assert time.process_time() - start < 0.5, "far below the 20,000 a second that are wanted even on a busy machine"
