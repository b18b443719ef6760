"""What stands in the rows is what the pure judge says of the same facts, however they arrived."""

import json
from typing import Any

import pytest
from sqlalchemy import insert

from milepost.access.model import SYSTEM
from milepost.clocks import service, versions, wake
from milepost.clocks.engine import judge_facts
from milepost.clocks.model import ClockState
from milepost.evidence import log
from milepost.fleet.tables import site
from milepost.orders import projector, repository
from milepost_tools.bench.clocks.histories import history

KINDS = {"yard": "origin", "hub": "hub", "term": "terminal", "shop": "consignee"}
BESIDE = ("key", "to_do", "waiting", "explanation")


def due_at(conn: Any) -> int | None:
    """The next instant at which the worker has something to do."""
    return conn.exec_driver_sql(
        "SELECT min(t) FROM (SELECT min(next_at) AS t FROM clock UNION ALL SELECT min(next_due) FROM orders) AS a"
    ).scalar()


def plain(clock: ClockState) -> dict[str, Any]:
    """A clock as JSON keeps it; how long a pause has lasted that still goes on is no matter of the rows."""
    values = json.loads(json.dumps(clock.as_dict()))
    return values if clock.due is not None else values | {"paused_ms": None}


def differing(stored: dict[str, Any], judged: dict[str, Any]) -> dict[str, Any]:
    """The values, by clock, that are not the same in both."""
    found: dict[str, Any] = {}
    for key in stored.keys() | judged.keys():
        a, b = stored.get(key) or {}, judged.get(key) or {}
        if unlike := {name: (a.get(name), b.get(name)) for name in a | b if a.get(name) != b.get(name)}:
            found[key] = unlike
    return found


@pytest.mark.parametrize("seed", [*range(0, 4800, 600), 3520, 3720])
def test_the_rows_are_what_the_judge_says_without_a_last_look(company: Any, seed: int):
    """Only facts as they come in and the worker's rounds move the rows: a wake-up too few would show."""
    case = history(seed)
    facts = [f for f in case.facts if f.kind != "site.defined" and not (f.kind.startswith("location.")
                                                                       and "order" not in f.subjects)]  # fmt: skip
    row = {"id": case.order, "number": "N", "created_at": 0, "request": "{}", "updated_at": 0, "state": "requested",
           "stage": 1, "projection": "{}"}  # fmt: skip
    with company.db.tx() as conn:
        for name, kind in KINDS.items():
            values = {
                "id": name,
                "code": name,
                "name_zh": name,
                "name_en": name,
                "kind": kind,
                "shape": '{"type":"circle","lat":31.0,"lon":121.0,"radius_m":100}',
                "dwell_s": 60,
                "time_zone": "Asia/Shanghai",
                "created_at": 0,
            }
            conn.execute(insert(site).values(values))
        repository.add(conn, row)
    waiting = sorted((f for f in facts if f.received_at <= case.until), key=lambda f: (f.received_at, f.id, f.rev))
    rounds = 0
    while True:
        with company.db.read() as conn:
            due = due_at(conn)
        arrival = waiting[0].received_at if waiting else None
        if due is not None and due <= case.until and (arrival is None or due < arrival):
            company.now = due
            assert wake.wake(company.db, due) > 0
            rounds += 1
            assert rounds < 500, "the worker finds no end"
        elif arrival is not None:
            company.now = arrival
            with company.db.tx() as conn:
                projector.on_facts(conn, log.append(conn, [waiting.pop(0)]))
        else:
            break
    with company.db.read() as conn:
        rows = service.of_order(conn, SYSTEM, case.order)
        force = versions.in_force(conn)
    known = [f for f in case.facts if not (f.kind.startswith("location.") and "order" not in f.subjects)]
    judged = judge_facts(known, force.policies, force.calendars, case.until).get(case.order)
    clocks = [ClockState(**{name: value for name, value in row.items() if name not in BESIDE}) for row in rows]
    stored = {clock.key: plain(clock) for clock in clocks}
    assert differing(stored, {clock.key: plain(clock) for clock in (judged.clocks if judged else ())}) == {}
    late = {key for key, values in stored.items() if values["verdict"] == "late"}
    standing = [f"{b['order_id']}/{b['clock']}/{b['start_fact']}/{b['subject']}" for b in company.breaches()
                if b["withdrawn_at"] is None]  # fmt: skip
    assert len(standing) == len(set(standing))
    assert late <= set(standing)
