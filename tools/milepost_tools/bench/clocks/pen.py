"""A pen that writes random facts of one order, with times that fall near the limits of the rules."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from milepost.evidence.model import Author, Fact
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_OFFSET = 8 * HOUR  # Shanghai
_WALL = (
    0,
    8 * HOUR,
    9 * HOUR,
    12 * HOUR,
    17 * HOUR,
    18 * HOUR,
    19 * HOUR,
    20 * HOUR,
    20 * HOUR + 30 * MINUTE,
    23 * HOUR,
)
_AFTER = (5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, DAY)
_JITTER = (-1, 0, 0, 0, 1, -SECOND, SECOND)
_AUTHORS = {
    "device": Author("device", "mp1"),
    "desk": Author("desk", "some-desk"),
    "dispatcher": Author("dispatcher", "some-dispatcher"),
    "keeper": Author("keeper", "some-keeper"),
    "driver": Author("driver", "some-driver"),
    "call_centre": Author("call_centre", "some-call-centre"),
    "branch_manager": Author("branch_manager", "some-manager"),
    "customer": Author("customer", "some-customer"),
    "finance": Author("finance", "some-finance"),
    "admin": Author("admin", "some-admin"),
    "engineer": Author("engineer", "some-engineer"),
    "claims": Author("claims", "some-claims"),
}


def day_start(ms: int) -> int:
    """Local midnight that begins the day of an instant (UTC ms)."""
    return (ms + _OFFSET) // DAY * DAY - _OFFSET


def date_text(ms: int, days: int = 0) -> str:
    """Local date of an instant (UTC ms), moved by whole days."""
    return (datetime.fromtimestamp((ms + _OFFSET) // 1000, UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


def opened(ms: int) -> int:
    """The instant, or the next opening of the desk (for times near that clock's limits only)."""
    since = ms - day_start(ms)
    if since < 8 * HOUR:
        return day_start(ms) + 8 * HOUR
    return ms if since < 20 * HOUR else day_start(ms) + DAY + 8 * HOUR


@dataclass(slots=True)
class Pen:
    """Writes facts. `now` is where the story stands (UTC ms)."""

    rng: random.Random
    order: str
    now: int
    brisk: bool = False  # everything goes quickly: few things near a limit, most soon
    facts: list[Fact] = field(default_factory=list[Fact])

    def chance(self, share: float) -> bool:
        """True in that share of cases (0…1)."""
        return self.rng.random() < share

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[int(self.rng.random() * len(choices))]

    def near(self, *anchors: int, spread: int = HOUR, t: int | None = None) -> int:
        """A time after `t` (or now): near one of `anchors`, near a wall-clock limit, or just a while later."""
        rng, since = self.rng, self.now if t is None else t
        dice = rng.random()
        if self.brisk:
            dice, spread = dice + 0.2, spread // 5
        if anchors and dice < 0.5:
            at = self.pick(anchors) + self.pick(_JITTER)
        elif dice < 0.6:
            at = day_start(since) + (DAY if rng.random() < 0.3 else 0) + self.pick(_WALL) + self.pick(_JITTER)
        elif dice < 0.7:
            at = since + self.pick(_AFTER) + self.pick(_JITTER)
        else:
            at = since + int(rng.random() ** 2 * spread)
        return at if at >= since else since + int(rng.random() * MINUTE)

    def go(self, *anchors: int, spread: int = HOUR) -> int:
        """Move on to such a time."""
        self.now = self.near(*anchors, spread=spread)
        return self.now

    def say(self, kind: str, at: int | None = None, by: str | None = None, /, **fields: Any) -> Fact:
        """Write a fact; `from_` stands for `from`. The order is a subject unless another one is named."""
        named = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: named.pop(name) for name in list(named) if name in SUBJECT_KEYS}
        if not subjects or any(f.name == "order" and f.required for f in KINDS[kind].fields):
            subjects["order"] = self.order
        role = by or _author(kind)
        source = "person" if role != "device" else "gnss" if kind.startswith("vehicle.") else "rfid"
        fact = Fact(
            id=f"{self.rng.getrandbits(48):012x}",
            kind=kind,
            at=self.now if at is None else at,
            by=_AUTHORS[role],
            subjects=subjects,
            source=source,
            body=named,
        )
        self.facts.append(fact)
        return fact


_KNOWN: dict[str, str] = {}


def _author(kind: str) -> str:
    """Who usually writes such a fact: a device where it may, unless the desk does."""
    if kind not in _KNOWN:
        authors = KINDS[kind].authors
        order = [role for role in _AUTHORS if role in authors and not (role == "device" and "desk" in authors)]
        _KNOWN[kind] = order[0] if order else "admin"
    return _KNOWN[kind]
