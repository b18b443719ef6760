"""The query over both records: filters, pages that lose and double nothing, and only what somebody may see."""

import pytest

from milepost.evidence import log
from milepost.evidence.epc import Epc, encode
from milepost.evidence.epcis import checks
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.plan import service as plan

EVENTS = "/api/v1/epcis/events"
T0 = 1_790_000_000_000
FENCE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}
TAG = encode(Epc("sscc", 2, "9521141", "1234567890"))
URI = "urn:epc:id:sscc:9521141.1234567890"


class House:
    """An order of customer c1 with a tagged unit that was loaded, corrected and seen; a truck that left."""

    def __init__(self, conn, order: str) -> None:
        self.order = order
        self.site = fleet.add_site(conn, code="Y", name_zh="场", name_en="Yard", kind="origin", shape=FENCE)
        self.door = fleet.add_door(conn, site_id=self.site, number="1")
        self.truck = fleet.add_vehicle(conn, plate="沪A00001")
        (unit,) = plan.add_units(conn, self.order, [{"epcs": [TAG]}], customer="c1", at_ms=0)
        (other,) = plan.add_units(conn, "elsewhere", [{}], customer="c2", at_ms=0)
        self.unit, self.other = unit.id, other.id
        here = {"vehicle": self.truck, "site": self.site, "door": self.door}
        load = self._fact("unit.loaded", {"unit": self.unit, **here}, T0)
        self._keep(conn, load)
        gone = Fact(fact_id("fact.retracted", load.subjects, (load.id,)), "fact.retracted", T0, load.by, load.subjects,
                    received_at=T0 + 5_000, source="rfid", body={"target": load.id, "why": "x"})  # fmt: skip
        self._keep(conn, gone)
        self._keep(conn, self._fact("unit.loaded", {"unit": self.other, **here}, T0 + 10_000))
        self._keep(conn, self._fact("vehicle.left", {"vehicle": self.truck, "site": self.site}, T0 + 60_000))

    def _keep(self, conn, fact) -> None:
        assert log.append(conn, [fact])

    def _fact(self, kind, subjects, at) -> Fact:
        return Fact(fact_id(kind, subjects, (str(at),)), kind, at, Author("device", "r"), subjects, source="rfid",
                    received_at=at + 500)  # fmt: skip


@pytest.fixture
def house(db, admin):
    body = {"type": "goods", "customer": "c1", "lines": [{"sku": "CUP", "qty": 1}]}
    order = admin.post("/api/v1/orders", json=body).json()["id"]
    with db.tx() as conn:
        return House(conn, order)


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
