"""Figures made by hand: an order's deeds and clocks, as the fold and the clocks would give them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from milepost.reports.model import Deeds, Figure


def ms(text: str) -> int:
    """UTC ms of an RFC 3339 text."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@dataclass(frozen=True)
class HandClock:
    """A judged clock with what reports read of it."""

    clock: str
    verdict: str
    owner: str | None = "A"
    start: int = 0
    due: int | None = 600_000
    late_from: int | None = 600_001
    end: int | None = None
    excusable: bool = False
    start_fact: str = "f0"
    subject: str = ""


def clock(name: str, verdict: str, owner: str | None = "A", **more: Any) -> HandClock:
    """A clock; one that is judged by an end has it at its due instant unless told otherwise."""
    if verdict in ("met", "early"):
        more.setdefault("end", 1)
    return HandClock(name, verdict, owner, **more)


def figure(order: str = "o1", *clocks: HandClock, **more: Any) -> Figure:
    """An order of branch A, submitted on 2024-03-04."""
    deeds: dict[str, Any] = {
        "order": order, "number": None, "branch": "A", "branches": ("A",), "channel": "web", "klass": "standard",
        "product": None, "submitted_at": ms("2024-03-04T10:00:00+08:00"), "day": "2024-03-04", "cancelled": False,
        "reason_at": None, "ship_from": None, "freight": None, "contacted": True,
    }  # fmt: skip
    return Figure(Deeds(**{**deeds, **more}), clocks)


@pytest.fixture(scope="session")
def hand() -> Any:
    """`hand.figure`, `hand.clock`, `hand.ms`."""

    class Hand:
        figure = staticmethod(figure)
        clock = staticmethod(clock)
        ms = staticmethod(ms)

    return Hand
