"""Bench `fold`: orders folded per second on one core, and bytes that differ when facts come in another order."""

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from milepost.evidence.model import Author, Fact, canonical, fact_id
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, Policy

_ORDERS = 4000
_FACTS = 12
_MIXES = 200
_ROUNDS = 5
_START = 1_772_409_600_000  # 2026-03-02T00:00:00Z in ms
_LATER = _START + 10**9
_DEVICES = ("unit.", "vehicle.")


def life(n: int) -> list[Fact]:
    """The twelve facts of an ordinary order with one unit, from its submission to the receipt. n: makes ids unique."""
    order, unit, trip, vehicle = f"o{n}", f"u{n}", f"t{n}", f"v{n}"
    place: dict[str, Any] = {"from": {"site": "yard"}, "to": {"site": "shop"}, "lines": [{"line": "1", "qty": 1}]}
    told: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("order.submitted", {"order": order}, {"type": "goods", "customer": "c", "branch": "b", **place}),
        ("contact.logged", {"order": order}, {"with": "customer", "about": "order", "result": "ships"}),
        ("order.accepted", {"order": order}, {"branch": "b"}),
        ("order.confirmed", {"order": order}, {"checked": True}),
        ("order.units", {"order": order}, {"units": [{"unit": unit, "pieces": 1, "line": "1"}]}),
        ("waybill.issued", {"order": order}, {"waybill": f"w{n}", "pieces": 1, "kg": 1.0}),
        ("unit.loaded", {"unit": unit, "vehicle": vehicle, "site": "yard", "door": "d"}, {}),
        ("load.signed", {"trip": trip}, {"pieces": 1, "cautions": []}),
        ("vehicle.left", {"vehicle": vehicle, "site": "yard"}, {}),
        ("vehicle.stopped", {"vehicle": vehicle, "site": "shop"}, {}),
        ("order.signed", {"order": order}, {"signer": "s", "pieces": 1}),
        ("receipt.returned", {"order": order}, {"slip": "r", "qualified": True}),
    ]
    facts = []
    for minute, (kind, subjects, body) in enumerate(told):
        device = kind.startswith(_DEVICES)
        source = "person" if not device else "rfid" if kind.startswith("unit.") else "gnss"
        inputs = (f"{n}/{minute}",)
        facts.append(
            Fact(
                id=fact_id(kind, subjects, inputs),
                kind=kind,
                at=_START + minute * 60_000,
                by=Author("device" if device else "desk", "x"),
                subjects=subjects,
                source=source,
                body=body,
                inputs=inputs,
            )
        )
    assert len(facts) == _FACTS
    return facts


def _shown(facts: Sequence[Fact]) -> bytes:
    states = fold(facts, Policy(), Calendar(), _LATER)
    return canonical({order: state.as_dict() for order, state in states.items()})


def orders_per_s(orders: int = _ORDERS) -> float:
    """Orders of twelve facts folded per second of CPU time, each by itself, as the service does it: the median of
    five rounds, for machines are noisy."""
    lives = [life(n) for n in range(orders)]
    policy, calendar = Policy(), Calendar()
    rates: list[float] = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        for n, facts in enumerate(lives):
            if fold(facts, policy, calendar, _LATER)[f"o{n}"].state != "receipt_returned":
                raise AssertionError(f"order {n} did not come to its receipt")
        rates.append(orders / (time.process_time() - started))
    return statistics.median(rates)


def permutation_differences(mixes: int = _MIXES, seed: int = 7) -> int:
    """Bytes in which states differ over shuffled and doubled facts of ten orders."""
    rng = random.Random(seed)
    facts = [fact for n in range(10) for fact in life(n)]
    # Bring times together, so that equal instants are the rule.
    facts = [Fact(**{**{k: getattr(f, k) for k in Fact.__slots__}, "at": f.at - f.at % 300_000}) for f in facts]
    expected = _shown(facts)
    different = 0
    for _ in range(mixes):
        mixed = facts + rng.sample(facts, rng.randint(0, len(facts)))
        rng.shuffle(mixed)
        found = _shown(mixed)
        different += abs(len(found) - len(expected)) + sum(a != b for a, b in zip(found, expected, strict=False))
    return different


def run() -> list[dict]:
    """Measure both."""
    return [
        {"metric": "orders_per_s", "value": round(orders_per_s(), 1), "unit": "1/s", "baseline": None},
        {"metric": "permutation_differences", "value": permutation_differences(), "unit": "bytes", "baseline": None},
    ]
