"""A company whose time the tests set: facts are said at local times, the service's clock stands where it is put."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from milepost.access.model import SYSTEM, Grant, Principal
from milepost.clocks import editing, service, wake
from milepost.clocks.model import ClockState
from milepost.clocks.service import ClockChange
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.orders import projector, repository
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate

SHANGHAI = ZoneInfo("Asia/Shanghai")
ADMIN = Principal("admin1", "admin", frozenset({Grant("admin")}))
ROLES = ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer", "claims")


def at(text: str, day: str = "2026-03-02") -> int:
    """UTC ms of a local time: `08:10`, `08:10:00.001`, or with its day `2026-03-03 08:10`. 2026-03-02 is a Monday."""
    when = text if " " in text else f"{day} {text}"
    return round(datetime.fromisoformat(when).replace(tzinfo=SHANGHAI).timestamp() * 1000)


@dataclass
class Company:
    """Orders of a database whose clock stands at `now` (UTC ms)."""

    db: Database
    now: int = at("07:00")
    told: list[ClockChange] = field(default_factory=list)
    count: int = 0

    def say(
        self, kind: str, when: str, /, *, by: str | None = None, received: str | None = None, **fields: Any
    ) -> Fact:  # fmt: skip
        """Write one fact that happened at `when`; it is received then, or at `received`. The clock moves on to that."""
        self.count += 1
        body = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: body.pop(name) for name in list(body) if name in SUBJECT_KEYS}
        role = by or next((role for role in ROLES if role in KINDS[kind].authors), "admin")
        inputs = (f"k{self.count}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs),
            kind=kind,
            at=at(when),
            recorded_at=at(when),
            received_at=at(received or when),
            by=Author(role, f"some-{role}"),
            source="person",
            subjects=subjects,
            body=body,
            inputs=inputs,
        )
        validate(fact)
        self.now = max(self.now, at(received or when))
        with self.db.tx() as conn:
            projector.on_facts(conn, log.append(conn, [fact]))
        return fact

    def order(self, order_id: str = "o1", when: str = "08:00", branch: str | None = "b1", **more: Any) -> str:
        """A consignment that a customer submitted, with a branch or without; nobody fetches it."""
        place = {"site": "yard"}
        told: dict[str, Any] = {
            "order": order_id, "type": "consignment", "customer": "c1", "class": "standard", "channel": "web",
            "online": True, "lines": [{"line": "1", "qty": 3}], "from": place, "to": {"name": "a shop"},
            "contact": {"name": "someone"}, "dates": {"ship": "2026-03-02"}, "pickup": "none", **more,
        }  # fmt: skip
        row = {"id": order_id, "number": f"N-{order_id}", "created_at": at(when), "request": json.dumps(told),
               "updated_at": 0, "state": "requested", "stage": 1, "projection": "{}"}  # fmt: skip
        with self.db.tx() as conn:
            repository.add(conn, row)
        self.say("order.submitted", when, **told, **({"branch": branch} if branch else {}))
        return order_id

    def wake(self, when: str) -> int:
        """Let the time come and the worker do its round; returns how many orders were due."""
        self.now = at(when)
        return wake.wake(self.db, self.now)

    def clocks(self, order_id: str = "o1") -> dict[str, ClockState]:
        """The clocks of an order as they are stored, by rule (the last of each)."""
        with self.db.read() as conn:
            rows = service.of_order(conn, SYSTEM, order_id)
        shown = ("key", "to_do", "waiting", "explanation")
        states = [ClockState(**{k: v for k, v in row.items() if k not in shown}) for row in rows]
        return {state.clock: state for state in sorted(states, key=lambda each: (each.start, each.start_fact))}

    def breaches(self, clock: str | None = None) -> list[dict[str, Any]]:
        """What is written of broken clocks."""
        with self.db.read() as conn:
            rows = [dict(row) for row in conn.exec_driver_sql("SELECT * FROM breach ORDER BY seq").mappings()]
        return [row for row in rows if clock is None or row["clock"] == clock]

    def audit(self, order_id: str = "o1") -> list[dict[str, Any]]:
        """What was judged anew of an order, newest first."""
        with self.db.read() as conn:
            return service.audit_of(conn, SYSTEM, order_id)

    def policy(self, from_: str, /, why: str = "agreed", **more: Any) -> dict[str, Any]:
        """Put values in force (`values={"accept.limit": "PT15M"}`)."""
        with self.db.tx() as conn:
            return editing.add_policy(conn, ADMIN, more.pop("values"), why, from_ms=at(from_), **more)

    def calendar(self, name: str = "A", why: str = "typhoon", **days: Any) -> dict[str, Any]:
        """Make a new version of a calendar."""
        with self.db.tx() as conn:
            return editing.put_calendar(conn, ADMIN, name, days, why)


@pytest.fixture
def at_() -> Callable[..., int]:
    """The function `at`, for tests that reckon."""
    return at


@pytest.fixture
def company(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """A company whose clocks are judged as in the service, and only for this test."""
    made = Company(db)
    for module in (projector, wake, editing):
        monkeypatch.setattr(module, "now_ms", lambda: made.now)
    monkeypatch.setattr(projector, "_listeners", [])
    monkeypatch.setattr(projector, "_limits", projector._limits)
    monkeypatch.setattr(service, "_listeners", [])
    service.use()
    service.install()
    service.subscribe(lambda _conn, changes: made.told.extend(changes))
    yield made
