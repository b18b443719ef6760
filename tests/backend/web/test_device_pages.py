"""The pages of devices: the list with its bars, one device with its hours, what is lacking and unreadable."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from milepost.alerts.room import RoomWatch
from milepost.db import Database
from milepost.fleet import devices, service
from milepost.ingest import completeness_rows as rows
from milepost.ingest import dead_letters
from milepost.ingest.completeness import HOUR_MS, Count, Hour, Stream
from milepost.ingest.completeness_account import Account
from milepost.ingest.model import UP
from milepost.ingest.service import Shortage
from milepost.ingest.spool import Message, Spool
from milepost.ingest.tables import device_contact
from milepost.times import now_ms
from milepost.web import device_view
from milepost.web.i18n import translator

NOW = now_ms()
HERE = NOW // HOUR_MS * HOUR_MS


def hour(first: int, last: int, at: int) -> Hour:
    return Hour(((first, last),), ((first, last),), at, at + HOUR_MS - 1)


@pytest.fixture
def fleet(db: Database) -> None:
    with db.tx() as conn:
        for name in ("gps-1", "gps-2", "van-7"):
            devices.enter_device(conn, device_id=name, role="tracker", name=f"Tracker {name}")
        vehicle = service.add_vehicle(conn, plate="沪A12345", branch="b1")
        service.bind(conn, "gps-1", "vehicle", vehicle, 0)
        numbers = {"stream": 7, "acknowledged": 300, "updated_at": NOW, "fw": "1.4.0", "online": True}
        conn.execute(
            insert(device_contact),
            [{"device": "gps-1", "last_record_at": NOW - 7_200_000, "last_received_at": NOW, "last_heard_at": NOW,
              **numbers}],
        )  # fmt: skip
        hours = {
            ("gps-1", 7, HERE - 3 * HOUR_MS): hour(1, 100, HERE - 3 * HOUR_MS),
            ("gps-1", 7, HERE - 2 * HOUR_MS): hour(113, 200, HERE - 2 * HOUR_MS),
            ("gps-1", 7, HERE - HOUR_MS): hour(201, 300, HERE - HOUR_MS),
            ("van-7", 80, HERE): hour(5, 9, HERE),
        }
        known = Stream(placed=((1, 100), (113, 300)), dropped=((101, 110),), tail=300, begin=1)
        rows.merge(conn, {("gps-1", 7): known, ("van-7", 80): Stream()}, hours, NOW)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_list_says_of_each_device_what_came_in_24_hours(fleet: None, client_of: Callable[..., TestClient]) -> None:
    page = client_of("engineer").get("/fleet?lang=en").text
    assert (
        "Last 24 hours: 1 h complete, 1 h incomplete, 1 h not known yet, 21 h without records, 12 records lost" in page
    )
    assert page.count('<svg class="bars"') == 3
    assert "catching up" in page and "never heard" in page
    chinese = client_of("engineer").get("/fleet?lang=zh").text
    assert "近 24 小时：1 小时完整，1 小时有缺失，1 小时未定，21 小时没有记录，共缺 12 条" in chinese


def test_one_device_tells_hours_and_ranges(fleet: None, client_of: Callable[..., TestClient]) -> None:
    page = plain(client_of("engineer").get("/fleet/gps-1?lang=en").text)
    assert re.search(r"Σ 288 2 10 0 0 0 incomplete", page)
    assert "101 to 110" in page and "dropped by the device" in page and "111 to 112" in page
    assert "1.4.0" in page and "沪A12345" in page
    assert plain(client_of("engineer").get("/fleet/gps-1?day=2026-01-01").text).count("Σ") == 0
    for nonsense in ("x", "0001-01-01", "9999-12-31", "2026-02-30"):
        assert client_of("engineer").get("/fleet/gps-1", params={"day": nonsense}).status_code == 200


def test_a_device_without_numbers_proves_nothing_and_says_so(fleet: None, client_of: Callable[..., TestClient]) -> None:
    page = plain(client_of("engineer").get("/fleet/van-7?lang=en").text)
    assert "what is missing cannot be proven" in page and "not known yet" in page


def test_devices_are_seen_by_those_whose_vehicle_they_are_on(fleet: None, client_of: Callable[..., TestClient]) -> None:
    clerk = client_of(("dispatcher", "branch", "b1"))
    assert "gps-1" in clerk.get("/fleet").text and "van-7" not in clerk.get("/fleet").text
    assert clerk.get("/fleet/gps-1").status_code == 200
    assert clerk.get("/fleet/van-7").status_code == 404
    assert client_of(("dispatcher", "branch", "b2")).get("/fleet/gps-1").status_code == 404
    assert client_of("engineer").get("/fleet/nobody").status_code == 404


def test_dead_letters_of_the_device_stand_on_its_page(
    fleet: None, client_of: Callable[..., TestClient], tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "s.db")
    spool.append([Message("gps-1", UP, NOW, b"nonsense"), Message("gps-2", UP, NOW, b"other")])
    client = client_of("engineer")
    client.app.state.ingest = type("Ingest", (), {"spool": spool})()  # pyright: ignore[reportAttributeAccessIssue]
    page = client.get("/fleet/gps-1?lang=en").text
    [letter] = dead_letters.listed(spool.connection(), device="gps-1")
    assert f'action="/dead-letters/{letter.id}/rerun"' in page and page.count("/rerun") == 1
    spool.close()


def test_a_host_that_runs_out_of_room_stands_above_the_devices_and_in_the_inbox(
    db: Database, client_of: Callable[..., TestClient]
) -> None:
    short: list[Shortage | None] = [Shortage(300, 12, of_spool=False, stopped=False)]
    watch = RoomWatch(db, "a@host-1", lambda: short[0])
    watch.round()
    engineer = client_of("engineer")
    page = engineer.get("/fleet?lang=en").text
    assert "a@host-1: 300 MB free on the disk of the data, soon nothing will be taken in" in page
    item = page.split('href="/inbox?item=')[1].split('"')[0]
    inbox = engineer.get(f"/inbox?item={item}&lang=en").text
    assert "The service runs out of room" in inbox and "/orders/None" not in inbox and ">None<" not in inbox
    assert "服务器空间不足" in engineer.get(f"/inbox?item={item}&lang=zh").text
    assert "a@host-1" not in client_of(("dispatcher", "branch", "b1")).get("/fleet?lang=en").text
    assert "a@host-1: 300 MB free" in engineer.get("/messages?lang=en").text
    short[0] = None
    watch.round()
    assert "a@host-1" not in engineer.get("/fleet?lang=en").text


def test_bars_say_by_shape_what_they_say_by_colour() -> None:
    given = {
        HERE: Count(5, open=True),
        HERE - HOUR_MS: Count(50),
        HERE - 2 * HOUR_MS: Count(50, missing=50),
        HERE - 3 * HOUR_MS: Count(0, dropped=9),
        HERE - 25 * HOUR_MS: Count(7, missing=1),  # a day ago is not shown
    }
    cells = device_view.bars(Account("a", given), NOW, translator("en"))["cells"]
    assert [(cell["look"], cell["height"], cell["lost"]) for cell in cells[-5:]] == [
        ("none", 2, 0), ("lost", 2, 16), ("lost", 9, 9), ("whole", 18, 0), ("unknown", 9, 0),
    ]  # fmt: skip
    assert len(cells) == 24 and {cell["look"] for cell in cells[:20]} == {"none"}
