"""What one order's refold loads is enough: its state equals that of a fold over the whole log."""

import random
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from milepost.access.model import SYSTEM
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Fact
from milepost.evidence.tables import fact as fact_table
from milepost.fleet import service as fleet
from milepost.orders import repository, service, world
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, Policy
from milepost.orders.projector import refold
from milepost.orders.tables import order as order_table
from milepost.times import now_ms


def told(story: Any) -> list[Fact]:
    """Two orders on two trucks: a wrong truck, a passed-back unit, a whole trip; a third order is not touched."""
    units = story.to_waybilled("o1", qty=2)
    others = story.to_waybilled("o2", qty=1)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", "o2")
    story.load([units[0]], "v1")
    story.load([units[1]], "v2")
    story.say("unit.passed_back", unit=units[1], vehicle="v2", site="yard")
    story.load([units[1]], "v1")
    story.load(others, "v2")
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.left", vehicle="v2", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=2)
    story.to_confirmed("o3")
    return story.facts


def wake(conn: Any, now: int) -> list[str]:
    """The orders whose next event has come by `now` and that differ after it."""
    due = conn.execute(select(order_table.c.id).where(order_table.c.next_due <= now)).scalars().all()
    return [order_id for order_id in due if refold(conn, order_id, (), now)]


@pytest.fixture
def rows(db: Any) -> Any:
    """Three empty orders."""
    with db.tx() as conn:
        for name in ("o1", "o2", "o3"):
            repository.add(
                conn,
                {"id": name, "number": name.upper(), "created_at": 0, "request": "{}", "updated_at": 0,
                 "state": "requested", "stage": 1, "projection": "{}"},
            )  # fmt: skip
    return db


@pytest.mark.parametrize("seed", range(4))
def test_facts_in_any_order_of_arrival_lead_to_the_same_rows(rows: Any, story: Any, seed: int):
    facts = told(story)
    expected = fold(facts, Policy(), Calendar(), now_ms())
    mixed = facts + facts[::3]
    random.Random(seed).shuffle(mixed)
    with rows.tx() as conn:
        while mixed:
            several, mixed = mixed[: seed * 3 + 1], mixed[seed * 3 + 1 :]
            service.on_facts(conn, log.append(conn, several))
        for name in ("o1", "o2", "o3"):
            shown = service.get(conn, SYSTEM, name)
            assert shown["state"] == expected[name].state
            row = repository.find(conn, SYSTEM, name)
            assert row and row["projection"].startswith('{"id":"' + name)
            assert [e["kind"] for e in shown["exceptions"]] == [e["kind"] for e in expected[name].exceptions]
            assert [s["facts"] for s in shown["stages"]] == [s["facts"] for s in expected[name].stages]
    assert expected["o1"].state == "receipt_due" and expected["o2"].state == "in_transit"


def test_a_fact_refolds_only_what_it_touches(rows: Any, story: Any):
    facts = told(story)
    with rows.tx() as conn:
        service.on_facts(conn, log.append(conn, facts))
        story.say("vehicle.entered", vehicle="v2", site="shop")
        assert service.on_facts(conn, log.append(conn, story.facts[-1:])) == []  # an entry alone changes nothing
        story.say("vehicle.stopped", vehicle="v2", site="shop")
        assert service.on_facts(conn, log.append(conn, story.facts[-1:])) == ["o2"]
        assert service.on_facts(conn, log.append(conn, story.facts[-1:])) == []


def test_a_new_rev_of_a_fact_is_a_correction_with_both_kept(rows: Any, story: Any):
    facts = told(story)
    stop = next(f for f in facts if f.kind == "vehicle.stopped")
    with rows.tx() as conn:
        service.on_facts(conn, log.append(conn, facts))
        later = replace(stop, rev=1, at=stop.at + 1000)
        assert service.on_facts(conn, log.append(conn, [later])) == ["o1"]
        assert service.get(conn, SYSTEM, "o1")["stages"][6]["at"].endswith("01.000Z")
        assert len(conn.execute(fact_table.select().where(fact_table.c.id == stop.id)).all()) == 2


def test_goods_of_a_cancelled_order_are_followed_until_they_are_off(rows: Any, story: Any):
    units = story.to_waybilled("o1", qty=2)
    story.trip("t1", "v1", "o1")
    story.load(units, "v1")
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("order.cancelled", order="o1", asked_by="customer", reason="sold out")
    days = 24 * 60  # minutes
    news = [("vehicle.stopped", {"vehicle": "v1", "site": "shop"}), ("vehicle.left", {"vehicle": "v1", "site": "shop"})]
    for kind, fields in news:
        story.minute += 3 * days
        story.say(kind, **fields)
    with rows.tx() as conn:
        service.on_facts(conn, log.append(conn, story.facts))
        loaded = {fact.id for fact in world.load(conn, "o1")[0]}
        assert {fact.id for fact in story.facts if fact.kind.startswith("vehicle.")} <= loaded
        for unit in units:
            story.say("unit.unloaded", unit=unit, vehicle="v1", site="yard")
        story.minute += 3 * days
        gone = story.say("vehicle.left", vehicle="v1", site="yard")
        service.on_facts(conn, log.append(conn, story.facts[-3:]))
        assert gone.id not in {fact.id for fact in world.load(conn, "o1")[0]}


def test_a_postponed_order_wakes_when_its_hour_comes(rows: Any, story: Any):
    story.to_confirmed("o3")
    said = story.say("order.postponed", order="o3", to="2026-03-03", asked_by="customer")
    wakes_at = story.START + 24 * 60 * story.MINUTE
    with rows.tx() as conn:
        log.append(conn, story.facts)
        assert refold(conn, "o3", story.facts, said.at)
        row = repository.find(conn, SYSTEM, "o3")
        assert row and (row["state"], row["next_due"]) == ("postponed", wakes_at)
        assert wake(conn, wakes_at - 1) == []
        assert wake(conn, wakes_at) == ["o3"]
        row = repository.find(conn, SYSTEM, "o3")
        assert row and (row["state"], row["next_due"]) == ("confirmed", None)


def test_a_fact_of_the_next_minute_shows_when_its_minute_comes(rows: Any, story: Any):
    facts = told(story)[:5]
    now = now_ms()
    ahead = replace(facts[-1], at=now + 60_000, recorded_at=now + 60_000, received_at=now + 60_000)
    with rows.tx() as conn:
        service.on_facts(conn, log.append(conn, [*facts[:-1], ahead]))
        row = repository.find(conn, SYSTEM, "o1")
        assert row and (row["state"], row["next_due"]) == ("assigned", ahead.at)
        assert wake(conn, ahead.at) == ["o1"]
        row = repository.find(conn, SYSTEM, "o1")
        assert row and (row["state"], row["next_due"]) == ("accepted", None)


@pytest.mark.requirement("EX-42")
@pytest.mark.parametrize(
    ("shape", "radius_m"),
    [
        ({"type": "circle", "lat": 31.23, "lon": 121.47, "radius_m": 100}, 100.0),
        ({"type": "polygon", "points": [[31.23, 121.47], [31.232, 121.47], [31.232, 121.472]]}, 150.0),
    ],
)
def test_a_phone_is_judged_by_the_fence_of_the_fleets_register(
    db: Database, story: Any, shape: dict[str, Any], radius_m: float
):
    """The consignee's site is known from the order alone: no vehicle need ever have been there."""
    with db.tx() as conn:
        shop = fleet.add_site(conn, code="S", name_zh="店", name_en="Shop", kind="consignee", shape=shape)
        story.say("order.requested", order="o1", type="goods", customer="c1")
        story.say("order.edited", order="o1", by="customer", changes={"to": {"site": shop}})
        log.append(conn, story.facts)
        facts, _ = world.load(conn, "o1")
    (site,) = [fact for fact in facts if fact.kind == "site.defined"]
    assert abs(site.body["lat"] - 31.23) < 0.002 and abs(site.body["lng"] - 121.47) < 0.002
    assert radius_m <= site.body["radius_m"] < radius_m + 60
