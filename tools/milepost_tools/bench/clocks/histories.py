"""Random histories of single orders: mostly what a company lives through, at the instants where rules turn."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.journeys import travel
from milepost_tools.bench.clocks.mangle import mangle
from milepost_tools.bench.clocks.pen import DAY, HOUR, MINUTE, Pen, date_text, day_start, opened

# 2024-01-08T00:00+08:00, a Monday; the days that follow hold the spring festival and the make-up days around it.
FIRST_DAY = 1_704_643_200_000
DAYS = 300
_CHANNELS = ("web", "taobao", "nis", "phone", "1688")
_CLASSES = ("standard", "standard", "vip", "project")


@dataclass(frozen=True, slots=True)
class History:
    """Facts of one order, and the instant at which it is judged (UTC ms)."""

    order: str
    facts: list[Fact]
    until: int


def history(seed: int) -> History:
    """The history of a seed: always the same one."""
    rng = random.Random(seed)
    start = FIRST_DAY + rng.randrange(DAYS) * DAY + rng.randrange(24) * HOUR + rng.randrange(60) * MINUTE
    pen = Pen(rng, "o1", start, brisk=rng.random() < 0.5)
    _places(pen)
    pen.go(spread=8 * HOUR)
    goods = pen.chance(0.3)
    pickup = "none" if goods else pen.pick(("none", "asap", "asap", "appointment"))
    shippable = _desk(pen, goods, pickup)
    if shippable:
        if goods:
            _pick(pen)
        else:
            _fetch(pen, pickup)
        if not pen.chance(0.05):
            pen.go(day_start(pen.now) + DAY, pen.facts[0].at + DAY, spread=4 * HOUR)
            pen.say("waybill.issued", waybill="w1", pieces=3, kg=20.0)
        travel(pen)
    _talk(pen, start)
    facts, until = mangle(pen, start)
    return History("o1", facts, until)


def _places(pen: Pen) -> None:
    before = pen.now - 30 * DAY
    for site, role in (("yard", "origin"), ("hub", "hub"), ("term", "terminal"), ("shop", "consignee")):
        pen.say("site.defined", before, site=site, role=role)


def _desk(pen: Pen, goods: bool, pickup: str) -> bool:
    """From the request to the confirmation; False when it was cancelled on the way."""
    base = {"type": "goods" if goods else "consignment", "customer": "c1"}
    if pen.chance(0.3):
        pen.say("order.requested", pen.now - int(pen.rng.random() * HOUR), **base)
    submitted = pen.now
    branch = {"branch": "b1"} if pen.chance(0.7) else {}
    pen.say(
        "order.submitted", **base, **{"class": pen.pick(_CLASSES)}, channel=pen.pick(_CHANNELS), online=pen.chance(0.6),
        lines=[{"line": "1", "item": "cup", "qty": 3}], from_={"site": "yard"}, to={"site": "shop"},
        contact={"name": "shop"}, dates=_dates(pen, pickup), pickup=pickup, **branch,
    )  # fmt: skip
    if not branch:
        pen.go(opened(submitted) + 10 * MINUTE, opened(submitted), spread=20 * MINUTE)
        pen.say("order.assigned", branch="b1")
    if pen.chance(0.05):
        pen.go(spread=20 * MINUTE)
        pen.say("order.assigned", branch="b2")
    if pickup != "none" and pen.chance(0.35):
        _agree(pen, pen.near(opened(submitted) + HOUR, submitted + 2 * HOUR, spread=3 * HOUR))
    _accept(pen, "b1")
    for n in range(pen.pick((0, 0, 0, 0, 1, 1, 2, 3))):
        pen.go(pen.now + 5 * MINUTE, spread=10 * MINUTE)
        pen.say("order.rerouted", to_branch=f"b{n + 2}")
        _accept(pen, f"b{n + 2}")
    if pen.chance(0.15):
        pen.say("order.edited", pen.near(), changes={"remark": "x"})
    if pen.chance(0.8):
        pen.say("note.printed", pen.near(pen.now + 30 * MINUTE, spread=HOUR), paper="n1", branch="b1")
    if pen.chance(0.15):
        _hold(pen)
    if _postpone_or_cancel(pen, submitted, pickup, 0.2, 0.1):
        return False
    if not pen.chance(0.06):
        pen.go(spread=2 * HOUR)
        pen.say("order.confirmed", checked=True)
    if pen.chance(0.1):
        _hold(pen)
    return not _postpone_or_cancel(pen, submitted, pickup, 0.1, 0.05)


def _dates(pen: Pen, pickup: str) -> dict:
    if pickup != "appointment" or pen.chance(0.05):
        return {}
    at = day_start(pen.now) + pen.pick((0, 1, 1, 2)) * DAY + pen.pick((8, 9, 10, 15, 17, 18, 19)) * HOUR
    at += pen.pick((-1, 0, 0, 30 * MINUTE))
    if pen.chance(0.3):
        return {"pickup": {"from": at, "to": at + 2 * HOUR}}
    return {"pickup": at}


def _accept(pen: Pen, branch: str) -> None:
    if pen.chance(0.6):
        pen.say("contact.logged", pen.near(spread=10 * MINUTE), with_="customer", about="order", result="reached")
    pen.go(opened(pen.now) + 10 * MINUTE, opened(pen.now), day_start(pen.now) + 23 * HOUR, spread=20 * MINUTE)
    if not pen.chance(0.05):
        pen.say("order.accepted", branch=branch)


def _agree(pen: Pen, at: int) -> None:
    """A pickup agreed at `at` for later."""
    begin = at - at % (30 * MINUTE) + pen.pick((1, 2, 4, 6, 20)) * HOUR
    pen.say("pickup.agreed", at, from_=begin, to=begin + pen.pick((0, 0, 2 * HOUR)))


def _hold(pen: Pen) -> None:
    """A hold, or two that overlap; sometimes nobody releases it."""
    for name in ("data", "payment")[: pen.pick((1, 1, 2))]:
        begin = pen.near(spread=2 * HOUR)
        pen.say("hold.set", begin, hold=name, reason="x")
        if not pen.chance(0.1):
            pen.say("hold.released", pen.near(spread=8 * HOUR, t=begin), hold=name, reason="x")


def _postpone_or_cancel(pen: Pen, submitted: int, pickup: str, postpone: float, cancel: float) -> bool:
    """True when it was cancelled."""
    day0 = opened(submitted)
    while pen.chance(postpone):
        pen.go(spread=4 * HOUR)
        ahead = pen.pick((0, 1, 1, 2, 3, 3, 4, 5))
        pen.say("order.postponed", to=max(date_text(day0, ahead), date_text(pen.now)), asked_by="customer")
        if pickup != "none" and pen.chance(0.3):
            _agree(pen, pen.near(spread=12 * HOUR))
        if pen.chance(0.8) and ahead < 4:
            wake = day_start(day0) + ahead * DAY + 8 * HOUR
            pen.now = max(pen.now, wake + int(pen.rng.random() * 2 * HOUR) + pen.pick((-HOUR, 0, 0)))
    if pen.chance(cancel):
        pen.go(day_start(pen.now) + DAY, spread=8 * HOUR)
        pen.say("order.cancelled", asked_by="customer", **({"reason": "none needed"} if pen.chance(0.4) else {}))
        if pen.chance(0.6):
            pen.say("cancel.reason", pen.near(day_start(pen.now) + DAY, spread=DAY), reason="changed plans")
        return not pen.chance(0.03)
    return False


def _pick(pen: Pen) -> None:
    """The warehouse picks a goods order."""
    if pen.chance(0.8):
        pen.say("pick.issued", pen.near(spread=HOUR), list="p1")
    pen.go(day_start(pen.now) + 2 * DAY, spread=6 * HOUR)
    way = pen.rng.random()
    if way < 0.5:
        pen.say("order.readied", reason="picked")
    elif way < 0.8:
        for _ in range(pen.pick((2, 3, 3))):
            pen.say("unit.picked", pen.near(spread=5 * MINUTE), "keeper", order="o1", line="1", qty=1)


def _fetch(pen: Pen, pickup: str) -> None:
    """A consignment is brought or fetched."""
    if pickup == "none" or pen.chance(0.05):
        pen.go(spread=4 * HOUR)
        if pen.chance(0.9):
            pen.say("goods.handed_in", branch="b1", pieces=3)
        return
    for _ in range(pen.pick((0, 0, 1, 1, 2))):
        _agree(pen, pen.go(spread=2 * HOUR))
        if pen.chance(0.3):
            pen.say("contact.logged", pen.near(spread=3 * HOUR), with_="customer", about="pickup", result="late")
    anchors = [day_start(pen.now) + 19 * HOUR, day_start(pen.now) + 36 * HOUR]
    anchors += [f.body["to"] for f in pen.facts if f.kind == "pickup.agreed"]
    anchors += [f.body["from"] - HOUR for f in pen.facts if f.kind == "pickup.agreed"]
    anchors += [f.at + 2 * HOUR for f in pen.facts if f.kind == "order.submitted"]
    pen.go(*(a for a in anchors if a >= pen.now), spread=5 * HOUR)
    if pen.chance(0.6):
        arrived = pen.now
        bound = arrived - pen.pick((HOUR, 3 * HOUR, -MINUTE))
        pen.say("trip.planned", min(arrived, bound), trip="tp", kind="pickup", stops=[])
        pen.say("trip.vehicle", min(arrived, bound), trip="tp", vehicle="vp", from_=bound)
        if pen.chance(0.9):
            pen.say("trip.expected", min(arrived, bound), trip="tp", order="o1")
        for _ in range(pen.pick((1, 1, 1, 2))):
            if pen.chance(0.8):
                pen.say("vehicle.entered", vehicle="vp", site="yard")
            pen.say("vehicle.stopped", vehicle="vp", site=pen.pick(("yard",) * 9 + ("hub",)))
            pen.go(spread=40 * MINUTE)
            if pen.chance(0.1):
                pen.say("vehicle.left", vehicle="vp", site="yard")
    if not pen.chance(0.08):
        pen.say("pickup.done", pieces=3, packing="good", signers=["a", "b"])
    if pen.chance(0.5):
        pen.say("vehicle.left", pen.near(spread=20 * MINUTE), vehicle="vp", site="yard")


def _talk(pen: Pen, start: int) -> None:
    """What is said around an order at any time."""
    end = pen.now
    somewhere: Callable[[], int] = lambda: start + int(pen.rng.random() * max(end - start, HOUR))  # noqa: E731
    if pen.chance(0.35):
        at = pen.near(day_start(start) + 23 * HOUR, t=pen.pick((start + 2 * HOUR, somewhere())))
        pen.say("remark.added", at, remark=pen.pick(("track", "track", "accept", "bill")), text="x",
                **({"filed": pen.chance(0.7)} if pen.chance(0.6) else {}))  # fmt: skip
    if pen.chance(0.06):
        pen.say("exempt.verified", somewhere(), cause="power cut")
    if pen.chance(0.1):
        at = somewhere()
        pen.say("location.requested", at, waybill="w1")
        for _ in range(pen.pick((0, 1, 1, 2))):
            pen.say("location.answered", pen.near(at + 15 * MINUTE, spread=HOUR, t=at), waybill="w1")
    if pen.chance(0.15):
        _complain(pen, somewhere())


def _complain(pen: Pen, at: int) -> None:
    about = pen.pick(("damage", "attitude", "delay", "accident", "theft"))
    pen.say("complaint.lodged", at, complaint="k1", class_=pen.pick(("1", "1", "2", "3", "mail", "change", "x")),
            about=about)  # fmt: skip
    claimed = at
    if pen.chance(0.6):
        amount = pen.pick((100, 500, 500.01, 9999.99, 10000, 20000, 20000))
        claimed = pen.near(spread=2 * DAY, t=at) - pen.pick((0, 0, 0, DAY))
        pen.say("claim.lodged", claimed, claim="l1", amount=amount, declared=pen.pick((100, 9999.99, 10000, 50000)))
        if pen.chance(0.7):
            complete = pen.near(spread=5 * DAY, t=claimed)
            pen.say("claim.documents_complete", complete, claim="l1")
            if pen.chance(0.6):
                working = day_start(complete) + pen.pick((4, 5, 6, 8, 10, 12)) * DAY
                pen.say("claim.proposed", pen.near(working, spread=9 * DAY, t=complete), claim="l1", amount=50)
    if pen.chance(0.7):
        due = day_start(at) + pen.pick((2, 4, 6, 8, 10, 12, 20, 24, 40, 50)) * DAY
        pen.say("complaint.closed", pen.near(due, spread=20 * DAY, t=at), complaint="k1")
