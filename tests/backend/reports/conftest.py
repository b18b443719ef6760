"""Figures made by hand: an order's deeds and clocks, as the fold and the clocks would give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Fact
from milepost.masterdata import service as masterdata
from milepost.orders import projector
from milepost.orders import repository as order_rows
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
    """`hand.figure`, `hand.clock`, `hand.ms`, `hand.store`."""

    class Hand:
        figure = staticmethod(figure)
        clock = staticmethod(clock)
        ms = staticmethod(ms)
        store = staticmethod(store)

    return Hand


def store(db: Database, facts: Sequence[Fact]) -> None:
    """Orders and branches of a file, as if the service had taken every fact in when it was received."""
    with db.tx() as conn:
        for fact in facts:
            if fact.kind == "branch.defined":
                given = {name: fact.body[name] for name in ("region", "big_region", "calendar")}
                name = {"id": fact.body["branch"], "name_zh": fact.body["branch"], "name_en": fact.body["branch"]}
                masterdata.create(conn, "branch", {**name, **given}, fact.at)
        for order in sorted({fact.subjects["order"] for fact in facts if "order" in fact.subjects}):
            row = {"id": order, "number": f"SO-{order}", "created_at": 0, "request": "{}", "updated_at": 0,
                   "state": "requested", "stage": 1, "projection": "{}"}  # fmt: skip
            order_rows.add(conn, row)
        news = log.append(conn, [fact for fact in facts if fact.kind != "branch.defined"])
        projector.on_facts(conn, news)
        for order in sorted({fact.subjects["order"] for fact in facts if "order" in fact.subjects}):
            projector.refold(conn, order, ())


@pytest.fixture(scope="session")
def examples() -> Path:
    """The examples of docs/facts.md."""
    return Path(__file__).parents[3] / "docs" / "examples"
