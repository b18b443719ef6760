"""The road in random histories: trips, arrivals, hand-outs, deliveries, signatures, receipts."""

from milepost_tools.bench.clocks.pen import DAY, HOUR, MINUTE, Pen, day_start


def travel(pen: Pen) -> None:
    """From the loading dock to the returned receipt, or as far as this order comes; now and then a unit is listed that
    nobody spoke of before."""
    units = [f"u{n}" for n in range(1, pen.pick((0, 0, 1, 1, 2, 3, 5)) + 1)]
    _road(pen, units)
    if units and pen.chance(0.06):
        pen.go(spread=DAY)
        pen.say("order.units", units=[{"unit": "u9", "no": "9", "pieces": 1, "line": "1"}])


def _road(pen: Pen, units: list[str]) -> None:
    mode = pen.pick(("own", "own", "own", "direct", "handout", "handout", "collect", None))
    if mode:
        routed = pen.now - pen.pick((0, HOUR))
        named = {"terminal": "term", "hubs": ["hub"]} if mode != "direct" and pen.chance(0.7) else {}
        pen.say("order.routed", routed, mode=mode, **named)
    if units:
        pen.say("order.units", units=[{"unit": u, "no": u, "pieces": 1, "line": "1"} for u in units])
    if pen.chance(0.1):
        return
    if mode == "direct":
        _trip(pen, "t1", "v1", "direct", "yard", units)
        _deliver(pen, "v1")
        return
    _trip(pen, "t1", "v1", "line", "yard", units)
    if pen.chance(0.3):
        pen.go(spread=6 * HOUR)
        _enter(pen, "v1", "hub", units, unload=False)
        pen.go(spread=2 * HOUR)
        pen.say("vehicle.left", vehicle="v1", site="hub")
    at_hub = mode == "handout" and pen.chance(0.3)
    place = "hub" if at_hub else "term"
    pen.go(day_start(pen.now) + 12 * HOUR, day_start(pen.now) + 36 * HOUR, spread=12 * HOUR)
    _enter(pen, "v1", place, units, unload=not pen.chance(0.1))
    if pen.chance(0.15):
        return
    if mode == "handout":
        _hand_out(pen)
    elif mode == "collect":
        pen.go(spread=DAY)
        _outcome(pen)
    else:
        pen.go(spread=3 * HOUR)
        _trip(pen, "t2", "v2", "delivery" if pen.chance(0.95) else "line", "term", units)
        _deliver(pen, "v2")


def _trip(pen: Pen, trip: str, vehicle: str, kind: str, site: str, units: list[str]) -> None:
    """Plan, load, leave; a unit that is left behind and released goes off the list."""
    planned = pen.now - pen.pick((HOUR, DAY))
    pen.say("trip.planned", planned, trip=trip, kind=kind, stops=[])
    pen.say("trip.vehicle", planned, trip=trip, vehicle=vehicle, from_=planned)
    pen.say("trip.expected", planned, trip=trip, order=pen.order)
    missing = pen.pick(units) if len(units) > 1 and pen.chance(0.08) else None
    for unit in units:
        pen.now += int(pen.rng.random() * MINUTE)
        if unit != missing:
            pen.say("unit.loaded", unit=unit, vehicle=vehicle, site=site, door="d1")
    if not units:
        pen.say("load.checked", trip=trip, pieces=3)
    if missing and pen.chance(0.5):
        pen.say("load.overridden", pen.near(spread=HOUR), order=pen.order, units=[missing], reason="next day")
        units.remove(missing)
    if pen.chance(0.8):
        pen.say("load.signed", trip=trip, pieces=3, cautions=[])
    pen.go(spread=HOUR)
    if not pen.chance(0.03):
        pen.say("vehicle.left", vehicle=vehicle, site=site)


def _enter(pen: Pen, vehicle: str, site: str, units: list[str], unload: bool) -> None:
    """Come in; the gate, the dock, or both see it."""
    gate = not (unload and units) or pen.chance(0.8)
    if gate:
        pen.say("vehicle.entered", vehicle=vehicle, site=site)
    if unload and units:
        for unit in units:
            if not pen.chance(0.03):
                pen.say(
                    "unit.unloaded",
                    pen.now + int(pen.rng.random() * 20 * MINUTE),
                    unit=unit,
                    site=site,
                    vehicle=vehicle,
                )
        pen.now += 21 * MINUTE


def _hand_out(pen: Pen) -> None:
    pen.go(day_start(pen.now) + 2 * DAY, spread=DAY)
    pen.say("handout.done", carrier="other", phone="1", outside_no="x1")
    for day in range(pen.pick((0, 1, 2, 4))):
        if pen.chance(0.75):
            at = pen.near(day_start(pen.now) + (day + 1) * DAY, t=day_start(pen.now) + day * DAY, spread=DAY)
            pen.say("track.entered", max(at, pen.now), text="on the way")
    pen.go(day_start(pen.now) + DAY, spread=4 * DAY)
    _outcome(pen)


def _deliver(pen: Pen, vehicle: str) -> None:
    """Stops at the shop until it is settled; some give up before."""
    for _ in range(4):
        pen.go(day_start(pen.now) + 20 * HOUR, day_start(pen.now) + 36 * HOUR, spread=5 * HOUR)
        if not pen.chance(0.05):
            pen.say("vehicle.entered", vehicle=vehicle, site="shop")
            pen.say("vehicle.stopped", vehicle=vehicle, site="shop")
        stopped = pen.now
        if pen.chance(0.25):
            can = pen.near(stopped + 30 * MINUTE, spread=HOUR, t=stopped)
            pen.say("contact.logged", pen.near(spread=20 * MINUTE), "driver", with_="consignee", about="delivery",
                    result="absent", can_receive_at=can)  # fmt: skip
        pen.go(stopped + 30 * MINUTE, day_start(stopped) + 20 * HOUR + 30 * MINUTE, spread=HOUR)
        if pen.chance(0.7):
            _outcome(pen)
            if pen.chance(0.7):
                pen.say("vehicle.left", pen.near(spread=HOUR), vehicle=vehicle, site="shop")
            return
        if pen.chance(0.8):
            pen.say("delivery.failed", None, "driver", cause="absent", contact="phoned")
        pen.go(spread=HOUR)
        pen.say("vehicle.left", vehicle=vehicle, site="shop")
        if pen.chance(0.3):
            pen.go(spread=2 * HOUR)
            pen.say("vehicle.entered", vehicle=vehicle, site="term")
            pen.go(spread=12 * HOUR)
            pen.say("vehicle.left", vehicle=vehicle, site="term")
        for _ in range(pen.pick((0, 1, 1, 2))):
            begin = pen.now + pen.pick((HOUR, 4 * HOUR, 20 * HOUR))
            pen.say("delivery.agreed", pen.near(spread=3 * HOUR), from_=begin, to=begin + pen.pick((0, HOUR)))
        if pen.chance(0.3):
            return


def _outcome(pen: Pen) -> None:
    """A signature, clean or not, a refusal or a loss; then the slip."""
    dice = pen.rng.random()
    if dice < 0.08:
        pen.say("order.refused", None, "driver", reason="damaged")
        if pen.chance(0.5):
            pen.say("order.signed", pen.near(spread=HOUR), "driver", signer="s", pieces=3)
        return
    if dice < 0.1:
        pen.say("disposition.decided", decision="lost")
        return
    if dice < 0.22:
        pen.say("order.signed_abnormal", None, "driver", signer="s", pieces=2, note="n", photo="p", short=1, damaged=0)
    elif not pen.chance(0.06):
        pen.say("order.signed", None, "driver", signer="s", pieces=3)
    signed = pen.now
    for _ in range(pen.pick((0, 1, 1, 2))):
        at = pen.near(day_start(signed) + 4 * DAY, spread=5 * DAY, t=signed)
        pen.say("receipt.returned", at, pen.pick(("desk", "desk", "device")), slip="s1", qualified=pen.chance(0.8))
