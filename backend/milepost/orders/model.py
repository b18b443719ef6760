"""Names, limits and dates of the order domain: plain data, no I/O (REQUIREMENTS F1, C7; ORDERS.md §1.12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

STAGES = (
    "requested",
    "entered",
    "confirmed",
    "picked",
    "loaded",
    "in_transit",
    "arrived",
    "signed",
    "filed",
)
# F1: the stage in which an order of this state is.
STAGE_OF = {
    "requested": 1,
    "submitted": 2,
    "assigned": 2,
    "accepted": 2,
    "confirmed": 3,
    "postponed": 3,
    "picking": 4,
    "ready": 4,
    "pickup_due": 4,
    "picked_up": 4,
    "waybilled": 5,
    "loaded": 5,
    "in_transit": 6,
    "at_hub": 6,
    "handed_out": 6,
    "at_terminal": 7,
    "out_for_delivery": 7,
    "at_consignee": 7,
    "delivery_failed": 8,
    "refused": 8,
    "signed": 8,
    "signed_abnormal": 8,
    "receipt_due": 9,
    "receipt_returned": 9,
    "archived": 9,
    "cancelled": 1,
}
STATES = tuple(STAGE_OF)
# Least advanced first: the state of an order is that of its least advanced counting unit (ORDERS.md §3).
UNIT_STATES = (
    "open",
    "picking",
    "ready",
    "picked_up",
    "waybilled",
    "loaded",
    "in_transit",
    "at_hub",
    "at_terminal",
    "handed_out",
    "out_for_delivery",
    "at_consignee",
    "delivery_failed",
    "refused",
    "signed_abnormal",
    "signed",
)
LEVEL = {state: level for level, state in enumerate(UNIT_STATES)}
SIGNED = ("signed", "signed_abnormal")
_SAME_KG = 0.01
OUTCOMES = ("signed", "signed_abnormal", "refused")


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits the fold needs; one versioned set of the clocks' policy later fills it (names: REQUIREMENTS B)."""

    accept_from: time = time(8)  # N-03
    accept_until: time = time(20)
    postpone_max_days: int = 3  # N-04
    wake_at: time = time(8)  # T6
    accept_cutoff: time = time(23)  # N-10
    edit_max: int = 2  # N-06
    pickup_from: time = time(9)  # N-24
    pickup_until: time = time(19)
    escort_kg: float = 25.0  # N-36, N-37
    delivery_wait_ms: int = 30 * 60_000  # N-38
    free_attempts: int = 1  # N-39
    presence_margin_ms: int = 10 * 60_000  # EX-42
    presence_radius_m: float = 300.0  # EX-42, of a site whose fence is unknown
    silent_wait_ms: int = 24 * 3_600_000  # EX-42 with a silent tracker

    def limits(self, channel: str | None, klass: str | None, at: int) -> "Policy":
        """One set of limits for every order and all time."""
        return self


class Limits(Protocol):
    """Whoever knows which limits hold for an order: one `Policy`, or the versioned policies of the clocks."""

    def limits(self, channel: str | None, klass: str | None, at: int) -> Policy:
        """The limits for a channel and a customer class (None: unknown) at an instant (UTC ms)."""
        ...


_zone = cache(ZoneInfo)  # by name, without the look at the disk's cache that ZoneInfo takes each time


@dataclass(frozen=True, slots=True)
class Calendar:
    """The local days of the company (business calendars of branches come with the clocks)."""

    zone: str = "Asia/Shanghai"

    def local(self, at_ms: int) -> datetime:
        """Local time of an instant (UTC ms), floored to the second; clamped to years 1…9999."""
        seconds = min(max(at_ms // 1000, -62_135_500_000), 253_402_200_000)
        return datetime.fromtimestamp(seconds, _zone(self.zone))

    def instant(self, day: date, at: time) -> int:
        """UTC ms of a local time of day."""
        local = datetime.combine(day, at, _zone(self.zone))
        return int(local.timestamp()) * 1000


def d0(start_ms: int, policy: Policy, calendar: Calendar) -> date:
    """The order's business day: local date on which the first branch's acceptance clock starts (C7, N-03).

    `start_ms`: when the order came to its first branch, UTC ms. Outside the acceptance window the clock starts at
    the window's next opening, so 23:59 belongs to the next day.
    """
    local = calendar.local(start_ms)
    return local.date() + timedelta(days=1) if local.time() >= policy.accept_until else local.date()


def too_late(to: date, day0: date, max_days: int) -> bool:
    """True when a shipment postponed to `to` lies more than `max_days` after D0 (N-04)."""
    return (to - day0).days > max_days


def differences(said: Mapping[str, Any], known: Mapping[str, float | None]) -> dict[str, list[Any]]:
    """Where a waybill says otherwise than the order: name -> [waybill, order]; 10 g are no difference (EO-15)."""
    wrong: dict[str, list[Any]] = {}
    for name, ought in known.items():
        value = said.get(name)
        if ought is not None and isinstance(value, int | float) and abs(value - ought) > _SAME_KG:
            wrong[name] = [value, ought]
    return wrong


class OrderState(NamedTuple):
    """What the fold says of one order at one instant. Lists and dicts hold plain JSON values, times are UTC ms.

    A tuple, because a frozen dataclass of so many fields takes four times as long to make, and every fold makes one.
    """

    id: str
    state: str
    stage: int
    current: str | None
    outcome: str | None
    type: str | None
    customer: str | None
    channel: str | None
    customer_class: str | None
    branch: str | None
    waybill: str | None
    d0: str | None
    mode: str | None
    trip: str | None
    vehicle: str | None
    site: str | None
    from_site: str | None
    to_site: str | None
    carrier: str | None
    stages: list[dict[str, Any]]
    tally: dict[str, int]
    lines: list[dict[str, Any]]
    units: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]
    flags: list[str]
    disposition: str | None
    open_claims: list[str]
    asked: dict[str, Any]  # what is wanted now: the request with its edits (lines aside)
    counters: dict[str, Any]  # reroutes edits liability attempts charged_attempts escorts max_piece_kg
    acts: dict[str, int]  # acts a guard asks for, with the time of the latest: contacted printed weighed priced …
    links: list[dict[str, Any]]  # {other, relation, at}
    slip: dict[str, Any] | None  # the return receipt: {slip, holder, at, returned_at}
    payment: str | None
    next_due: int | None

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return self._asdict()
