"""What bears on one order among the facts of many (docs/clocks.md: `rejudged`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.clocks.engine import judge, judge_facts
from milepost.clocks.model import ClockState
from milepost.clocks.rejudge import Worlds, rejudged
from milepost.evidence.model import Fact
from milepost.orders.fold import trace

Tale = Any
ORDERS = ("o1", "o2", "o3")
START = 1_709_514_000_000  # 2024-03-04 09:00
HOUR = 3_600_000
# What may happen: the kind, whether it names an order or a unit of it, its other fields.
KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("order.accepted", "order", {"branch": "A"}),
    ("order.confirmed", "order", {"checked": True}),
    ("waybill.issued", "order", {"waybill": "W", "pieces": 1, "kg": 1}),
    ("trip.expected", "order", {"trip": "t1"}),
    ("trip.expected", "order", {"trip": "t1", "remove": True}),
    ("trip.expected", "order", {"trip": "t2"}),
    ("unit.loaded", "unit", {"vehicle": "v1", "site": "home"}),
    ("unit.loaded", "unit", {"vehicle": "v2", "site": "home"}),
    ("vehicle.left", "", {"vehicle": "v1", "site": "home"}),
    ("vehicle.entered", "", {"vehicle": "v1", "site": "term"}),
    ("vehicle.stopped", "", {"vehicle": "v1", "site": "shop"}),
    ("unit.unloaded", "unit", {"site": "term", "vehicle": "v1"}),
    ("order.signed", "order", {"by": "driver", "signer": "s", "pieces": 1}),
    ("location.requested", "", {"waybill": "W", "by": "customer"}),
    ("location.answered", "", {"waybill": "W", "by": "desk"}),
    ("fact.retracted", "", {"by": "admin", "why": "wrong"}),
    ("fact.corrected", "", {"by": "admin", "why": "wrong", "fields": {"order": "o1"}}),
    ("fact.corrected", "", {"by": "admin", "why": "wrong", "fields": {"trip": "t1"}}),
    ("fact.corrected", "", {"by": "admin", "why": "wrong", "fields": {"waybill": "X"}}),
]
STEPS = st.lists(
    st.tuples(
        st.integers(0, len(KINDS) - 1), st.sampled_from(ORDERS), st.integers(0, 40), st.sampled_from((0, 0, 1, 26))
    ),
    min_size=4,
    max_size=24,
)


def told(tale: Tale, steps: Sequence[tuple[int, str, int, int]]) -> list[Fact]:
    """Three orders, two trips, and the steps: (kind, order, hours after the start, hours until it was received)."""
    for trip, vehicle in (("t1", "v1"), ("t2", "v2")):
        tale.say("trip.planned", START, trip=trip, kind="line", stops=[])
        tale.say("trip.vehicle", START, trip=trip, vehicle=vehicle, from_=START)
    for site, role in (("term", "terminal"), ("shop", "consignee")):
        tale.say("site.defined", START, site=site, role=role)
    for order in ORDERS:
        tale.submit(START, order=order)
        tale.say("order.units", START, order=order, units=[{"unit": f"{order}-u"}])
    for n, (which, order, after, delay) in enumerate(steps):
        kind, names, given_ = KINDS[which]
        at = START + after * HOUR
        subject = {"unit": f"{order}-u"} if names == "unit" else {}
        if kind.startswith("fact."):
            subject = {"target": tale.facts[n].id}
        named = order if names == "order" else None
        tale.say(kind, at, order=named, received=at + delay * HOUR, **subject, **given_)
    return tale.facts


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_is_left_out_of_an_orders_world_would_have_changed_nothing(
    teller: type[Any], steps: list[tuple[int, str, int, int]]
) -> None:
    tale = teller()
    facts = told(tale, steps)
    until = START + 6 * 24 * HOUR
    for order, judged in judge_facts(facts, tale.policies, tale.calendars, until).items():
        bare = [replace(clock, rejudged=False) for clock in judged.clocks]

        def judge_at(_: list[Fact], at: int, order: str = order) -> list[ClockState]:
            story = trace(facts, tale.policies, tale.calendars.company, at).get(order)
            if story is None:
                return []
            everything = judge_facts(facts, tale.policies, tale.calendars, at)[order].clocks
            own = judge(story, tale.policies, tale.calendars, at)
            return [*own, *(c for c in everything if c.clock == "N-50" and c.key not in {o.key for o in own})]

        assert judged.clocks == rejudged(bare, facts, until, judge_at)


def test_a_world_does_not_grow_with_what_shares_the_trip(tale: Tale) -> None:
    tale.say("trip.planned", "09:00", trip="t1", kind="line", stops=[])
    tale.say("trip.vehicle", "09:00", trip="t1", vehicle="v1", from_=tale.ms("09:00"))
    for n in range(300):
        order = f"o{n}"
        tale.submit("10:00", order=order)
        tale.say("order.units", "10:01", order=order, units=[{"unit": f"{order}-u"}])
        tale.say("trip.expected", f"10:{n % 60:02}", trip="t1", order=order)
        bill = tale.say("waybill.issued", "11:00", order=order, waybill=f"w{n}", pieces=1, kg=1)
        tale.say("unit.loaded", "11:30", order=None, unit=f"{order}-u", vehicle="v1", site="home")
        tale.say("location.requested", "11:40", by="customer", waybill=f"w{n}", order=None)
        tale.say("fact.corrected", "11:50", by="admin", target=bill.id, why="typo", fields={"kg": 2})
    around = Worlds(tale.facts).around("o7")
    assert len(around) < 15
    kinds = {f.kind for f in around}
    assert {"trip.planned", "trip.vehicle", "unit.loaded", "location.requested", "fact.corrected"} <= kinds
    assert any(f.kind == "trip.expected" and f.subjects["order"] != "o7" for f in around), "since when it is listed"
