"""Orders due at the same instant are folded together: what that asks of the database does not grow with them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from milepost.alerts import service as inbox
from milepost.db import Database
from milepost.live import announce
from milepost.notify import service as notify
from milepost.orders import history, projector, repository, world
from milepost.reports import service as reports

BOTH = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def house(company: Any) -> Any:
    """A company in which every part listens, as in the service."""
    for part in (history, notify, inbox, reports, announce):
        part.install()
    return company


@contextmanager
def questions(db: Database) -> Iterator[list[str]]:
    """Every SELECT that is sent meanwhile."""
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def pair(house: Any, trip: str, day: str) -> None:
    """Two orders from branches of their own on one trip, loaded, counted by the driver and gone; nobody signs."""
    vehicle = f"truck-{trip}"
    house.say("trip.planned", f"{day} 07:30", trip=trip, kind="delivery", stops=[{"site": "shop"}])
    house.say("trip.vehicle", f"{day} 07:31", trip=trip, vehicle=vehicle, from_=house.now)
    for name in (f"{trip}a", f"{trip}b"):
        units = [f"{name}-1", f"{name}-2"]
        house.order(name, when=f"{day} 08:00", branch=f"b-{name}")
        house.say("order.units", f"{day} 08:01", order=name, units=[{"unit": unit} for unit in units])
        house.say("trip.expected", f"{day} 08:02", trip=trip, order=name, units=units)
        for unit in units:
            house.say("unit.loaded", f"{day} 08:03", unit=unit, vehicle=vehicle, site="yard", by="keeper")
    house.say("load.signed", f"{day} 08:04", trip=trip, pieces=4, cautions=[])
    house.say("vehicle.left", f"{day} 08:05", vehicle=vehicle, site="yard")


@BOTH
@pytest.mark.requirement("EO-19")
def test_EO19_a_round_asks_no_more_for_many_orders_than_for_few(house: Any):
    """What breaks at one instant is told in seconds: a round's questions are asked for all its orders together."""
    pair(house, "t0", "2026-03-02")
    with questions(house.db) as few:
        assert house.wake("2026-03-02 08:10:01") == 2
    for n in range(1, 7):
        pair(house, f"t{n}", "2026-03-03")
    house.wake("2026-03-03 08:06")  # what has become due of the first two since
    with questions(house.db) as many:
        assert house.wake("2026-03-03 08:10:01") == 12
    assert len(house.breaches("N-01")) == 14
    assert len(many) <= len(few), set(many) - set(few)


@BOTH
def test_orders_loaded_together_rest_on_what_each_rests_on_alone(house: Any):
    for n in range(3):
        pair(house, f"t{n}", "2026-03-02")
    house.say("unit.unloaded", "09:00", unit="t0a-1", site="yard", by="keeper")
    house.say("unit.loaded", "09:05", unit="t0a-1", vehicle="truck-t1", site="yard", by="keeper")
    house.order("alone", when="09:10")
    names = [f"t{n}{half}" for n in range(3) for half in "ab"] + ["alone"]
    with house.db.read() as conn:
        together = world.load_all(conn, names)
        beside = world.companions(conn, together, {})
        for name in names:
            single = world.load(conn, name)
            assert together[name] == single
            assert beside[name] == world.companions(conn, {name: single}, {})[name]
    assert beside["t1a"] and not beside["alone"]


@BOTH
def test_one_order_that_cannot_be_folded_holds_up_none_of_its_round(
    house: Any, monkeypatch: pytest.MonkeyPatch, at_: Callable[..., int]
):
    names = [house.order(f"o{n}", when="08:00") for n in range(5)]
    trace = projector.trace

    def broken(*given: Any, only: str) -> Any:
        if only == "o2":
            raise RuntimeError("this one is beyond the fold")
        return trace(*given, only=only)

    monkeypatch.setattr(projector, "trace", broken)
    assert house.wake("08:10:01") == 5
    assert sorted(row["order_id"] for row in house.breaches("N-01")) == [name for name in names if name != "o2"]
    with house.db.read() as conn:
        assert repository.locked(conn, ["o2", "no such order"]).keys() == {"o2"}
    monkeypatch.setattr(projector, "trace", trace)
    house.wake("08:11:02")
    assert sorted(row["order_id"] for row in house.breaches("N-01")) == names
