"""Which sessions of doors reach behind an instant: read without looking at those of years ago, and none is missed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.evidence import repository
from milepost.ids import new_id

from ..conftest import T0

HOUR_MS = 3_600_000
# Of one door after another: hours without a session, how long it lasts (0: it was taken back), and whether another one
# was told in its time and taken back.
turns = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0, 1, 3, 30, 70]), st.booleans()), max_size=8)


def rows_of(
    door: str, vehicle: str, trip: str, given: list[tuple[int, int, bool]], open_: bool
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    at = T0

    def add(from_ms: int, to_ms: int) -> None:
        rows.append({"id": new_id(), "door_id": door, "vehicle_id": vehicle, "trip_id": trip, "direction": "load",
                     "from_ms": from_ms, "to_ms": to_ms, "opened_by": "k", "closed_by": "k"})  # fmt: skip

    last = None
    for pause, length, beside in given:
        at += pause * HOUR_MS
        add(at, at + length * HOUR_MS)
        last = rows[-1] if length else None
        if length and beside:
            add(at + HOUR_MS // 2, at + HOUR_MS // 2)
        at += length * HOUR_MS
    if open_ and last is not None:
        last["to_ms"] = None
    return rows


@pytest.mark.requirement("WH-2")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=turns, second=turns, open_=st.tuples(st.booleans(), st.booleans()), hours=st.integers(-1, 400))
def test_the_sessions_that_reach_behind_an_instant_are_found_and_no_others(yard, first, second, open_, hours):
    vehicle, trip = yard.vehicles["truck-a"], yard.trips["truck-a"]
    since = T0 + hours * HOUR_MS
    rows = [row for door, given, last in zip(("1", "2"), (first, second), open_, strict=True)
            for row in rows_of(yard.doors[door], vehicle, trip, given, last)]  # fmt: skip
    with yard.db.engine.connect() as conn, conn.begin() as transaction:
        for row in rows:
            repository.add_session(conn, row)
        found = repository.sessions_of_doors(conn, [yard.doors["1"], yard.doors["2"]], since)
        one = repository.sessions_of_doors(conn, [yard.doors["2"]], since)
        transaction.rollback()
    wanted = [row for row in rows if row["to_ms"] is None or row["to_ms"] > since]
    assert found == sorted(wanted, key=lambda row: (row["from_ms"], row["id"]))
    assert one == [row for row in found if row["door_id"] == yard.doors["2"]]
