"""What happens to facts on their way: late, twice, corrected, taken back, out of order, lost; now and then chaos."""

from dataclasses import replace

from milepost.evidence.model import Author, Fact
from milepost_tools.bench.clocks.pen import DAY, HOUR, MINUTE, Pen

_CHAOS = 0.03
_ROAD = ("unit.loaded", "unit.unloaded", "vehicle.", "load.", "order.signed", "order.refused", "delivery.", "handout.",
         "disposition.")  # fmt: skip
_STEADY = ("order.submitted", "site.defined", "order.units", "trip.planned", "trip.vehicle", "trip.expected")


def mangle(pen: Pen, start: int) -> tuple[list[Fact], int]:
    """The facts as they come in, and an instant at which to judge them."""
    rng = pen.rng
    facts = [_late(pen, fact) for fact in pen.facts]
    if pen.chance(0.15):
        facts = [f for f in facts if f.kind in _STEADY or rng.random() > 0.1]
    if pen.chance(0.1):
        facts += [replace(f, received_at=(f.received_at or 0) + rng.randrange(DAY)) for f in rng.sample(facts, 2)]
    if pen.chance(0.1):
        facts.append(_revised(pen, pen.pick(facts)))
    if pen.chance(0.12):
        facts.append(_taken_back(pen, [f for f in facts if f.kind not in _STEADY]))
    if pen.chance(0.12):
        facts += _mended(pen, [f for f in facts if f.kind not in _STEADY])
    if pen.chance(_CHAOS):
        facts = [_shaken(pen, fact) for fact in facts]
    rng.shuffle(facts)
    return facts, _until(pen, start, facts)


def _shaken(pen: Pen, fact: Fact) -> Fact:
    """A fact of the desk, or something said, at another time after the submission.

    The goods keep their way: what becomes of impossible journeys is the fold's affair, and is proved there.
    """
    if fact.kind in _STEADY or fact.kind.startswith(_ROAD):
        return fact
    at = fact.at + pen.rng.randrange(-DAY, DAY)
    if fact.kind == "pickup.agreed":
        at = min(at, fact.body["to"])
    return _at(fact, at if at >= _submitted(pen) else _submitted(pen) + pen.rng.randrange(HOUR))


def _at(fact: Fact, at: int) -> Fact:
    """The same fact at another time, written down and received no earlier."""
    recorded = max(at, fact.recorded_at or 0)
    return replace(fact, at=at, recorded_at=recorded, received_at=max(recorded, fact.received_at or 0))


def _late(pen: Pen, fact: Fact) -> Fact:
    """Written down later (offline), received later (no network)."""
    if fact.kind in _STEADY and fact.kind != "order.submitted":
        return fact
    recorded = received = fact.at
    if pen.chance(0.1) or (fact.kind.startswith("order.signed") and pen.chance(0.4)):
        recorded = received = pen.near(spread=6 * HOUR, t=fact.at)
    if pen.chance(0.12):
        received = recorded + int(pen.rng.random() ** 3 * 2 * DAY)
    if received == fact.at:
        return fact
    return replace(fact, recorded_at=recorded, received_at=received)


def _revised(pen: Pen, fact: Fact) -> Fact:
    """A higher revision of a fact, that tells another time."""
    if fact.kind in _STEADY:
        return replace(fact, rev=1)
    at = max(fact.at + _slip(pen, fact, (-10 * MINUTE, -1, 1, MINUTE, 30 * MINUTE)), _submitted(pen))
    later = _at(fact, at)
    return replace(later, rev=1, received_at=(later.received_at or 0) + MINUTE)


def _slip(pen: Pen, fact: Fact, slips: tuple[int, ...]) -> int:
    """By how much somebody corrects a time: what the goods did keeps its place among the rest, to the ms."""
    slip = pen.pick(slips)
    return max(-1, min(1, slip)) if fact.kind.startswith(_ROAD) else slip


def _submitted(pen: Pen) -> int:
    return next(f.at for f in pen.facts if f.kind == "order.submitted")


def _mending(pen: Pen, kind: str, target: Fact, **body: object) -> Fact:
    at = pen.near(spread=DAY, t=max(target.at, target.received_at or 0))
    return Fact(
        id=f"{pen.rng.getrandbits(48):012x}",
        kind=kind,
        at=at,
        by=Author("branch_manager", "some-manager"),
        subjects={"order": pen.order},
        body={"target": target.id, "why": "a slip of the hand", **body},
    )


def _taken_back(pen: Pen, facts: list[Fact]) -> Fact:
    return _mending(pen, "fact.retracted", pen.pick(facts))


def _mended(pen: Pen, facts: list[Fact]) -> list[Fact]:
    target = pen.pick(facts)
    at = target.at + _slip(pen, target, (-30 * MINUTE, -5 * MINUTE, -1, 1, 5 * MINUTE))
    fields: dict[str, object] = {"at": max(at, _submitted(pen))}
    if "branch" in target.body and pen.chance(0.5):
        fields = {"branch": "b7"}
    return [_mending(pen, "fact.corrected", target, fields=fields) for _ in range(pen.pick((1, 1, 2)))]


def _until(pen: Pen, start: int, facts: list[Fact]) -> int:
    dice = pen.rng.random()
    last = max(max(f.at, f.received_at or 0) for f in facts)
    if dice < 0.4:
        return last + pen.pick((0, 1, HOUR, DAY, 10 * DAY, 90 * DAY))
    if dice < 0.7:
        return pen.near(t=pen.pick(facts).at)
    if dice < 0.8:
        return pen.pick(facts).at + pen.pick((-1, 0, 10 * MINUTE, 10 * MINUTE + 1, HOUR, 2 * HOUR, DAY))
    return start + int(pen.rng.random() * (last - start + DAY))
