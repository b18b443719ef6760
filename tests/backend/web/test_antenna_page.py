"""The antennas of a door by forms, without scripts: what each hears, placed by one press, turned, taken away."""

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened
from sqlalchemy import Connection

from milepost.db import Database
from milepost.fleet import antennas, repository
from milepost.fleet import service as fleet
from milepost.plan import service as plan
from milepost.telemetry.model import Reading, TagBody
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms
from milepost.web.antenna_view import heard, rows, unplaced

READER, SPARE = "reader-1", "reader-2"
MINUTE = 60_000


class Accounts:
    """The broker's accounts, in memory."""

    def put(self, device_id: str, password: str) -> None: ...

    def remove(self, device_id: str) -> None: ...


class Door:
    """A door with a reader, and what the reader has heard."""

    def __init__(self, db: Database, store: SqliteTelemetry) -> None:
        self.db, self.store, self.seqs = db, store, count(1)
        shape = {"type": "circle", "lat": 31.2, "lon": 121.6, "radius_m": 300}
        with db.tx() as conn:
            site = fleet.add_site(conn, code="DC1", name_zh="嘉定仓", name_en="Jiading DC", kind="origin", shape=shape)
            self.id = fleet.add_door(conn, site_id=site, number="2")
            for name in (READER, SPARE):
                fleet.register_device(conn, device_id=name, role="reader", name=name, accounts=Accounts())
            fleet.bind(conn, READER, "door", self.id, 0)

    @property
    def page(self) -> str:
        return f"/doors/{self.id}/antennas"

    def read(self, antenna: int, epc: str, dbm: float, ago_ms: int, *, reader: str = READER, reads: int = 3) -> None:
        at = now_ms() - ago_ms
        body = TagBody(epc, 0x3000, antenna, dbm, dbm - 2, dbm - 2, None, None, None, at + 100, reads)
        self.store.write([Reading(reader, 7, next(self.seqs), "tag", at, "ntp", at + 500, body)], next(self.seqs))

    def take_down(self, conn: Connection, reader: str) -> None:
        for row in repository.bindings(conn, target_kind="door", target_id=self.id):
            if row["device_id"] == reader:
                fleet.unbind(conn, row["id"], now_ms() - 1)

    def told(self) -> set[tuple[str, int, str]]:
        with self.db.read() as conn:
            found = antennas.of_doors(conn, [self.id]).get(self.id, [])
        return {(row["device_id"], row["number"], row["role"]) for row in found}

    def tell(self, *told: tuple[int, str, str | None]) -> None:
        with self.db.tx() as conn:
            antennas.set_antennas(conn, self.id, [{"antenna": n, "role": r, "device": d} for n, r, d in told])


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Iterator[Door]:
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    yield Door(db, store)
    store.close()


@pytest.fixture
def engineer(door: Door, client_of: Callable[..., TestClient]) -> TestClient:
    return client(client_of, door, "engineer")


def client(client_of: Callable[..., TestClient], door: Door, *roles: str, language: str = "en") -> TestClient:
    made = client_of(*roles)
    made.app.state.telemetry = door.store  # type: ignore[attr-defined]
    made.headers["Accept-Language"] = language
    return made


def press(page: Page, ending: str, button: dict[str, str]) -> Page:
    """Press the one button of the form that goes there and carries these values."""
    form = next(
        each for each in page.forms if each.action.endswith(ending) and button.items() <= dict(each.values).items()
    )
    return Page(page.client, page.client.post(form.action, data=dict(form.values)))


def test_what_the_reader_sends_and_nobody_placed_is_placed_by_one_press(door: Door, engineer: TestClient) -> None:
    door.read(0, "AA" * 12, -61.0, 2 * MINUTE)
    door.read(3, "BB" * 12, -55.5, 20_000)
    page = opened(engineer, door.page)
    assert "Read, and not placed yet" in page.text and "Nothing told yet" in page.text
    page = press(page, "/place", {"antenna": "0", "role": "inner"})
    assert "Placed." in page.text and "One side only" in page.text
    page = press(page, "/place", {"antenna": "3", "role": "outer"})
    assert "Antennas on both sides" in page.text and "not placed yet" not in page.text
    assert door.told() == {("", 0, "inner"), ("", 3, "outer")}  # the one reader may be changed for another
    with door.db.read() as conn:
        site = fleet.get(conn, "door", door.id)["site_id"]
        assert antennas.looking_both_ways(conn, site) == {door.id}


def test_with_two_readers_at_a_door_a_press_names_the_reader(door: Door, engineer: TestClient) -> None:
    with door.db.tx() as conn:
        fleet.bind(conn, SPARE, "door", door.id, 0)
    door.read(0, "AA" * 12, -61.0, MINUTE)
    door.read(0, "AA" * 12, -61.0, MINUTE, reader=SPARE)
    page = press(opened(engineer, door.page), "/place", {"device": SPARE, "role": "outer"})
    assert door.told() == {(SPARE, 0, "outer")}
    assert [dict(form.values)["device"] for form in page.forms if form.action.endswith("/place")] == [READER, READER]


def test_each_antenna_says_when_how_many_and_what_was_loudest(door: Door, engineer: TestClient) -> None:
    with door.db.tx() as conn:
        plan.add_units(conn, "order-1", [{"epcs": ["CC" * 12]}], at_ms=0)
    door.tell((0, "inner", None), (1, "inner", None), (2, "outer", None))
    door.read(0, "AA" * 12, -61.0, 2 * MINUTE, reads=40)
    door.read(0, "CC" * 12, -48.5, 3 * MINUTE, reads=1200)
    door.read(1, "AA" * 12, -70.0, 25 * MINUTE)
    page = opened(engineer, door.page)
    assert "1,240 reads in 10 min" in page.text and "loudest – #1, -48.5 dBm" in page.text
    assert page.text.count("no read in 10 min") == 1  # the second was heard 25 minutes ago
    assert page.text.count("no read in an hour") == 1  # the third was not


def test_an_antenna_is_turned_and_taken_away(door: Door, engineer: TestClient) -> None:
    door.tell((0, "inner", None), (0, "outer", READER), (1, "outer", None))
    page = press(opened(engineer, door.page), "/turn", {"antenna": "0", "device": READER})
    assert "Moved to the other side." in page.text
    assert door.told() == {("", 0, "inner"), (READER, 0, "inner"), ("", 1, "outer")}
    again = press(page, "/remove", {"antenna": "0", "device": "any"})
    assert "Removed." in again.text and door.told() == {(READER, 0, "inner"), ("", 1, "outer")}
    gone = press(page, "/remove", {"antenna": "0", "device": "any"})  # somebody's page of before
    assert gone.status == 404 and "not on the list any more" in gone.text
    assert door.told() == {(READER, 0, "inner"), ("", 1, "outer")}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"antenna": "", "role": "inner"}, "antenna", "Fill this in."),
        ({"antenna": "256", "role": "inner"}, "antenna", "At most 255."),
        ({"antenna": "two", "role": "inner"}, "antenna", "A whole number"),
        ({"antenna": "4", "role": ""}, "role", "Fill this in."),
        ({"antenna": "4", "role": "above"}, "role", "Choose from the list."),
        ({"antenna": "0", "role": "outer"}, "antenna", "It is on the list already"),
        ({"antenna": "4", "role": "outer", "device": "nobody"}, "device", "Choose from the list."),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_what_was_typed_is_kept(
    door: Door, engineer: TestClient, typed: dict[str, Any], field: str, words: str
) -> None:
    door.tell((0, "inner", None))
    page = opened(engineer, door.page).send("/add", **typed)
    assert page.status == 422 and f'id="antenna-add-{field}-f">{words}' in page.html
    assert page.html.count('class="fault"') == 1
    assert dict(page.form("/add").values).get("antenna") == typed["antenna"]
    assert door.told() == {("", 0, "inner")}


def test_what_is_wrong_is_said_in_chinese_too(door: Door, client_of: Callable[..., TestClient]) -> None:
    door.tell((0, "inner", None))
    page = opened(client(client_of, door, "engineer", language="zh"), door.page)
    for typed, words in (({"antenna": "0"}, "已经在表里了"), ({"antenna": "9", "device": "nobody"}, "请从列表里选。")):
        back = page.send("/add", **{"role": "outer", "device": "any", **typed})
        assert back.status == 422 and words in back.text
        assert not re.search(r"[a-z]{4,} [a-z]{3,} [a-z]{3,}", back.text), "no English sentence"


def test_a_button_that_is_pressed_twice_places_once_and_otherwise_it_is_said(door: Door, engineer: TestClient) -> None:
    door.read(0, "AA" * 12, -61.0, MINUTE)
    page = opened(engineer, door.page)
    for _ in range(2):
        assert "Placed." in press(page, "/place", {"role": "inner"}).text
    other = press(page, "/place", {"role": "outer"})  # the page is of before
    assert other.status == 409 and "on the list already" in other.text
    for made_up in ({"antenna": "300"}, {"role": "above"}, {"device": "nobody"}):
        given = {"antenna": "5", "role": "inner", "device": "any", **made_up}
        refused = Page(engineer, engineer.post(f"{door.page}/place", data=given))
        assert refused.status == 422 and "not clear which one" in refused.text
    tampered = engineer.post(f"{door.page}/turn", data={"antenna": "0", "role": "above", "device": "any"})
    assert tampered.status_code == 422
    assert door.told() == {("", 0, "inner")}


def test_there_is_room_for_sixty_four_antennas(door: Door, engineer: TestClient) -> None:
    door.tell(*((n, "inner", None) for n in range(63)))
    page = opened(engineer, door.page).send("/add", antenna="63", role="outer")
    assert page.status == 200 and len(door.told()) == 64
    door.read(80, "AA" * 12, -61.0, MINUTE)
    page = page.send("/add", antenna="64", role="outer")
    assert page.status == 422 and "At most 64 antennas at a door." in page.text
    pressed = press(opened(engineer, door.page), "/place", {"antenna": "80", "role": "outer"})
    assert pressed.status == 409 and "At most 64 antennas at a door." in pressed.text
    assert len(door.told()) == 64


@pytest.mark.requirement("WH-2")
def test_a_door_that_looks_one_way_again_is_judged_by_one_antenna(door: Door, engineer: TestClient) -> None:
    def judged() -> set[str]:
        with door.db.read() as conn:
            return antennas.looking_both_ways(conn, fleet.get(conn, "door", door.id)["site_id"])

    door.tell((0, "inner", None), (1, "outer", None))
    assert judged() == {door.id}
    page = press(opened(engineer, door.page), "/turn", {"antenna": "1"})
    assert judged() == set() and "One side only" in page.text
    page = press(page, "/turn", {"antenna": "0"})
    assert judged() == {door.id} and "Antennas on both sides" in page.text
    page = press(page, "/remove", {"antenna": "0"})
    assert judged() == set() and "One side only" in page.text


def test_only_what_the_reader_heard_while_it_hung_here_is_shown(door: Door, engineer: TestClient) -> None:
    now = now_ms()
    with door.db.tx() as conn:
        fleet.bind(conn, SPARE, "door", door.id, now - 2 * MINUTE)
    door.read(5, "AA" * 12, -61.0, 5 * MINUTE, reader=SPARE)  # elsewhere still
    page = opened(engineer, door.page)
    assert "Antenna 5" not in page.text
    door.read(5, "AA" * 12, -61.0, MINUTE, reader=SPARE)
    assert "Antenna 5" in opened(engineer, door.page).text
    with door.db.tx() as conn:
        door.take_down(conn, SPARE)
    assert "Antenna 5" not in opened(engineer, door.page).text


def test_a_store_that_cannot_be_reached_and_a_door_without_a_reader_are_said(
    door: Door, engineer: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_given: Any) -> None:
        raise OSError("no route to the store")

    with monkeypatch.context() as broken:
        broken.setattr(door.store, "tags", gone)
        page = opened(engineer, door.page)
        assert page.status == 200 and "The store of readings cannot be reached" in page.text and page.has("/add")
    with door.db.tx() as conn:
        door.take_down(conn, READER)
    assert "No reader is mounted at this door." in opened(engineer, door.page).text


def test_an_antenna_is_added_by_hand_before_anything_is_heard(door: Door, engineer: TestClient) -> None:
    page = opened(engineer, door.page)
    assert "Nobody has said where the antennas look" in page.text
    page = page.send("/add", antenna="7", role="outer", device=READER)
    assert "Added." in page.text and door.told() == {(READER, 7, "outer")}


def test_who_keeps_the_door_reads_and_who_plans_changes(door: Door, client_of: Callable[..., TestClient]) -> None:
    door.tell((0, "inner", None))
    keeper = client(client_of, door, "keeper")
    page = opened(keeper, door.page)
    assert page.status == 200 and "Antenna 0" in page.text and "A dispatcher or an engineer" in page.text
    assert not page.has("/add") and not page.has("/turn") and not page.has("/remove")
    assert keeper.post(f"{door.page}/remove", data={"antenna": "0", "device": "any"}).status_code == 403
    assert door.told() == {("", 0, "inner")}
    assert opened(client(client_of, door, "dispatcher"), door.page).has("/add")
    elsewhere = client(client_of, door, ("dispatcher", "site", "another"))
    assert elsewhere.get(door.page).status_code == 404
    for step in ("add", "place", "turn", "remove"):
        given = {"antenna": "0", "device": "any", "role": "outer"}
        assert elsewhere.post(f"{door.page}/{step}", data=given).status_code == 404
    assert door.told() == {("", 0, "inner")}
    answer = client(client_of, door).get(door.page)  # nobody is signed in
    assert "Antenna 0" not in answer.text and "Sign in" in answer.text


def test_in_chinese_and_where_readings_are_elsewhere(door: Door, client_of: Callable[..., TestClient]) -> None:
    door.tell((0, "inner", None))
    chinese = client(client_of, door, "engineer", language="zh")
    page = opened(chinese, door.page)
    assert "只标了一侧" in page.text and "仓内侧" in page.text and "1 小时内没有读数" in page.text
    chinese.app.state.telemetry = None  # type: ignore[attr-defined]
    page = opened(chinese, door.page)
    assert "读数在另一个进程里" in page.text and page.has("/add")


def test_what_was_said_of_one_reader_goes_before_what_was_said_of_any() -> None:
    def read(device: str, dbm: float) -> Reading:
        body = TagBody("E1", 0, 0, dbm, dbm, dbm, None, None, None, 1_000_000, 5)
        return Reading(device, 7, 1, "tag", 1_000_000, "ntp", 1_000_000, body)

    sounds = heard([read("a", -50), read("b", -40)], 1_000_100)
    told = [{"device_id": "", "number": 0, "role": "inner"}, {"device_id": "b", "number": 0, "role": "outer"}]
    assert [(row["device"], row["heard"].max_dbm) for row in rows(told, sounds)] == [(None, -50), ("b", -40)]
    assert unplaced(told, sounds) == []
    assert [row["device"] for row in unplaced(told[1:], sounds)] == ["a"]
