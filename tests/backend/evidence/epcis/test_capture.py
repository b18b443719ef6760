"""Events of partners over HTTP: kept whole or not at all, once, with their offset; what they say of contents
(cases P01, P03)."""

import json

import pytest

from milepost.evidence import log
from milepost.evidence.epc import Epc, encode
from milepost.plan import service as plan

CAPTURE, EVENTS = "/api/v1/epcis/capture", "/api/v1/epcis/events"
CASE = "urn:epc:id:sgtin:9521141.012345.7"


def contents(client, of, at):
    answer = client.get("/api/v1/contents", params={"of": of, "at": at})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_P01_the_offset_of_an_event_comes_back_as_it_was_told(admin, make, listed):
    answer = admin.post(CAPTURE, json=make.document(make.event()))
    assert answer.status_code == 202
    job = admin.get(answer.headers["location"]).json()
    assert (job["success"], job["captured"], job["errors"]) == (True, 1, [])
    (event,) = listed(admin.get(EVENTS))
    assert event["eventTime"] == "2026-05-26T11:00:00Z"
    assert event["eventTimeZoneOffset"] == "+02:00"


@pytest.mark.parametrize("offset", ["Z", "+8:00", "+14:30", None])
def test_P01_wrong_offsets_are_refused(admin, make, listed, offset):
    answer = admin.post(CAPTURE, json=make.document(make.event(eventTimeZoneOffset=offset)))
    assert answer.status_code == 422
    assert "eventTimeZoneOffset" in answer.json()["detail"]
    assert listed(admin.get(EVENTS)) == []


def test_P03_unpacking_everything(admin, make):
    told = [
        make.document(make.packing("ADD", [CASE])),
        make.document(make.packing("DELETE", None, "2026-03-02T09:00:00+08:00")),
        make.document(make.packing("ADD", None)),
    ]
    assert [admin.post(CAPTURE, json=each).status_code for each in told] == [202, 202, 422]
    assert len(contents(admin, make.pallet, "2026-03-02T08:00:00+08:00")["children"]) == 1
    assert contents(admin, make.pallet, "2026-03-02T07:54:59+08:00")["children"] == []
    assert contents(admin, make.pallet, "2026-03-02T09:00:01+08:00")["children"] == []


def test_P03_told_backwards_it_is_the_same(admin, make):
    for each in (make.packing("DELETE", None, "2026-03-02T09:00:00+08:00"), make.packing("ADD", [CASE])):
        assert admin.post(CAPTURE, json=make.document(each)).status_code == 202
    assert len(contents(admin, make.pallet, "2026-03-02T08:00:00+08:00")["children"]) == 1
    assert contents(admin, make.pallet, "2026-03-02T10:00:00+08:00")["children"] == []


def test_R06_a_serial_with_signs_survives_capture_and_query(admin, make, listed):
    uri = "urn:epc:id:sgtin:9521141.012345.a%2Fb%25c%22d"
    admin.post(CAPTURE, json=make.document(make.event(epcList=[uri])))
    for asked in (uri, "https://id.gs1.org/01/09521141123454/21/a%2Fb%25c%22d",
                  "3636451FD40C0E70AFC4971A2C80000000000000000000000000"):  # fmt: skip
        (event,) = listed(admin.get(EVENTS, params={"MATCH_epc": asked}))
        assert event["epcList"] == [uri]


def test_rollback_keeps_all_or_nothing_and_proceed_keeps_what_is_right(admin, make, listed):
    both = make.document(make.event(), make.event(bizStep="transforming"))
    refused = admin.post(CAPTURE, json=both)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["where"] == "/epcisBody/eventList/1/bizStep"
    assert listed(admin.get(EVENTS)) == []
    job = admin.post(CAPTURE, json=both, headers={"GS1-Capture-Error-Behaviour": "proceed"})
    assert job.status_code == 202
    assert (job.json()["success"], job.json()["captured"]) == (False, 1)
    assert job.json()["errors"][0]["where"] == "/epcisBody/eventList/1/bizStep"
    assert len(listed(admin.get(EVENTS))) == 1


def test_an_event_is_kept_once_however_often_it_is_told(admin, make, listed):
    own = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert admin.post(EVENTS, json=make.alone(eventID=own)).status_code == 201
    assert admin.post(EVENTS, json=make.alone(eventID=own)).status_code == 409
    again = admin.post(CAPTURE, json=make.document(make.event(eventID=own)))  # an outbox that got no answer
    assert (again.status_code, again.json()["captured"], again.json()["known"]) == (202, 0, 1)
    other = admin.post(CAPTURE, json=make.document(make.event(eventID=own, bizStep="receiving")))
    assert (other.status_code, other.json()["changed"]) == (409, {"eventID": own})
    assert len(listed(admin.get(EVENTS))) == 1


def test_an_event_without_id_gets_one_of_its_content(admin, make):
    first = admin.post(EVENTS, json=make.alone()).json()["eventID"]
    assert first.startswith("urn:uuid:")
    assert admin.post(EVENTS, json=make.alone(recordTime="2026-05-26T11:00:01Z")).status_code == 409
    assert admin.post(EVENTS, json=make.alone(bizStep="receiving")).json()["eventID"] != first


def test_a_declared_error_stands_beside_its_event_and_takes_its_packing_back(admin, make, listed):
    own = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    packed = make.packing("ADD", [CASE], eventID=own)
    declared = {**packed, "errorDeclaration": {"declarationTime": "2026-03-02T10:00:00Z", "reason": "did_not_occur"}}
    assert admin.post(CAPTURE, json=make.document(packed)).status_code == 202
    assert admin.post(CAPTURE, json=make.document(declared)).status_code == 202
    assert contents(admin, make.pallet, "2026-03-02T08:00:00+08:00")["children"] == []
    assert [("errorDeclaration" in event) for event in listed(admin.get(EVENTS))] == [False, True]
    assert len(listed(admin.get(EVENTS, params={"EXISTS_errorDeclaration": True}))) == 1


def test_a_thing_cannot_come_to_lie_in_itself(admin, make, listed):
    other = "urn:epc:id:sscc:9521141.1234567891"
    assert admin.post(CAPTURE, json=make.document(make.packing("ADD", [other]))).status_code == 202
    ring = make.packing("ADD", [make.pallet], parentID=other)
    assert admin.post(CAPTURE, json=make.document(ring)).status_code == 409
    assert len(listed(admin.get(EVENTS))) == 1


def test_goods_told_by_weight_only_put_nothing_in(admin, make):
    by_weight = {"childQuantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.012345.9", "quantity": 2.5}]}
    assert admin.post(CAPTURE, json=make.document(make.packing("ADD", [CASE]))).status_code == 202
    some_out = make.packing("DELETE", None, "2026-03-02T09:00:00+08:00", **by_weight)
    assert admin.post(CAPTURE, json=make.document(some_out)).status_code == 202
    assert len(contents(admin, make.pallet, "2026-03-02T10:00:00+08:00")["children"]) == 1


def order_with_a_pallet(admin, db) -> tuple[str, str]:
    """An order of customer c1 whose one unit carries the SSCC of the pallet."""
    answer = admin.post("/api/v1/orders", json={"type": "goods", "customer": "c1", "lines": [{"sku": "CUP", "qty": 1}]})
    assert answer.status_code == 201, answer.text
    order = answer.json()["id"]
    tag = encode(Epc("sscc", 2, "9521141", "1234567890"))
    with db.tx() as conn:
        (unit,) = plan.add_units(conn, order, [{"epcs": [tag]}], customer="c1", at_ms=0)
    return order, unit.id


def test_a_partners_event_about_our_goods_is_evidence_of_grade_c(admin, make, db, client_of):
    order, unit = order_with_a_pallet(admin, db)
    assert admin.post(CAPTURE, json=make.document(make.event())).status_code == 202
    with db.read() as conn:
        (fact,) = [row for row in log.of_subjects(conn, [("order", order)]) if row.kind == "track.entered"]
    assert (fact.source, fact.grade, fact.by.role) == ("partner", "C", "partner")
    assert fact.body["text"] == "EPCIS: shipping"
    # It is contained in what is told of the order by its unit, too.
    assert contents(admin, make.pallet, "2026-05-26T11:00:00Z")["thing"] == f"unit:{unit}"


def test_whoever_may_not_see_an_order_cannot_write_into_it(admin, make, db, client_of, listed):
    order, _ = order_with_a_pallet(admin, db)
    stranger = client_of(("carrier", "carrier", "k1"))
    assert stranger.post(CAPTURE, json=make.document(make.event(), make.packing("ADD", [CASE]))).status_code == 202
    with db.read() as conn:
        assert not [row for row in log.of_subjects(conn, [("order", order)]) if row.kind == "track.entered"]
    assert contents(admin, make.pallet, "2026-03-02T08:00:00+08:00")["children"] == []
    assert stranger.get("/api/v1/contents", params={"of": make.pallet}).status_code == 404
    assert len(listed(stranger.get(EVENTS))) == 2  # their own word they may read
    assert listed(client_of(("carrier", "carrier", "k2")).get(EVENTS)) == []


def test_nobody_declares_the_events_of_others_wrong(admin, make, client_of):
    own = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert admin.post(EVENTS, json=make.alone(eventID=own)).status_code == 201
    declared = make.alone(eventID=own, errorDeclaration={"declarationTime": "2026-05-27T00:00:00Z"})
    other = client_of(("carrier", "carrier", "k1"))
    assert other.post(EVENTS, json=declared).status_code == 409
    assert admin.post(EVENTS, json=declared).status_code == 201


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "{}", '{"type": "EPCISDocument"}', "null", "{"])
def test_what_is_no_document_is_refused(admin, body):
    headers = {"content-type": "application/json"}
    for path in (CAPTURE, EVENTS):
        assert admin.post(path, content=body, headers=headers).status_code == 422, body


def test_capturing_needs_a_role_and_jobs_are_ones_own(admin, make, client_of):
    assert client_of("driver").post(CAPTURE, json=make.document()).status_code == 403
    assert client_of().post(CAPTURE, json=make.document()).status_code == 401
    path = admin.post(CAPTURE, json=make.document()).headers["location"]
    assert client_of(("carrier", "carrier", "k1")).get(path).status_code == 404
    assert admin.get("/api/v1/epcis/capture/none").status_code == 404
    assert json.loads(admin.get(path).text)["captured"] == 0
