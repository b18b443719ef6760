"""The sessions of a door by forms, without scripts; and what its tablet, or a phone, says of a disputed count."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened
from test_trip_pages import Yard

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.orders import service as orders
from milepost.settings import Settings
from milepost.times import now_ms

ROLES = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver")
HOUR = 3_600_000
A, B = "沪A·12345", "苏E·08216"


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    """A company whose clocks show UTC, so that a test can write what a form shows."""
    return Settings(data_dir=tmp_path, time_zone="UTC")  # pyright: ignore[reportCallIssue]


@pytest.fixture
def yard(db: Database, client_of: Callable[..., TestClient], branches: None) -> Yard:
    made = Yard(db, client_of(*ROLES))
    with db.tx() as conn:
        made.second = fleet.add_door(conn, site_id=made.sites["DC1"], number="3")  # pyright: ignore[reportAttributeAccessIssue]
    return made


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    client = client_of(*ROLES)
    client.headers["Accept-Language"] = "en"
    return client


def local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def sessions(yard: Yard, door: str) -> list[dict[str, Any]]:
    with yard.db.read() as conn:
        return evidence_rows.sessions(conn, door_id=door)


def begun(yard: Yard, page: Page, plate: str, trip: str, **more: Any) -> Page:
    return page.send("/sessions", vehicle=yard.trucks[plate], trip=trip, direction="load", **more)


def test_a_session_is_opened_corrected_and_closed_by_forms(yard: Yard, staff: TestClient) -> None:
    trip, other = yard.trip("T-1", A), yard.trip("T-2", B)
    start = now_ms() - 2 * HOUR
    page = begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, trip, from_=local(start))
    assert page.status == 200 and "The session is open." in page.text and A in page.text and "T-1" in page.text
    [row] = sessions(yard, yard.door)
    assert (row["from_ms"], row["to_ms"], row["direction"]) == (start // 60_000 * 60_000, None, "load")

    page = opened(staff, f"/doors/{yard.door}/sessions?session={row['id']}")
    page = page.send("/correct", vehicle=yard.trucks[B], trip=other, direction="unload")
    assert "Corrected" in page.text and B in page.text and "Unloading" in page.text
    [row] = sessions(yard, yard.door)
    assert (row["vehicle_id"], row["trip_id"], row["direction"]) == (yard.trucks[B], other, "unload")
    assert row["from_ms"] == start // 60_000 * 60_000 and row["to_ms"] is None

    end = start + HOUR
    page = opened(staff, f"/doors/{yard.door}/sessions?session={row['id']}").send("/close", at=local(end))
    assert "held against the list" in page.text
    assert sessions(yard, yard.door)[0]["to_ms"] == end // 60_000 * 60_000
    page = opened(staff, f"/doors/{yard.door}/sessions?session={row['id']}")
    assert not page.has("/close")  # it has ended; its end can only be corrected
    page = page.send("/correct", door=yard.second)  # pyright: ignore[reportAttributeAccessIssue]
    assert sessions(yard, yard.door) == []
    assert len(sessions(yard, yard.second)) == 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_correction_keeps_the_seconds_that_the_form_does_not_show(yard: Yard, staff: TestClient) -> None:
    trip, start = yard.trip("T-1", A), now_ms() // 60_000 * 60_000 - HOUR + 23_456
    with yard.db.tx() as conn:
        evidence_rows.add_session(
            conn, {"id": "s-1", "door_id": yard.door, "vehicle_id": yard.trucks[A], "trip_id": trip,
                   "direction": "load", "from_ms": start, "to_ms": None, "opened_by": "k", "closed_by": None},
        )  # fmt: skip
    opened(staff, f"/doors/{yard.door}/sessions?session=s-1").send("/correct", direction="unload")
    assert sessions(yard, yard.door)[0]["from_ms"] == start


@pytest.mark.parametrize(("language", "words"), [("en", "overlaps a session that a person opened: door 2"),
                                                 ("zh", "与另一条登记的靠台重叠：2 号门")])  # fmt: skip
def test_a_conflict_comes_back_with_what_stands_in_the_way(
    yard: Yard, staff: TestClient, language: str, words: str
) -> None:
    trip, other = yard.trip("T-1", A), yard.trip("T-2", B)
    staff.headers["Accept-Language"] = language
    begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, trip, from_=local(now_ms() - HOUR))
    page = begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), B, other, from_=local(now_ms() - HOUR // 2))
    assert page.status == 409
    assert words in page.text and A in page.text
    sent = dict(page.form("/sessions").values)
    assert (sent["vehicle"], sent["trip"]) == (yard.trucks[B], other)  # what was typed is still there
    assert len(sessions(yard, yard.door)) == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"from_": "yesterday"}, "Date and time, like"),
        ({"from_": "2026-11-20T10:00", "to": "2026-11-20T09:00"}, "later than the beginning"),
        ({"from_": "2026-11-20T10:00", "to": "2026-11-20T10:00"}, "later than the beginning"),
    ],
)
def test_bad_times_are_refused_beside_their_input(
    yard: Yard, staff: TestClient, typed: dict[str, Any], words: str
) -> None:
    page = begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, yard.trip("T-1", A), **typed)
    assert page.status == 422 and words in page.text
    assert sessions(yard, yard.door) == []


def test_closing_before_the_beginning_and_an_empty_correction_are_refused(yard: Yard, staff: TestClient) -> None:
    begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, yard.trip("T-1", A), from_=local(now_ms() - HOUR))
    [row] = sessions(yard, yard.door)
    address = f"/doors/{yard.door}/sessions?session={row['id']}"
    page = opened(staff, address).send("/close", at=local(now_ms() - 2 * HOUR))
    assert page.status == 422 and "later than the beginning" in page.text
    page = opened(staff, address).send("/correct")
    assert page.status == 422 and "Nothing differs" in page.text
    assert sessions(yard, yard.door)[0] == row


def test_only_keepers_change_sessions_and_only_of_this_door(
    yard: Yard, staff: TestClient, client_of: Callable[..., TestClient]
) -> None:
    begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, yard.trip("T-1", A))
    [row] = sessions(yard, yard.door)
    reader = client_of("dispatcher")
    page = opened(reader, f"/doors/{yard.door}/sessions?session={row['id']}")
    assert page.status == 200 and A in page.text and not page.has("/correct") and not page.has("/sessions")
    assert reader.post(f"/doors/{yard.door}/sessions", data={}).status_code == 403
    second = yard.second  # pyright: ignore[reportAttributeAccessIssue]
    assert staff.post(f"/doors/{second}/sessions/{row['id']}/close", data={}).status_code == 404


def read(yard: Yard, unit: str, plate: str, door: str, trip: str, **body: Any) -> None:
    subjects = {"unit": unit, "vehicle": yard.trucks[plate], "site": yard.sites["DC1"], "door": door}
    fact = Fact(
        id=fact_id("unit.loaded", subjects, (new_id(),)), kind="unit.loaded", at=now_ms(), subjects=subjects,
        by=Author("device", "dr-1"), source="rfid", body={"trip": trip, **body}, confidence=0.97, grade="B",
        inputs=(new_id(),),
    )  # fmt: skip
    with yard.db.tx() as conn:
        orders.on_facts(conn, log.append(conn, [fact]))


@pytest.mark.requirement("EX-22", "T14")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_EX22_a_door_says_why_a_count_is_disputed_and_what_settles_it(
    yard: Yard, staff: TestClient, language: str
) -> None:
    staff.headers["Accept-Language"] = language
    second = yard.second  # pyright: ignore[reportAttributeAccessIssue]
    order = yard.order("SO-1", units=3)
    trip = yard.trip("T-1", A, carries=(order,))
    other = yard.trip("T-2", B)
    begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, trip)
    first, loud, _ = (each["id"] for each in yard.units(order))
    assert "ddis" not in staff.get(f"/doors/{yard.door}").text

    read(yard, loud, A, yard.door, trip, rival_door=second)
    page = opened(staff, f"/doors/{yard.door}")
    assert {"en": "SO-1 #2 Door 3 read it just as loud.", "zh": "SO-1 #2 3 号门也读到它，一样强。"}[
        language
    ] in page.text

    read(yard, first, A, yard.door, trip)
    read(yard, first, B, second, other)
    page = opened(staff, f"/doors/{yard.door}")
    assert {"en": "Two trucks claim it:", "zh": "两辆车都报装了它："}[language] in page.text
    assert {"en": "scan it there", "zh": "在那里扫描"}[language] in page.text
    assert A in page.text and B in page.text
    assert page.html.count('class="tile rev"') == 2
    assert 'title="Two' not in page.html  # no pointer is needed to read it


@pytest.mark.requirement("T14")
def test_T14_a_door_says_that_the_drivers_count_differs_from_what_was_read(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1", units=2)
    trip = yard.trip("T-1", A, carries=(order,))
    begun(yard, opened(staff, f"/doors/{yard.door}/sessions"), A, trip)
    for unit in yard.units(order):
        read(yard, unit["id"], A, yard.door, trip)
    yard.post(f"/trips/{trip}/load-sign", pieces=1, cautions=[])
    assert (
        "The driver signed for 1, 2 were read. Count again with the driver."
        in opened(staff, f"/doors/{yard.door}").text
    )
