"""A house with two branches, its people and its orders; the tests set the time and write the facts."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from milepost.access import service as access
from milepost.access.model import SYSTEM, Grant, Principal
from milepost.alerts import service as alerts
from milepost.clocks import service as clocks
from milepost.clocks import wake
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.notify import service as notify
from milepost.orders import projector, repository
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate

SHANGHAI = ZoneInfo("Asia/Shanghai")
_ROLES = ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer", "claims")


def at(text: str, day: str = "2026-03-02") -> int:
    """UTC ms of a local time, `08:10`, or with its day, `2026-03-03 08:10`. 2026-03-02 is a Monday."""
    when = text if " " in text else f"{day} {text}"
    return round(datetime.fromisoformat(when).replace(tzinfo=SHANGHAI).timestamp() * 1000)


@dataclass
class House:
    """A database whose clock stands at `now` (UTC ms)."""

    db: Database
    now: int = at("07:00")
    count: int = 0
    people: dict[str, Principal] = field(default_factory=dict)

    def person(self, name: str, *grants: str | tuple[str, str, str]) -> Principal:
        """An account; `desk` is the role over the whole company, `("desk", "branch", "b1")` over that branch."""
        self.staff({name: grants})
        return self.people[name]

    def staff(self, accounts: Mapping[str, Sequence[str | tuple[str, str, str]]]) -> None:
        """Several accounts: login → grants."""
        with self.db.tx() as conn:
            for name, grants in accounts.items():
                held = [Grant(grant) if isinstance(grant, str) else Grant(*grant) for grant in grants]
                person_id = access.create_person(
                    conn, login=name, name=name.title(), password_hash="-", grants=held, now=self.now
                )
                self.people[name] = Principal(person_id, name.title(), frozenset(held))

    def say(self, kind: str, when: str, /, *, by: str | None = None, source: str = "person", **fields: Any) -> Fact:
        """Write one fact that happens at `when`; the clock moves on to it."""
        self.count += 1
        body = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: body.pop(name) for name in list(body) if name in SUBJECT_KEYS}
        role = by or next((role for role in _ROLES if role in KINDS[kind].authors), "admin")
        inputs = (f"k{self.count}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs), kind=kind, at=at(when), by=Author(role, f"some-{role}"), source=source,
            subjects=subjects, body=body, inputs=inputs,
        )  # fmt: skip
        validate(fact)
        self.now = max(self.now, at(when))
        with self.db.tx() as conn:
            projector.on_facts(conn, log.append(conn, [fact]))
        return fact

    def order(self, order_id: str = "o1", when: str = "08:00", branch: str | None = "b1", **more: Any) -> str:
        """An order that customer c1 submitted, with a branch or without; nobody fetches it."""
        row = {"id": order_id, "number": f"N-{order_id}", "created_at": at(when), "request": "{}", "updated_at": 0,
               "state": "requested", "stage": 1, "projection": "{}"}  # fmt: skip
        with self.db.tx() as conn:
            repository.add(conn, row)
        told: dict[str, Any] = {
            "order": order_id, "type": "consignment", "customer": "c1", "class": "standard", "channel": "web",
            "online": False, "lines": [{"line": "1", "qty": 3}], "from": {"site": "yard"}, "to": {"site": "shop"},
            "contact": {"name": "someone"}, "dates": {"ship": "2026-03-02"}, "pickup": "none", **more,
        }  # fmt: skip
        self.say("order.submitted", when, by="customer", **told, **({"branch": branch} if branch else {}))
        return order_id

    def wait(self, until: str) -> int:
        """Let the time pass, and wake what is due."""
        self.now = at(until)
        return wake.wake(self.db, self.now)

    def inbox(self, who: Principal | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """The items that somebody sees, newest first."""
        with self.db.read() as conn:
            return alerts.listing(conn, who or SYSTEM, alerts.Filter(**wanted), limit=200)["items"]

    def messages(self, who: Principal, **wanted: Any) -> list[dict[str, Any]]:
        """What somebody is told, newest first."""
        with self.db.read() as conn:
            return notify.messages(conn, who, limit=200, **wanted)["items"]

    def do(self, act: Callable[..., dict[str, Any]], *args: Any, **more: Any) -> dict[str, Any]:
        """One step of a person, in a transaction of its own."""
        with self.db.tx() as conn:
            return act(conn, *args, **more)


@pytest.fixture
def house(db: Database, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house, with its listeners in place."""
    return _opened(db, monkeypatch)


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, sqlite_with_tables: Path) -> Iterator[House]:
    """One house for many tests that each have an order, or a cause, of their own."""
    db = Database(f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path_factory.mktemp('house'))}")
    with pytest.MonkeyPatch.context() as patch:
        yield _opened(db, patch)
    db.close()


def _opened(db: Database, patch: pytest.MonkeyPatch) -> House:
    clocks.install()
    notify.install()
    alerts.install()
    house = House(db)
    for module in ("orders.projector", "orders.service", "alerts.service", "notify.service"):
        patch.setattr(f"milepost.{module}.now_ms", lambda: house.now)
    return house
