"""Vehicles, sites, bindings in time, devices and their commands (DESIGN §2.3; cases W03)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import Conflict, Invalid, NotFound
from milepost.fleet import repository
from milepost.fleet import service as fleet
from milepost.fleet.model import applied, parse_shape, plate_key, plate_warning
from milepost.telemetry.model import EventBody, Reading

CIRCLE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}


class Accounts:
    """A broker's accounts in memory."""

    def __init__(self):
        self.passwords = {}

    def put(self, device_id, password):
        self.passwords[device_id] = password

    def remove(self, device_id):
        self.passwords.pop(device_id, None)


@pytest.fixture
def accounts():
    return Accounts()


@pytest.fixture
def conn(db):
    with db.tx() as connection:
        yield connection


def tracker(conn, accounts, name="gps-1"):
    fleet.register_device(conn, device_id=name, role="tracker", name="Tracker", accounts=accounts)
    return name


@pytest.mark.parametrize(
    "plate",
    ["沪AE00001", "粤BAA0001", "粤B00001D", "京AD00001", "沪A0001挂", "粤Z0001港", "沪A0001学", "沪A00001"],
)
def test_W03_chinese_plates_of_every_kind_pass(plate):
    assert plate_warning(plate, "CN") is None


@pytest.mark.parametrize("plate", ["浙苏H0F001", "宁AD0001000000", "沪AI0001", "沪A0O01", "沪A001", "AB-CDE 1234"])
def test_W03_other_plates_are_warned_about(plate):
    assert plate_warning(plate, "CN")
    assert plate_warning(plate, "DE") is None


@given(st.text("沪A00001 ·-.ａ", max_size=12))
def test_the_search_form_of_a_plate_is_stable(plate):
    assert plate_key(plate_key(plate)) == plate_key(plate)


def test_a_plate_is_taken_once_however_it_is_written(conn):
    fleet.add_vehicle(conn, plate="AB-CDE 1234", country="DE")
    with pytest.raises(Conflict, match="is on vehicle"):
        fleet.add_vehicle(conn, plate="ab cde-1234", country="DE")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (None, "circle or polygon"),
        ({"type": "star"}, "neither"),
        ({**CIRCLE, "radius_m": 0}, "radius_m"),
        ({**CIRCLE, "radius_m": float("nan")}, "radius_m"),
        ({**CIRCLE, "lat": 121.0, "lon": 31.0}, "latitude comes first"),
        ({"type": "polygon", "points": [[31, 121], [31, 122]]}, "3 corners"),
        ({"type": "polygon", "points": [[0, 0], [1, 1], [0, 1], [1, 0]]}, "not a simple polygon"),
        ({"type": "polygon", "points": [[0, 0], [1, 1], [2, 2]]}, "simple polygon|one line"),
        ({"type": "polygon", "points": [[0, 0], [1, "x"], [2, 2]]}, "two numbers"),
        ({"type": "polygon", "points": "here"}, "list"),
    ],
)
def test_a_fence_that_is_none_is_refused_with_the_reason(shape, reason):
    with pytest.raises(Invalid, match=reason):
        parse_shape(shape)


def test_a_closed_ring_is_the_same_as_an_open_one():
    ring = [[31.0, 121.0], [31.0, 121.1], [31.1, 121.1]]
    assert parse_shape({"type": "polygon", "points": [*ring, ring[0]]}) == {"type": "polygon", "points": ring}


def test_sites_and_doors_keep_their_rules(conn):
    site = fleet.add_site(conn, code="A", name_zh="甲", name_en="A", kind="hub", shape=CIRCLE)
    for wrong in ({"kind": "moon"}, {"dwell_s": -1}, {"time_zone": "Moon/Sea"}):
        with pytest.raises(Invalid):
            values = {"code": "B", "name_zh": "乙", "name_en": "B", "kind": "hub", "shape": CIRCLE, **wrong}
            fleet.add_site(conn, **values)
    with pytest.raises(Conflict):
        fleet.add_site(conn, code="A", name_zh="甲", name_en="A", kind="hub", shape=CIRCLE)
    fleet.add_door(conn, site_id=site, number="1")
    with pytest.raises(Conflict):
        fleet.add_door(conn, site_id=site, number="1")
    with pytest.raises(NotFound):
        fleet.add_door(conn, site_id="nowhere", number="1")


def test_a_device_gets_an_account_and_its_password_is_stored_nowhere(conn, accounts, db):
    made = fleet.register_device(conn, device_id="gps-1", role="tracker", name="T", accounts=accounts)
    assert accounts.passwords == {"gps-1": made.password}
    assert len(made.password) >= 24
    row = repository.find_device(conn, "gps-1")
    assert made.password not in json.dumps(row)
    again = fleet.rotate_password(conn, "gps-1", accounts)
    assert accounts.passwords["gps-1"] == again.password != made.password
    with pytest.raises(Conflict):
        fleet.register_device(conn, device_id="gps-1", role="tracker", name="T", accounts=accounts)


@pytest.mark.parametrize("name", ["", "A", "with space", "thirteen-long", "é", "a/b", "a+", "#"])
def test_a_device_id_that_could_reach_other_topics_is_refused(conn, accounts, name):
    with pytest.raises(Invalid):
        fleet.register_device(conn, device_id=name, role="tracker", name="T", accounts=accounts)
    assert accounts.passwords == {}


def test_a_removed_device_loses_account_and_binding_and_may_come_back(conn, accounts):
    vehicle = fleet.add_vehicle(conn, plate="沪A00001")
    fleet.bind(conn, tracker(conn, accounts), "vehicle", vehicle, 1000)
    fleet.remove_device(conn, "gps-1", accounts, now=5000)
    assert accounts.passwords == {}
    assert fleet.target_at(conn, "gps-1", 4999) == ("vehicle", vehicle)
    assert fleet.target_at(conn, "gps-1", 5000) is None
    assert fleet.register_device(conn, device_id="gps-1", role="reader", name="R", accounts=accounts)


def test_bindings_are_half_open_and_looked_up_at_event_time(conn, accounts):
    one, other = (fleet.add_vehicle(conn, plate=plate) for plate in ("沪A00001", "沪A00002"))
    device = tracker(conn, accounts)
    first = fleet.bind(conn, device, "vehicle", one, 1000)
    fleet.unbind(conn, first, 2000)
    fleet.bind(conn, device, "vehicle", other, 2000, 3000)
    wanted = {999: None, 1000: one, 1999: one, 2000: other, 2999: other, 3000: None}
    for at, vehicle in wanted.items():
        assert fleet.target_at(conn, device, at) == (("vehicle", vehicle) if vehicle else None)


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [(0, 1000, True), (0, 1001, False), (1500, 1600, False), (1999, None, False), (2000, None, True), (0, None, False)],
)
def test_a_binding_that_overlaps_is_refused_and_the_old_one_named(conn, accounts, start, end, fits):
    one, other = (fleet.add_vehicle(conn, plate=plate) for plate in ("沪A00001", "沪A00002"))
    device = tracker(conn, accounts)
    fleet.bind(conn, device, "vehicle", one, 1000, 2000)
    if fits:
        fleet.bind(conn, device, "vehicle", other, start, end)
        return
    with pytest.raises(Conflict, match=one) as caught:
        fleet.bind(conn, device, "vehicle", other, start, end)
    assert caught.value.extra["changed"]["target_id"] == one


def test_a_binding_is_only_shortened(conn, accounts):
    vehicle = fleet.add_vehicle(conn, plate="沪A00001")
    made = fleet.bind(conn, tracker(conn, accounts), "vehicle", vehicle, 1000, 2000)
    for at in (1000, 2001):
        with pytest.raises(Invalid):
            fleet.unbind(conn, made, at)
    assert fleet.unbind(conn, made, 1500)["to_ms"] == 1500


def event(device, code, at=10**12, **args):
    return Reading(device, 1, 1, "event", at, "ntp", at, EventBody(code, args))


def test_a_command_is_repeated_until_the_device_answers(conn, accounts, monkeypatch):
    device = tracker(conn, accounts)
    monkeypatch.setattr("milepost.fleet.devices.now_ms", lambda: 0)
    row = fleet.command(conn, device, "locate", {}, 60_000, by="p")
    sent = []
    for now in range(1, 31_000, 1000):
        for due in fleet.due_commands(conn, now):
            fleet.mark_sent(conn, due["id"], now)
            sent.append(now)
    assert sent == [1, 10_001, 20_001, 30_001]
    assert fleet.due_commands(conn, 30_002, {"other"}) == []
    assert [due["id"] for due in fleet.due_commands(conn, 30_002, {device})] == [row["id"]]  # it has just come back
    fleet.apply_event(conn, device, event(device, "command", id=row["id"], ok=1, lat=31))
    (done,) = repository.commands(conn, id=row["id"])
    assert (done["state"], json.loads(done["result"])["lat"], done["sent_count"]) == ("done", 31, 4)
    assert fleet.due_commands(conn, 40_000) == []


def test_an_unanswered_command_expires_and_a_late_result_still_counts(conn, accounts, monkeypatch):
    device = tracker(conn, accounts)
    monkeypatch.setattr("milepost.fleet.devices.now_ms", lambda: 0)
    row = fleet.command(conn, device, "reboot", {}, 5000, by="p")
    assert fleet.due_commands(conn, 5000) == []
    assert repository.commands(conn, id=row["id"])[0]["state"] == "expired"
    fleet.apply_event(conn, device, event(device, "command", id=row["id"], ok=0, reason="low battery"))
    assert repository.commands(conn, id=row["id"])[0]["state"] == "failed"


def test_a_device_answers_only_its_own_commands(conn, accounts, monkeypatch):
    device, other = tracker(conn, accounts), tracker(conn, accounts, "gps-2")
    monkeypatch.setattr("milepost.fleet.devices.now_ms", lambda: 0)
    row = fleet.command(conn, device, "locate", {}, 5000, by="p")
    fleet.apply_event(conn, other, event(other, "command", id=row["id"], ok=1))
    assert repository.commands(conn, id=row["id"])[0]["state"] == "queued"


def test_an_unknown_verb_or_a_past_end_is_refused(conn, accounts):
    device = tracker(conn, accounts)
    with pytest.raises(Invalid, match="verb"):
        fleet.command(conn, device, "explode", {}, 2**45, by="p")
    with pytest.raises(Invalid, match="past"):
        fleet.command(conn, device, "locate", {}, 5, by="p")


def test_the_newest_answer_about_the_configuration_stays(conn, accounts):
    device = tracker(conn, accounts)
    assert fleet.set_config(conn, device, {"report_interval_s": 5}) == {"version": 1, "report_interval_s": 5}
    assert fleet.set_config(conn, device, {"report_interval_s": 6})["version"] == 2
    fleet.apply_event(conn, device, event(device, "config", at=2000, version=2, ok=1))
    fleet.apply_event(conn, device, event(device, "config", at=1000, version=1, ok=0, reason="old"))
    row = repository.find_device(conn, device)
    assert (row["applied_version"], row["applied_ok"], row["applied_reason"]) == (2, True, None)


@pytest.mark.parametrize(
    ("answered", "reported", "known"),
    [
        (None, None, None),
        (None, 1, None),  # an older one is in force
        (None, 2, (2, True)),  # it came with provisioning and is never answered
        ((2, True), 0, (2, True)),
        ((2, False), 2, (2, False)),  # the device's own answer counts first
        ((1, True), 2, (2, True)),
        ((1, True), None, (1, True)),
    ],
)
def test_which_configuration_is_in_force(answered, reported, known):
    version, ok = answered or (None, None)
    row = {
        "config_version": 2,
        "applied_version": version,
        "applied_ok": ok,
        "applied_reason": None,
        "applied_at": answered and 1000,
    }
    found = applied(row, reported)
    assert (found and (found["version"], found["ok"])) == known
