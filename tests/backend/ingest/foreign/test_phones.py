"""OsmAnd, Traccar Client and OwnTracks over HTTP: what is stored, in which units, and who may."""

import base64
import json
import math
from collections.abc import Callable
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest.foreign import identities, osmand, owntracks
from milepost.ingest.foreign.model import Adapter
from milepost.ingest.model import SpoolItem
from milepost.ingest.reading import EventBody, FixBody, HealthBody, Reading
from milepost.times import to_rfc3339

from .conftest import House

T = 1_772_424_306_000
OSM = "/api/v1/osmand"
TRACKS = "/api/v1/owntracks"


class Phones:
    """A client without any sign-in, and two phones that are known."""

    def __init__(self, client: TestClient, house: House) -> None:
        client.app.state.foreign = house.intake  # pyright: ignore[reportAttributeAccessIssue]
        self.client, self.house = client, house
        self.token = house.know("osmand", "osm1", "phone-1") or ""
        self.secret = house.know("owntracks", "wang/vivo", "phone-2") or ""

    def get(self, query: str, token: str | None = None):
        given_token = self.token if token is None else token
        return self.client.get(f"{OSM}{query}&token={given_token}")

    def post(self, body: object, secret: str | None = None, **headers: str):
        text = f"wang:{self.secret if secret is None else secret}"
        basic = {"Authorization": "Basic " + base64.b64encode(text.encode()).decode(), "X-Limit-D": "vivo"}
        return self.client.post(TRACKS, content=json.dumps(body), headers=basic | headers)

    def fixes(self) -> list[Reading]:
        return self.house.readings("fix")

    def times(self) -> list[str | None]:
        return [to_rfc3339(each.at) for each in self.fixes()]


@pytest.fixture
def phones(client_of: Callable[..., TestClient], house: House) -> Phones:
    return Phones(client_of(), house)


T05 = (
    "?id=osm1&lat=31.2304&lon=121.4737&timestamp=1772424306",
    "?id=osm1&lat=31.2314&lon=121.4737&timestamp=1772424316000",
    "?id=osm1&lat=31.2324&lon=121.4737&timestamp=2026-03-02T04:05:26Z",
    "?id=osm1&lat=31.2334&lon=121.4737&timestamp=2026-03-02%2004:05:36.000",
)


@pytest.mark.parametrize("method", ["get", "form", "query of a post"])
def test_T05_four_ways_to_write_a_time(phones: Phones, method: str) -> None:
    for query in T05:
        if method == "get":
            answer = phones.get(query)
        elif method == "form":
            answer = phones.client.post(OSM, content=f"{query[1:]}&token={phones.token}",
                                        headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
        else:
            answer = phones.client.post(f"{OSM}{query}&token={phones.token}")
        assert (answer.status_code, answer.json()) == (200, {"stored": 1})
    assert phones.times() == [f"2026-03-02T04:05:{second:02d}.000Z" for second in (6, 16, 26, 36)]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-03-02T12:05:06+08:00", T),
        ("2026-03-02T04:05:06.123456789Z", T + 123),
        ("1772424306.5", T + 500),
        ("2014-06-04 09:10:11", 1_401_873_011_000),
        ("", None),
    ],
)
def test_times_with_zones_fractions_and_none(written: str, at: int | None) -> None:
    assert osmand.time_of(written) == at


def test_I01_a_speed_of_0_then_13_5_then_0_is_one_kind_of_number(phones: Phones) -> None:
    for query in (
        "?id=osm1&lat=31.2304&lon=121.4737&timestamp=1772424306&speed=0",
        "?id=osm1&lat=31.2305&lon=121.4737&timestamp=1772424316&speed=13.5",
        "?id=osm1&lat=31.2306&lon=121.4737&timestamp=1772424326&speed=0&altitude=5",
    ):
        assert phones.get(query).status_code == 200
    bodies = [each.body for each in phones.fixes() if isinstance(each.body, FixBody)]
    assert [each.speed_mps for each in bodies] == [0, pytest.approx(6.945), 0]  # 13.5 knots
    assert {type(each.speed_mps) for each in bodies} == {float}


def test_I03_a_field_without_a_number_costs_itself_and_nothing_else(phones: Phones) -> None:
    answers = [
        phones.get(query).status_code
        for query in (
            "?id=osm1&lat=31.2304&lon=121.4737&timestamp=1772424306&speed=NaN&altitude=1e400",
            "?id=osm1&lat=31.2304&lon=121.4737&timestamp=1772424316&odometer=9223372036854775808",
            "?id=osm1&lat=NaN&lon=121.4737&timestamp=1772424326",
            "?id=osm1&lat=31.2306&lon=121.4737&timestamp=1772424336",
        )
    ]
    assert answers == [200, 200, 422, 200]
    assert phones.times() == [f"2026-03-02T04:05:{second:02d}.000Z" for second in (6, 16, 36)]
    bodies = [each.body for each in phones.fixes() if isinstance(each.body, FixBody)]
    assert [(each.speed_mps, each.alt_m) for each in bodies] == [(None, None)] * 3
    assert phones.house.readings("health") == []
    assert phones.house.letters() == [("osmand", "range", "open")]


@pytest.mark.parametrize(("unit", "mps"), [("", 5.144), ("&speed_unit=kn", 5.144), ("&speed_unit=mps", 10),
                                           ("&speed_unit=kmh", 2.778), ("&speed_unit=furlong", None)])  # fmt: skip
def test_the_speed_is_in_knots_unless_the_url_says_otherwise(phones: Phones, unit: str, mps: float | None) -> None:
    phones.get(f"?id=osm1&lat=31.2&lon=121.4&timestamp=1772424306&speed=10{unit}")
    (found,) = [each.body for each in phones.fixes() if isinstance(each.body, FixBody)]
    assert found.speed_mps == (None if mps is None else pytest.approx(mps, abs=0.001))


def test_everything_else_that_comes_along(phones: Phones) -> None:
    phones.get("?deviceid=osm1&location=31.2,121.4&timestamp=1772424306&bearing=360&hdop=1.5&batt=87&accuracy=12.4"
               "&ignition=true&odometer=123400&valid=false&rpm=933")  # fmt: skip
    found = {each.kind if each.kind != "event" else each.body.code: each.body for each in phones.house.readings()
             if isinstance(each.body, (FixBody, HealthBody, EventBody))}  # fmt: skip
    assert found["fix"] == FixBody(31.2, 121.4, course_deg=0, sats=0, hdop=1.5)  # without a fix: quarantined later
    assert found["health"] == HealthBody({"accuracy_m": 12, "battery_percent": 87, "odometer_m": 123_400})
    assert found["ignition"] == EventBody("ignition", {"on": 1})
    assert found["extras"] == EventBody("extras", {"rpm": "933"})


def test_the_json_of_traccar_client_is_in_metres_a_second(phones: Phones) -> None:
    body = {
        "location": {
            "timestamp": "2026-03-02T04:05:06.862Z",
            "coords": {
                "latitude": 31.2,
                "longitude": 121.4,
                "accuracy": 5,
                "speed": 13.5,
                "heading": -1,
                "altitude": 5,
            },
            "odometer": 120.4,
            "event": "motionchange",
            "battery": {"level": 0.87, "is_charging": False},
            "activity": {"type": "in_vehicle"},
        },
        "device_id": "osm1",
    }
    assert phones.client.post(f"{OSM}?token={phones.token}", json=body).json() == {"stored": 1}
    (fix,) = phones.fixes()
    assert fix.body == FixBody(31.2, 121.4, 5.0, 13.5)
    assert fix.at == T + 862
    assert [each.body for each in phones.house.readings("health")] == [
        HealthBody({"accuracy_m": 5, "battery_percent": 87, "odometer_m": 120})
    ]


def test_a_request_sent_again_is_the_same_reading(phones: Phones) -> None:
    for _ in range(2):
        phones.get(T05[0])
    first, second = phones.fixes()
    assert (first.stream, first.seq, first.at) == (second.stream, second.seq, second.at)


def test_a_secret_is_asked_for_and_never_kept(phones: Phones) -> None:
    for token in ("", "wrong"):
        answer = phones.get(T05[0], token)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    stranger = phones.client.get(f"{OSM}?id=nobody&lat=31&lon=121&token={phones.token}")
    assert stranger.status_code == 403
    assert stranger.json()["detail"].replace("nobody", "osm1") == answer.json()["detail"]  # no word about who exists
    assert phones.get(T05[0]).status_code == 200
    bearer = phones.client.get(OSM + T05[1], headers={"Authorization": f"Bearer {phones.token}"})
    assert bearer.status_code == 200
    assert len(phones.fixes()) == 2
    assert all(phones.token.encode() not in item.payload for item in phones.house.spool.after(0))


def test_unknown_phones_are_listed(phones: Phones) -> None:
    for _ in range(3):
        phones.client.get(f"{OSM}?id=new-phone&lat=31&lon=121")
    phones.client.post(TRACKS, content=b'{"_type":"location","topic":"owntracks/li/mi","lat":1,"lon":2,"tst":3}')
    phones.house.intake.directory.refresh()
    with phones.house.db.read() as conn:
        found = {(each.protocol, each.identifier): each.times for each in identities.callers(conn)}
    assert found == {("osmand", "new-phone"): 3, ("owntracks", "li/mi"): 1}


def test_guesses_and_floods_are_bounded(phones: Phones) -> None:
    codes = [phones.get(T05[0], "wrong").status_code for _ in range(12)]
    assert codes == [403] * 10 + [429] * 2
    assert phones.get(T05[0]).status_code == 429  # the right one has to wait too


def test_what_cannot_be_stored_is_not_taken(phones: Phones) -> None:
    phones.house.full = "no space"
    answer = phones.get(T05[0])
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert phones.fixes() == []
    phones.house.full = None
    assert phones.get(T05[0]).status_code == 200


def test_a_request_that_names_nobody_or_is_no_request_is_refused(phones: Phones) -> None:
    assert phones.client.get(f"{OSM}?lat=1&lon=2").status_code == 422
    assert phones.client.get(f"{OSM}?id={quote('a b')}&lat=1&lon=2").status_code == 422
    assert phones.client.post(OSM, content=b'{"location": 1}').status_code == 422
    assert phones.client.post(OSM, content=b"{" * 20_000).status_code == 413
    assert phones.client.get(f"{OSM}?id=osm1&" + "&".join(f"f{n}=1" for n in range(70))).status_code == 422
    assert phones.get("?id=osm1&lat=31.2&lon=121.4&timestamp=gestern").json()["detail"].startswith("time:")
    assert phones.get("?id=osm1&lat=31.2&lon=121.4&timestamp=1377177267").status_code == 422  # 2013
    assert [reason for _, reason, _ in phones.house.letters()] == ["time", "time"]


def location(seconds: int, **fields: object) -> dict[str, object]:
    return {"_type": "location", "lat": 31.2, "lon": 121.4, "tst": T // 1000 + seconds, **fields}


def test_owntracks_sends_one_or_many_and_is_answered_with_nothing(phones: Phones) -> None:
    assert phones.post(location(0, vel=36, cog=271, alt=440, acc=15, batt=46, tid="5t")).json() == []
    answer = phones.post([location(10, vel=-1), {"_type": "waypoint", "lat": 1, "lon": 2}, location(20)])
    assert (answer.status_code, answer.json()) == (200, [])
    bodies = [each.body for each in phones.fixes() if isinstance(each.body, FixBody)]
    assert [each.speed_mps for each in bodies] == [10, None, None]  # sent in km/h; -1 is unknown
    assert [(each.course_deg, each.alt_m) for each in bodies] == [(271, 440), (None, None), (None, None)]
    assert {each.device for each in phones.fixes()} == {"phone-2"}
    assert [each.seq for each in phones.fixes()] == [T // 1000 - 1_577_836_800 + n for n in (0, 10, 20)]
    assert phones.house.letters() == []


def test_owntracks_that_is_empty_wrong_or_encrypted(phones: Phones) -> None:
    assert phones.client.post(TRACKS).json() == []  # a friend was deleted in the app
    assert phones.post(location(0), "wrong").status_code == 403
    assert phones.post({"_type": "encrypted", "data": "x"}).status_code == 422
    assert phones.post([location(0), location(10, lat=None)]).status_code == 200
    assert phones.post("text").status_code == 422
    assert [reason for _, reason, _ in phones.house.letters()] == ["encrypted", "part", "form"]
    assert len(phones.fixes()) == 1


def test_whom_owntracks_speaks_for_is_in_headers_query_or_topic() -> None:
    topic = b'{"topic": "owntracks/ckrey/22A67880"}'
    assert owntracks.identifier_of(None, None, topic) == "ckrey/22A67880"
    assert owntracks.identifier_of("wang", None, topic) == "wang/22A67880"
    assert owntracks.identifier_of("wang", "mi", b"") == "wang/mi"
    assert owntracks.identifier_of(None, None, b"[1]") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["_type", "lat", "lon", "tst", "vel", "cog", "location", "coords", "latitude", "longitude",
                         "timestamp", "speed", "battery", "level", "topic", "device_id"]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("adapter", [osmand.ADAPTER, owntracks.ADAPTER], ids=["osmand", "owntracks"])
@given(
    payload=st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda noise: b"Q" + noise)
    | json_values.map(lambda value: b"J" + json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(["id", "lat", "lon", "speed", "timestamp", "batt", "x"]), st.text(max_size=12))
    .map(lambda fields: b"Q" + "&".join(f"{name}={quote(value)}" for name, value in fields.items()).encode())
)  # fmt: skip
def test_any_payload_decodes_into_storable_numbers_or_says_why_not(adapter: Adapter, payload: bytes) -> None:
    item = SpoolItem(1, "d", adapter.channel, T, payload)
    adapter.unreadable(item)
    osmand.identifier_of(payload)
    owntracks.identifier_of(None, None, payload)
    for each in adapter.decode(item):
        assert 1 <= each.seq < 1 << 30
        if isinstance(each.body, FixBody):
            assert abs(each.body.lat) <= 90
            assert abs(each.body.lon) <= 180
            assert all(value is None or math.isfinite(value) for value in
                       (each.body.alt_m, each.body.speed_mps, each.body.course_deg, each.body.hdop))  # fmt: skip
        if isinstance(each.body, HealthBody):
            assert all(type(value) is int and abs(value) < 1 << 30 for value in each.body.values.values())
