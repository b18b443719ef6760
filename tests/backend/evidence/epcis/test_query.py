"""The query over both records: filters, pages that lose and double nothing, and only what somebody may see."""

from sqlalchemy import delete, select

from milepost.evidence import log
from milepost.evidence.epc import Epc, encode
from milepost.evidence.epcis import checks, fill, service
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.tables import fact_subject

EVENTS = "/api/v1/epcis/events"
TAG = encode(Epc("sscc", 2, "9521141", "1234567890"))
URI = "urn:epc:id:sscc:9521141.1234567890"


def all_pages(client, **params):
    found, url = [], f"{EVENTS}?" + "&".join(f"{name}={value}" for name, value in params.items())
    for _ in range(50):
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        found += answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        if "next" not in answer.links:
            return found
        url = answer.links["next"]["url"]
    raise AssertionError("the pages never end")


def test_the_whole_record_is_right_and_corrections_stand_beside_what_they_correct(admin, house, listed):
    events = listed(admin.get(EVENTS))
    assert [event["bizStep"] for event in events] == ["loading", "loading", "loading", "departing"]
    assert [checks.event(event) for event in events] == [[]] * 4
    assert ["errorDeclaration" in event for event in events] == [False, True, False, False]
    assert events[0]["eventID"] == events[1]["eventID"]
    assert events[0]["childEPCs"] == [URI]
    assert events[0]["eventTimeZoneOffset"] == "+08:00"  # of the site


def test_pages_of_any_size_lose_nothing_and_double_nothing(admin, house, make):
    partners = [make.event(eventTime="2026-09-21T14:13:20Z", epcList=[f"urn:epc:id:sscc:9521141.000000000{n}"])
                for n in range(4)]  # fmt: skip
    assert admin.post("/api/v1/epcis/capture", json=make.document(*partners)).status_code == 202
    for order in (
        {"orderBy": by, "orderDirection": way} for by in ("recordTime", "eventTime") for way in ("ASC", "DESC")
    ):
        whole = all_pages(admin, perPage=1000, **order)
        assert len(whole) == 8
        for size in (1, 2, 3, 5):
            assert all_pages(admin, perPage=size, **order) == whole
        if order["orderBy"] == "eventTime":  # the truck left last of all
            assert whole[-1 if order["orderDirection"] == "ASC" else 0]["bizStep"] == "departing"


FILTERS = [
    ({"EQ_bizStep": "loading"}, 3),
    ({"EQ_bizStep": "urn:epcglobal:cbv:bizstep:departing"}, 1),
    ({"EQ_bizStep": "departing|arriving"}, 1),
    ({"EQ_bizStep": ["departing", "loading"]}, 4),
    ({"eventType": "AggregationEvent"}, 3),
    ({"EQ_action": "OBSERVE"}, 1),
    ({"EQ_disposition": "in_transit"}, 1),
    ({"MATCH_epc": URI}, 2),
    ({"MATCH_anyEPC": "https://id.gs1.org/00/195211412345678900"}, 2),
    ({"MATCH_epc": TAG.lower()}, 2),
    ({"MATCH_parentID": URI}, 0),
    ({"MATCH_epc": "urn:epc:id:sscc:9521141.1234567891"}, 0),
    ({"EXISTS_errorDeclaration": "true"}, 1),
    ({"EXISTS_errorDeclaration": "false"}, 3),
    ({"EQ_errorReason": "did_not_occur"}, 1),
    ({"GE_eventTime": "2026-09-21T22:13:30+08:00"}, 2),
    ({"LT_eventTime": "2026-09-21T22:13:30+08:00"}, 2),
    ({"GE_recordTime": "2026-09-21T14:13:25Z", "LT_recordTime": "2026-09-21T14:13:30Z"}, 1),
    ({"EQ_readPoint": "geo:31.230400,121.473700"}, 1),
    ({"EQ_bizStep": "loading", "EQ_action": "OBSERVE"}, 0),
]


def test_filters(admin, house, listed):
    for params, count in FILTERS:
        assert len(listed(admin.get(EVENTS, params=params))) == count, params


def test_an_order_is_asked_for_by_its_purchase_order_and_a_truck_by_its_urn(admin, house, listed):
    assert len(listed(admin.get(EVENTS, params={"EQ_bizTransaction_po": f"urn:uuid:{house.order}"}))) == 2
    assert len(listed(admin.get(EVENTS, params={"MATCH_parentID": f"urn:uuid:{house.truck}"}))) == 3
    assert len(listed(admin.get(EVENTS, params={"MATCH_epc": f"urn:uuid:{house.truck}"}))) == 1
    assert len(listed(admin.get(EVENTS, params={"MATCH_epc": f"urn:uuid:{house.other}"}))) == 1


def test_everybody_sees_their_own(client_of, house, listed):
    def seen(*grants):
        events = listed(client_of(*grants).get(EVENTS))
        return sorted(event["bizStep"] + ("!" if "errorDeclaration" in event else "") for event in events)

    assert seen(("customer", "customer", "c1")) == ["loading", "loading!"]
    assert seen(("customer", "customer", "c2")) == ["loading"]
    assert seen(("customer", "customer", "c3")) == []
    assert seen(("driver", "vehicle", house.truck)) == ["departing", "loading", "loading", "loading!"]
    assert client_of().get(EVENTS).status_code == 401


def test_an_order_as_a_document(admin, client_of, house):
    found = admin.get(f"/api/v1/epcis/orders/{house.order}").json()
    assert checks.frame(found) == []
    assert [event["bizStep"] for event in found["epcisBody"]["eventList"]] == ["loading", "loading"]
    assert client_of(("customer", "customer", "c2")).get(f"/api/v1/epcis/orders/{house.order}").status_code == 404


REFUSED = [
    {"EQ_colour": "red"}, {"perPage": 0}, {"perPage": 5000}, {"GE_eventTime": "yesterday"},
    {"GE_eventTime": "2026-01-01T00:00:00"}, {"orderBy": "size"}, {"nextPageToken": "x"}, {"nextPageToken": "cmVj"},
]  # fmt: skip


def test_what_cannot_be_asked_is_refused(admin, house):
    for params in REFUSED:
        assert admin.get(EVENTS, params=params).status_code == 422, params


def test_a_token_belongs_to_its_order(admin, house):
    token = admin.get(EVENTS, params={"perPage": 1}).json()["milepost:nextPageToken"]
    assert admin.get(EVENTS, params={"nextPageToken": token, "orderBy": "eventTime"}).status_code == 422
    assert admin.get(EVENTS, params={"nextPageToken": token}).status_code == 200


def test_an_event_is_looked_up_by_its_id_without_telling_the_rest(admin, house, listed, monkeypatch):
    """EQ_eventID: what is looked at is what the id names, however long the record is."""
    every = listed(admin.get(EVENTS))
    monkeypatch.setattr(service, "_SCANNED", 2)  # whoever looks at more rows than that has an empty page
    wrong, left = every[0]["eventID"], every[-1]["eventID"]
    assert listed(admin.get(EVENTS, params={"EQ_eventID": left})) == [every[-1]]
    pages = all_pages(admin, EQ_eventID=wrong)
    assert pages == every[:2]  # and the declaration that it was wrong
    assert listed(admin.get(EVENTS, params={"EQ_eventID": "urn:uuid:00000000-0000-0000-0000-000000000000"})) == []


def test_a_new_rev_and_a_persons_correction_are_found_by_the_ids_of_their_events(db, admin, house, listed):
    load = Fact("3d0a0d9e-0000-4000-8000-000000000001", "unit.loaded", 1_790_000_100_000, Author("device", "r"),
                {"unit": house.unit, "vehicle": house.truck, "site": house.site, "door": house.door}, source="rfid",
                received_at=1_790_000_100_500)  # fmt: skip
    right = Fact(fact_id("fact.corrected", load.subjects, ("x",)), "fact.corrected", load.at, Author("dispatcher", "p"),
                 load.subjects, received_at=1_790_000_200_000, source="person",
                 body={"target": load.id, "why": "x", "fields": {"at": load.at - 60_000}})  # fmt: skip
    closed = Fact("3d0a0d9e-0000-4000-8000-000000000002", "session.closed", 1_790_000_300_000, Author("keeper", "k"),
                  {"vehicle": house.truck, "site": house.site}, received_at=1_790_000_300_000, source="person",
                  body={"short": [house.unit], "over": [house.other], "direction": "load"})  # fmt: skip
    with db.tx() as conn:
        log.append(conn, [load, right, closed])
    every = listed(admin.get(EVENTS, params={"perPage": 100}))
    for event in every:
        same = [each for each in every if each["eventID"] == event["eventID"]]
        assert all_pages(admin, EQ_eventID=event["eventID"]) == same
    assert len({event["eventID"] for event in every}) == 7


def test_facts_of_before_are_filled_in_and_a_second_run_changes_nothing(db, admin, house, listed):
    every = listed(admin.get(EVENTS))
    with db.tx() as conn:
        known = set(conn.execute(select(fact_subject.c.fact_seq, fact_subject.c.kind, fact_subject.c.subject_id)))
        conn.execute(delete(fact_subject).where(fact_subject.c.kind.in_(("event", "event1", "target"))))
    assert listed(admin.get(EVENTS, params={"EQ_eventID": every[-1]["eventID"]})) == []
    with db.tx() as conn:
        assert fill.fill(conn) == 4
        assert fill.fill(conn) == 0
        again = set(conn.execute(select(fact_subject.c.fact_seq, fact_subject.c.kind, fact_subject.c.subject_id)))
    assert again == known
    assert listed(admin.get(EVENTS, params={"EQ_eventID": every[-1]["eventID"]})) == [every[-1]]
