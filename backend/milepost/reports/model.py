"""What the figures and the proposals rest on: per order what was done, and its clocks. Plain data, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Protocol

from milepost.evidence.model import Fact
from milepost.orders.fold import Moment, Story
from milepost.orders.model import Calendar, Limits

CALL_CENTRE = "call_centre"
JUDGED = ("met", "early", "late", "excused")


class Clock(Protocol):
    """What is read of a clock: a `ClockState`, or a row of its table. Times are UTC ms."""

    @property
    def clock(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def verdict(self) -> str: ...
    @property
    def excusable(self) -> bool: ...
    @property
    def start(self) -> int: ...
    @property
    def start_fact(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def due(self) -> int | None: ...
    @property
    def late_from(self) -> int | None: ...
    @property
    def end(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a branch belongs: branch ⊂ region ⊂ big region (X-16)."""

    region: str | None = None
    big_region: str | None = None


Places = Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Deeds:
    """What happened to one order as far as figures and proposals ask. Instants are UTC ms, days YYYY-MM-DD."""

    order: str
    number: str | None
    branch: str | None
    branches: tuple[str, ...]  # every branch it ever came to
    channel: str | None
    klass: str | None
    product: str | None
    submitted_at: int | None
    day: str | None  # D0, else the local day of submission
    cancelled: bool
    reason_at: int | None  # when the reason for cancelling was written down first
    ship_from: int | None  # postponed: 08:00 of the agreed ship date
    freight: float | None
    contacted: bool  # somebody spoke with the customer before the first acceptance or right after it
    exceptions: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])  # kind: [opened, open]
    complaints: Sequence[Mapping[str, Any]] = ()  # {id, about, at, fact, points: [{id, at, fact, region}]}
    losses: Sequence[Mapping[str, Any]] = ()  # settled claims: {id, amount, at, fact}
    slips: Sequence[Mapping[str, Any]] = ()  # unqualified or lost receipts: {what, at, fact}

    @property
    def period(self) -> str | None:
        """The month it counts in: that of D0, else of submission (ORDERS.md §4)."""
        return None if self.day is None else self.day[:7]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def of_dict(cls, given: Mapping[str, Any]) -> "Deeds":
        """Back from `as_dict`."""
        known: dict[str, Any] = {name: given.get(name) for name in _NAMES}
        known["branches"] = tuple(given["branches"])
        return cls(**known)


_NAMES = tuple(each.name for each in fields(Deeds))


@dataclass(frozen=True, slots=True)
class Figure:
    """One order in the figures: its deeds and its clocks."""

    deeds: Deeds
    clocks: Sequence[Clock]


_CONTACT_MS = 10 * 60_000  # a call right after pressing "accepted" still is the call


def deeds_of(story: Story, limits: Limits, calendar: Calendar, number: str | None = None) -> Deeds:
    """What one order's story says. `limits` and `calendar`: those it was folded with."""
    state = story.state
    seen = _Reading()
    for moment in story.chronicle:
        seen.take(moment)
    ship_from = None
    if seen.ship is not None:
        at = limits.limits(state.channel, state.customer_class, seen.ship_at).wake_at
        ship_from = calendar.instant(seen.ship, at)
    day = state.d0
    if day is None and seen.submitted_at is not None:
        day = calendar.local(seen.submitted_at).date().isoformat()
    branches: list[str] = [*seen.branches, *([state.branch] if state.branch else [])]
    accepted = seen.accepted_at
    return Deeds(
        order=state.id,
        number=number,
        branch=state.branch,
        branches=tuple(dict.fromkeys(branches)),
        channel=state.channel,
        klass=state.customer_class,
        product=seen.product,
        submitted_at=seen.submitted_at,
        day=day,
        cancelled=state.state == "cancelled",
        reason_at=seen.reason_at,
        ship_from=ship_from,
        freight=seen.freight,
        contacted=accepted is not None and any(at <= accepted + _CONTACT_MS for at in seen.contacts),
        exceptions=_exceptions(state.exceptions),
        complaints=tuple(seen.complaints.values()),
        losses=tuple(seen.losses),
        slips=tuple(seen.slips),
    )


class _Reading:
    """A walk through one chronicle."""

    def __init__(self) -> None:
        self.branches: list[str] = []
        self.submitted_at: int | None = None
        self.accepted_at: int | None = None
        self.reason_at: int | None = None
        self.ship: date | None = None
        self.ship_at = 0
        self.product: str | None = None
        self.freight: float | None = None
        self.contacts: list[int] = []
        self.complaints: dict[str, dict[str, Any]] = {}
        self.losses: list[dict[str, Any]] = []
        self.slips: list[dict[str, Any]] = []

    def take(self, moment: Moment) -> None:
        """One line of the chronicle."""
        if moment.what == "":
            if moment.fact is not None:
                self.fact(moment.fact)
        elif moment.what == "submitted" and self.submitted_at is None:
            self.submitted_at = moment.at
        elif moment.what == "assigned" and isinstance(moment.data, str):
            self.branches.append(moment.data)
        elif moment.what == "accepted" and self.accepted_at is None:
            self.accepted_at = moment.at
        elif moment.what == "postponed":
            self.ship, self.ship_at = moment.data, moment.at

    def fact(self, fact: Fact) -> None:
        """A fact that names the order."""
        body = fact.body
        match fact.kind:
            case "order.submitted":
                product = body.get("product")
                self.product = product if isinstance(product, str) else self.product
            case "contact.logged":
                self.contacts.append(fact.at)
            case "cancel.reason" | "order.cancelled" if body.get("reason"):
                written = fact.at if fact.recorded_at is None else fact.recorded_at
                self.reason_at = written if self.reason_at is None else min(self.reason_at, written)
            case "price.agreed":
                self.freight = body.get("amount")
            case "complaint.lodged":
                said = {"about": body.get("about"), "at": fact.at, "fact": fact.id}
                self.complaint(fact).update(said)
            case "complaint.substantiated":
                point = {"id": body.get("points"), "at": fact.at, "fact": fact.id, "region": body.get("region")}
                self.complaint(fact)["points"].append(point)
            case "claim.settled":
                self.losses.append(
                    {"id": body.get("claim"), "amount": body.get("amount"), "at": fact.at, "fact": fact.id}
                )
            case "receipt.lost":
                self.slips.append({"what": "lost", "at": fact.at, "fact": fact.id})
            case "receipt.returned" if fact.by.role != "device" and body.get("qualified") is False:
                self.slips.append({"what": "unqualified", "at": fact.at, "fact": fact.id})
            case _:
                pass

    def complaint(self, fact: Fact) -> dict[str, Any]:
        """The complaint a fact speaks of, made on first sight."""
        name = str(fact.body.get("complaint"))
        empty: dict[str, Any] = {"id": name, "about": None, "at": fact.at, "fact": fact.id, "points": []}
        return self.complaints.setdefault(name, empty)


def _exceptions(troubles: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for trouble in troubles:
        counts = found.setdefault(trouble["ex"] or trouble["kind"], [0, 0])
        counts[0] += 1
        counts[1] += trouble["closed_at"] is None
    return found


def places_of(facts: Iterable[Fact]) -> dict[str, Place]:
    """Where each branch belongs after `branch.defined`; of several facts the last one holds."""
    defined = [fact for fact in facts if fact.kind == "branch.defined"]
    defined.sort(key=lambda fact: (fact.at, fact.rev, fact.id))
    return {str(f.body.get("branch")): Place(f.body.get("region"), f.body.get("big_region")) for f in defined}
