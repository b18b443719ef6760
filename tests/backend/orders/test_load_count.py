"""The driver signs for the whole load of a trip: his count is held against all its orders together (T14, EX-22)."""

import random
import sys
from typing import Any

import pytest

from milepost.access.model import SYSTEM
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Fact
from milepost.orders import repository, service
from milepost.orders.fold import fold, trace
from milepost.orders.model import Calendar, Policy
from milepost.times import now_ms

FOREVER = 4_102_444_800_000
T14 = pytest.mark.requirement("T14", "EX-22", "OT-8")


def counts(story: Any, order: str) -> list[dict[str, Any]]:
    return [e for e in story.state(order).exceptions if e["kind"] == "load_count"]


def is_open(story: Any, order: str) -> bool | None:
    """None: it never was."""
    found = counts(story, order)
    return found[-1]["closed_at"] is None if found else None


@pytest.fixture
def loaded(story: Any) -> Any:
    """A trip with two pieces of o1 and one of o2, all aboard."""
    first, second = story.to_waybilled("o1", qty=2), story.to_waybilled("o2", qty=1)
    story.trip("t1", "v1", "o1")
    story.say("trip.expected", trip="t1", order="o2")
    story.load([*first, *second])
    return story


def sign(story: Any, pieces: int, **more: Any) -> Fact:
    return story.say("load.signed", trip="t1", pieces=pieces, cautions=[], **more)


@T14
def test_T14_the_sum_over_all_orders_agrees_with_the_drivers_count(loaded: Any) -> None:
    sign(loaded, 3)
    for order in ("o1", "o2"):
        assert counts(loaded, order) == []
        assert loaded.state(order).stages[4]["grade"] == "A"  # the reader and the driver


@T14
def test_T14_a_count_that_differs_is_the_trouble_of_every_order_of_the_trip(loaded: Any) -> None:
    """Nobody knows whose piece is missing."""
    loaded.to_confirmed("o3")  # on no trip
    signed = sign(loaded, 4)
    for order in ("o1", "o2"):
        (found,) = counts(loaded, order)
        assert (found["ex"], found["facts"], found["closed_at"]) == ("EX-22", [signed.id], None)
        assert found["data"] == {"trip": "t1", "signed": 4, "aboard": 3, "orders": 2}
        assert loaded.state(order).stages[4]["grade"] == "B"
    assert counts(loaded, "o3") == []


@T14
def test_T14_what_comes_aboard_late_settles_it_for_all(story: Any) -> None:
    first, second = story.to_waybilled("o1", qty=2), story.to_waybilled("o2", qty=2)
    story.trip("t1", "v1", "o1")
    story.say("trip.expected", trip="t1", order="o2")
    story.load([*first, second[0]])
    sign(story, 4)
    assert (is_open(story, "o1"), is_open(story, "o2")) == (True, True)
    story.load([second[1]])
    assert (is_open(story, "o1"), is_open(story, "o2")) == (False, False)
    assert [story.state(order).stages[4]["grade"] for order in ("o1", "o2")] == ["A", "A"]


def test_what_goes_back_counts_no_longer(loaded: Any) -> None:
    sign(loaded, 2)
    loaded.say("unit.passed_back", unit="o1-u1", vehicle="v1", site="yard")
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (False, False)


def test_a_second_signature_takes_the_place_of_the_first(loaded: Any) -> None:
    sign(loaded, 2)
    sign(loaded, 3)
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (False, False)
    sign(loaded, 5)
    assert [e["data"]["signed"] for e in counts(loaded, "o2")] == [2, 5]


def test_once_the_truck_has_left_nothing_can_be_counted_any_more(loaded: Any) -> None:
    """One piece less aboard after the first stop is no agreement."""
    sign(loaded, 2)
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.say("unit.unloaded", unit="o1-u1", vehicle="v1", site="shop")
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (True, True)


def test_what_is_loaded_at_a_later_stop_was_not_signed_for_at_the_first(loaded: Any) -> None:
    loaded.say("unit.passed_back", unit="o2-u1", vehicle="v1", site="yard")
    sign(loaded, 3)
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.load(["o2-u1"], site="hub")
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (True, True)


def test_what_came_off_elsewhere_is_no_agreement_either_where_no_departure_was_seen(loaded: Any) -> None:
    sign(loaded, 2)
    loaded.say("unit.unloaded", unit="o1-u1", vehicle="v1", site="shop")
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (True, True)


def test_an_order_taken_off_the_list_is_settled_with_the_others(loaded: Any) -> None:
    sign(loaded, 2)
    loaded.say("trip.expected", trip="t1", order="o2", remove=True)
    assert (is_open(loaded, "o1"), is_open(loaded, "o2")) == (False, False)


def test_goods_without_tags_count_with_what_the_keeper_checked_aboard(loaded: Any) -> None:
    loaded.to_confirmed("o4")
    loaded.say("waybill.issued", order="o4", waybill="W4", pieces=5, kg=9)
    loaded.say("trip.expected", trip="t1", order="o4")
    sign(loaded, 7)
    assert counts(loaded, "o1") == []  # nobody has counted them: nothing to hold it against
    loaded.say("load.checked", trip="t1", order="o4", pieces=5)
    sign(loaded, 7)
    assert [(e["data"]["aboard"], e["closed_at"]) for e in counts(loaded, "o1")] == [(8, None)]
    sign(loaded, 8)
    assert is_open(loaded, "o4") is False


def _story(story: Any) -> list[Fact]:
    """Two trips of two orders each, with a piece too many; the one is mended, the other leaves."""
    for trip, vehicle, orders in (("t1", "v1", ("o1", "o2")), ("t2", "v2", ("o3", "o4"))):
        units = [unit for order in orders for unit in story.to_waybilled(order, qty=2)]
        story.trip(trip, vehicle, orders[0])
        story.say("trip.expected", trip=trip, order=orders[1])
        story.load(units, vehicle)
        story.say("load.signed", trip=trip, pieces=3, cautions=[])
        if trip == "t1":  # down to the floor of the yard; no vehicle is named
            story.say("unit.unloaded", unit=units[3], site="yard")
        story.say("vehicle.left", vehicle=vehicle, site="yard")
    story.say("unit.unloaded", unit="o3-u1", vehicle="v2", site="shop")
    return story.facts


@pytest.mark.parametrize("seed", [*range(3), "order.units", "unit.unloaded"])
def test_one_order_folded_by_itself_says_what_all_say_together_whatever_came_first(
    db: Database, story: Any, seed: int | str
) -> None:
    """The service folds an order with what it rests on, a judgement of a file folds everything."""
    facts = _story(story)
    whole = fold(facts, Policy(), Calendar(), now_ms())
    told = {name: [(e["kind"], e["closed_at"], e["data"]) for e in state.exceptions] for name, state in whole.items()}
    assert [[at is None for kind, at, _ in told[name] if kind == "load_count"] for name in sorted(told)] == [
        [False], [False], [True], [True]
    ]  # fmt: skip
    portion = 3
    if isinstance(seed, int):
        mixed, portion = facts + facts[::5], 9 * seed + 3
        random.Random(seed).shuffle(mixed)
    else:  # all of one kind, and of it the other order's, come last
        mixed = sorted(facts, key=lambda fact: (fact.kind == seed, fact.subjects.get("order", "")))
    with db.tx() as conn:
        for name in whole:
            row = {"id": name, "number": name, "created_at": 0, "request": "{}", "updated_at": 0, "state": "requested",
                   "stage": 1, "projection": "{}"}  # fmt: skip
            repository.add(conn, row)
        while mixed:
            several, mixed = mixed[:portion], mixed[portion:]
            service.on_facts(conn, log.append(conn, several))
        for name, state in whole.items():
            row = repository.find(conn, SYSTEM, name)
            assert row and repository.projection(row) == state.as_dict()
            shown = {fact["id"] for fact in service.evidence_of(conn, SYSTEM, name)}
            strangers = {f.id for f in facts if any(s.startswith("o") and s[:2] != name for s in f.subjects.values())}
            assert not shown & strangers  # what it was counted against stands on no page of it


def _crowd(story: Any, orders: int) -> list[Fact]:
    names = [f"o{n}" for n in range(orders)]
    story.trip("t1", "v1", None)
    for name in names:
        units = story.to_waybilled(name, qty=1)
        story.say("trip.expected", trip="t1", order=name)
        story.load(units)
    story.say("load.signed", trip="t1", pieces=orders + 1, cautions=[])
    for name in names:
        story.say("unit.loaded", unit=f"{name}-u1", vehicle="v1", site="yard")
    story.say("vehicle.left", vehicle="v1", site="yard")
    for name in names:
        story.say("order.signed", by="driver", order=name, signer="her", pieces=1)
    return story.facts


def _calls(facts: list[Fact]) -> int:
    """Calls of functions that a fold of these facts takes: unlike seconds they are the same on every machine."""
    made = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        trace(facts, Policy(), Calendar(), FOREVER)
    finally:
        sys.setprofile(None)
    return made


def test_an_order_costs_no_more_where_many_share_its_trip(story: Any) -> None:
    """Also while a count is open, and with a load after the signature for each of them."""
    few, many = _calls(_crowd(story, 20)), _calls(_crowd(type(story)(), 200))
    assert many < 11 * few
