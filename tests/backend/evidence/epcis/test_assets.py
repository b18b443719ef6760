"""Vehicles, sites and doors by their GS1 names: written in any way, told in events, asked for in any writing."""

import pytest

from milepost.errors import Invalid
from milepost.evidence import trailers
from milepost.evidence.epc import encode, read
from milepost.evidence.epcis import assets, checks

EVENTS = "/api/v1/epcis/events"
SITE = {"code": "Y", "name_zh": "场", "name_en": "Yard", "kind": "origin",
        "shape": {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}}  # fmt: skip
GIAI = "urn:epc:id:giai:9521141.TR-07"
GIAI_LINK = "https://id.gs1.org/8004/9521141TR-07"
SGLN = "urn:epc:id:sgln:9521141.12345.0"
DOOR = "urn:epc:id:sgln:9521141.12345.7"


@pytest.mark.parametrize("text", [GIAI, f"  {GIAI} ", encode(read(GIAI)), encode(read(GIAI)).lower()])
def test_any_writing_of_an_asset_identifier_is_kept_as_its_pure_identity(text):
    assert assets.normal("vehicle", text) == GIAI


def test_a_digital_link_stays_one_because_it_does_not_say_where_the_prefix_ends():
    assert assets.normal("vehicle", "https://example.com/a/8004/9521141TR-07") == GIAI_LINK
    assert assets.normal("site", "https://id.gs1.org/414/9521141123454") == "https://id.gs1.org/414/9521141123454"


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        ("vehicle", SGLN, "is a sgln; a vehicle has a GIAI"),
        ("site", GIAI, "is a giai; a site has a SGLN"),
        ("vehicle", "TR-07", "hex"),
        ("vehicle", "https://id.gs1.org/414/9521141123454", "is no GIAI"),
        ("vehicle", "https://example.com/trucks/7", "is no GIAI"),
        ("vehicle", "https://id.gs1.org/8004/AB", "is no GIAI"),
        ("site", "https://id.gs1.org/414/9521141123455", "check digit"),
        ("site", "urn:epc:id:sgln:9521141.123.0", "12 digits"),
        ("vehicle", "urn:epc:id:giai:95.1", "company prefix"),
        ("vehicle", "urn:epc:id:giai:9521141.a/b", "percent escapes"),
    ],
)
def test_what_is_no_such_name_is_refused_with_its_reason_and_an_example(kind, text, what):
    with pytest.raises(Invalid, match="(?s)" + what + ".*write it like urn:epc:id:") as caught:
        assets.normal(kind, text)
    assert caught.value.status == 422


@pytest.fixture
def yard(admin):
    """A site, a door and a truck without GS1 names, entered over the API."""
    site = admin.post("/api/v1/sites", json=SITE).json()["id"]
    door = admin.post("/api/v1/doors", json={"site": site, "number": "1"}).json()["id"]
    truck = admin.post("/api/v1/vehicles", json={"plate": "沪A00001"}).json()["id"]
    return {"site": site, "door": door, "vehicle": truck}


def test_names_are_given_changed_and_taken_away_over_the_api(admin, yard):
    for kind, many, field, uri in (
        ("vehicle", "vehicles", "giai", GIAI), ("site", "sites", "sgln", SGLN), ("door", "doors", "sgln", DOOR),
    ):  # fmt: skip
        path = f"/api/v1/{many}/{yard[kind]}"
        for given, kept in ((uri, uri), (encode(read(uri)), uri), (None, None), (uri, uri)):
            answer = admin.patch(path, json={field: given})
            assert answer.status_code == 200, answer.text
            assert answer.json()[field] == kept
        assert uri in [row[field] for row in admin.get(f"/api/v1/{many}").json()]
        assert admin.get(path).json()[field] == uri
        assert admin.patch(path, json={field: "nonsense"}).status_code == 422
        assert admin.get(path).json()[field] == uri
    made = admin.post("/api/v1/vehicles", json={"plate": "沪A00002", "giai": "urn:epc:id:giai:9521141.TR-08"}).json()
    assert admin.get(f"/api/v1/vehicles/{made['id']}").json()["giai"] == "urn:epc:id:giai:9521141.TR-08"


def test_one_name_is_one_things_whatever_its_writing(admin, yard):
    assert admin.patch(f"/api/v1/vehicles/{yard['vehicle']}", json={"giai": GIAI}).status_code == 200
    other = admin.post("/api/v1/vehicles", json={"plate": "沪A00002"}).json()["id"]
    answer = admin.patch(f"/api/v1/vehicles/{other}", json={"giai": GIAI_LINK})
    assert (answer.status_code, answer.json()["changed"]) == (409, {"vehicle": yard["vehicle"]})
    assert admin.post("/api/v1/vehicles", json={"plate": "沪A00003", "giai": GIAI_LINK}).status_code == 409
    assert len(admin.get("/api/v1/vehicles").json()) == 2  # what was refused left nothing behind
    assert admin.patch(f"/api/v1/doors/{yard['door']}", json={"sgln": DOOR}).status_code == 200
    second = admin.post("/api/v1/doors", json={"site": yard["site"], "number": "2"}).json()["id"]
    assert admin.patch(f"/api/v1/doors/{second}", json={"sgln": DOOR}).status_code == 409


def test_only_planners_name_things(client_of, yard):
    assert client_of("keeper").patch(f"/api/v1/vehicles/{yard['vehicle']}", json={"giai": GIAI}).status_code == 403


def test_events_carry_the_asset_the_read_point_and_the_location(admin, house, listed):
    admin.patch(f"/api/v1/vehicles/{house.truck}", json={"giai": GIAI})
    admin.patch(f"/api/v1/sites/{house.site}", json={"sgln": SGLN})
    admin.patch(f"/api/v1/doors/{house.door}", json={"sgln": DOOR})
    events = listed(admin.get(EVENTS))
    assert [checks.event(each) for each in events] == [[]] * 4
    *loads, left = events
    for each in loads:
        assert each["parentID"] == GIAI
        assert each["readPoint"] == {"id": DOOR} and each["bizLocation"] == {"id": SGLN}
    assert left["epcList"] == [GIAI]
    assert left["readPoint"] == {"id": SGLN} and left["bizLocation"] == {"id": SGLN}


def test_an_asset_is_asked_for_in_any_writing_and_a_place_too(admin, house, listed):
    admin.patch(f"/api/v1/vehicles/{house.truck}", json={"giai": GIAI})
    admin.patch(f"/api/v1/sites/{house.site}", json={"sgln": SGLN})
    for text in (GIAI, GIAI_LINK, encode(read(GIAI))):
        assert len(listed(admin.get(EVENTS, params={"MATCH_anyEPC": text}))) == 4, text
        assert len(listed(admin.get(EVENTS, params={"MATCH_parentID": text}))) == 3, text
    assert listed(admin.get(EVENTS, params={"MATCH_anyEPC": "urn:epc:id:giai:9521141.TR-08"})) == []
    assert len(listed(admin.get(EVENTS, params={"EQ_bizLocation": "https://id.gs1.org/414/9521141123454"}))) == 4


def test_a_truck_without_a_name_is_told_by_the_tag_that_it_carried_then(db, admin, house, listed):
    with db.tx() as conn:
        trailers.bind_tag(conn, house.truck, encode(read(GIAI)), 0)
    assert listed(admin.get(EVENTS))[0]["parentID"] == GIAI
    assert len(listed(admin.get(EVENTS, params={"MATCH_parentID": GIAI_LINK}))) == 3
