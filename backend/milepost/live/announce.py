"""Tells the board when orders move: stages reached, exceptions opened and closed. Wired by the composition root."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, event

from milepost.live.hub import LiveHub
from milepost.orders.projector import Change

Told = tuple[str, dict[str, Any], str | None]


def announcer(hub: LiveHub) -> Callable[[Connection, Change], None]:
    """A listener for `orders.service.subscribe`: what has changed is told once its transaction commits."""

    def listen(conn: Connection, change: Change) -> None:
        if not change.changed:
            return
        news = list(news_of(change))

        def tell(_conn: Connection) -> None:
            for kind, data, vehicle in news:
                hub.notify(kind, data, vehicle)

        event.listen(conn, "commit", tell, once=True)

    return listen


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
