"""A board that begins anew knows which vehicles stand with the engine on, in `serve` and in web workers."""

import itertools
from dataclasses import replace

import pytest

from milepost.db import Database
from milepost.evidence.ignition import last_words
from milepost.evidence.sink import DetectorSink
from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest.model import SpoolItem
from milepost.live.feed import ignitions
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost_device import wire

from .test_hub import T0, fix, item, time_of


@pytest.fixture
def truck(db: Database) -> str:
    """A vehicle with tracker t1 since an hour."""
    with db.tx() as conn:
        devices.enter_device(conn, device_id="t1", role="tracker", name="t1")
        vehicle = fleet.add_vehicle(conn, plate="沪A12345")
        fleet.bind(conn, "t1", "vehicle", vehicle, T0 - 3_600_000)
    return vehicle


def switched(at: int, on: bool) -> wire.Event:
    return wire.Event(code=wire.EV_IGNITION, args={"on": int(on)}, **time_of(at))  # pyright: ignore[reportArgumentType]


def heard(db: Database, *items: SpoolItem) -> None:
    DetectorSink(db, lambda _conn, _facts: None).handle(items)


def motion_after_restart(db: Database, vehicle: str) -> str:
    """As the composition root begins a board: the latest fixes, then the last words on the ignition."""
    hub = LiveHub(FleetTargets(db), clock=lambda: T0)
    hub.handle([item(fix(T0, speed=0.0))])
    hub.apply(ignitions(db))
    hub.tick()
    (row,) = [row for row in hub.full().v if row[0] == vehicle]
    return row[5]


def test_a_truck_that_idles_idles_on_a_board_that_was_not_there_when_the_engine_started(
    db: Database, truck: str
) -> None:
    heard(db, item(fix(T0 - 60_000), switched(T0 - 50_000, True)))
    assert motion_after_restart(db, truck) == "idling"
    heard(db, item(switched(T0 - 1_000, False)))
    assert motion_after_restart(db, truck) == "stopped"


def test_nothing_is_said_of_a_vehicle_that_never_said_it(db: Database, truck: str) -> None:
    heard(db, item(fix(T0 - 60_000)))
    assert ignitions(db) == []
    assert motion_after_restart(db, truck) == "stopped"


def test_what_a_device_on_no_vehicle_says_is_nobodys(db: Database, truck: str) -> None:
    heard(db, item(switched(T0 - 7_200_000, True)))  # before it was mounted
    assert ignitions(db) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_last_word_by_event_time_counts_in_whatever_order_it_arrives(
    db: Database, truck: str, order: tuple[int, ...]
) -> None:
    words = [item(switched(T0 + n * 1000, n != 1)) for n in range(3)]
    for n, which in enumerate(order):
        heard(db, replace(words[which], id=1_000_000 + n))
    with db.read() as conn:
        assert last_words(conn) == {truck: (T0 + 2000, True)}
