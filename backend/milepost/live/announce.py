"""Tells the boards when orders move: stages reached, exceptions opened and closed.

What is to be told becomes a row in the transaction that caused it, so it is told exactly if that commits, by every
process that serves boards (live/news.py), whichever process caused it.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert

from milepost.live.tables import live_event
from milepost.orders import projector
from milepost.orders.projector import Change
from milepost.times import now_ms

Told = tuple[str, dict[str, Any], str | None]


def install() -> None:
    """Announce every change of an order from now on (wired by the composition root; twice is once)."""
    projector.subscribe(on_changes)


def on_changes(conn: Connection, changes: Iterable[Change]) -> None:
    """A listener of the projector: writes down what changes mean to a board, in their transaction."""
    announce(conn, (told for change in changes if change.changed for told in news_of(change)))


def announce(conn: Connection, told: Iterable[Told]) -> None:
    """Tell every board (kind, data, vehicle) once this transaction commits."""
    now = now_ms()
    rows = [
        {"at": now, "kind": kind, "vehicle": vehicle, "data": json.dumps(data, ensure_ascii=False)}
        for kind, data, vehicle in told
    ]
    if rows:
        conn.execute(insert(live_event), rows)


def news_of(change: Change) -> Iterable[Told]:
    """(kind, data, vehicle) of every event that a change of an order means to a board. Pure."""
    order = {"order": change.order_id, "number": change.number, "at": change.at}
    state = change.state
    before = json.loads(change.before["projection"])
    yield "stage", {**order, "state": state.state, "stage": state.stage, "current": state.current}, state.vehicle
    was, now = (_open(exceptions) for exceptions in (before.get("exceptions", ()), state.exceptions))
    for cause in sorted(now.keys() ^ was.keys()):
        trouble = now.get(cause) or was[cause]
        yield (
            "alert",
            {**order, "cause": trouble["kind"], "ex": trouble["ex"], "state": "open" if cause in now else "closed"},
            trouble["data"].get("vehicle") or state.vehicle,
        )


def _open(exceptions: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["cause"]: each for each in exceptions if each["closed_at"] is None}
