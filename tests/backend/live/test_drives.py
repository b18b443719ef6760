"""A message of good fixes is one change of the board: the one that looking at each fix gives."""

from math import isnan
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost.db import Database
from milepost.fleet import devices, service
from milepost.ingest.reading import Body, EventBody, FixBody, Reading
from milepost.live.changes import Intake
from milepost.live.state import Limits
from milepost.live.targets import FleetTargets

from ..ingest.runs import run_of

T0 = 1_790_000_000_000


class Bound:
    """Targets of one device by half-open spans of time."""

    def __init__(self, spans: list[tuple[int, int | None, str, str]]) -> None:
        self.spans = spans

    target_at = FleetTargets.target_at
    target_of = FleetTargets.target_of

    @property
    def _spans(self) -> dict[str, Any]:
        return {"truck-1": self.spans, "truck-2": self.spans}

    def _check(self) -> None:
        pass

    def limits_of(self, device_id: str, moving: bool = False) -> Limits:
        return Limits()


STEP = st.tuples(
    st.sampled_from([1, 1, 40, 0, -2]),
    st.sampled_from([0.0, 1e-4, 0.3, float("nan")]), st.sampled_from([None, 90.0, 180.0]),
    st.sampled_from([9, 9, 9, 0, None]), st.sampled_from(["fix"] * 9 + ["event"]),
)  # fmt: skip
ALWAYS = (T0 - 1, None, "vehicle", "v1")
BATCHES = st.lists(
    st.tuples(st.sampled_from(["truck-1", "truck-1", "truck-2"]), st.lists(STEP, max_size=6)), max_size=5
)
SPANS = st.lists(
    st.tuples(
        st.integers(T0, T0 + 90_000), st.one_of(st.none(), st.integers(T0, T0 + 200_000)),
        st.sampled_from(["vehicle", "vehicle", "door"]), st.sampled_from(["v1", "v2"]),
    ),
    max_size=3,
)  # fmt: skip


def batches_of(steps: list[Any]) -> list[list[Reading]]:
    at, lat, seq, found = T0, 31.0, 0, []
    for device, some in steps:
        batch = []
        received_at = at + 100_000
        for seconds, north, course, sats, kind in some:
            at, seq = at + seconds * 1000, seq + 1
            lat = round(lat + (0.0 if isnan(north) else north), 6)
            body: Body = FixBody(north if isnan(north) else lat, 121.0, None, 9.0, course, sats)
            if kind == "event":
                body = EventBody("ignition", {"on": True})
            batch.append(Reading(device, 7, seq, kind, at, "gnss", received_at, body))
        found.append(batch)
    return found


@settings(max_examples=300, deadline=None)
@given(BATCHES, st.one_of(st.just([ALWAYS]), SPANS))
@example([("truck-1", [(1, 1e-4, None, 9, "fix")]), ("truck-1", [(0, 1e-4, None, 9, "fix")])], [ALWAYS])  # no news
@example([("truck-1", [(1, 1e-4, 90.0, 9, "fix"), (1, 1e-4, None, 9, "fix")])], [ALWAYS])  # the last known course
def test_a_message_gives_what_its_fixes_give_one_by_one(steps: list[Any], spans: list[Any]) -> None:
    usual, careful = Intake(Bound(spans)), Intake(Bound(spans))
    for batch in batches_of(steps):
        expected = careful.of_readings(batch)
        run = run_of(batch)
        at_once = None if run is None else usual._of_drive(run)
        assert (usual.of_readings(batch) if at_once is None else [at_once]) == expected
        assert usual._latest == careful._latest


def test_a_minute_of_driving_is_the_usual_message() -> None:
    drive = run_of(batches_of([("truck-1", [(1, 1e-4, 90.0, 9, "fix")] * 60)])[0])
    assert drive is not None
    change = Intake(Bound([(T0, None, "vehicle", "v1")]))._of_drive(drive)
    assert change is not None
    assert (change.vehicle, change.at) == ("v1", drive[-1].at)


@pytest.mark.parametrize(("first", "last", "found"), [(5, 9, "A"), (5, 10, None), (10, 19, "B"), (19, 20, None)])
def test_a_span_has_the_target_that_holds_it_all(db: Database, first: int, last: int, found: str | None) -> None:
    with db.tx() as conn:
        devices.enter_device(conn, device_id="truck-1", role="tracker", name="t")
        ids = {name: service.add_vehicle(conn, plate=f"T{name}1") for name in "AB"}
        for name, start in (("A", 0), ("B", 10)):
            service.bind(conn, "truck-1", "vehicle", ids[name], start, start + 10)
    expected = None if found is None else ("vehicle", ids[found])
    assert FleetTargets(db).target_of("truck-1", first, last) == expected
