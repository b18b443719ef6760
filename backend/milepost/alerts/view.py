"""What is shown of an item: its cause in both languages, who was told, which task arose, what comes next."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from milepost.alerts.model import answers, can
from milepost.alerts.repository import abouts
from milepost.alerts.rules import rule_of_item
from milepost.notify import incidents
from milepost.notify import service as notify
from milepost.notify.model import fields_of
from milepost.notify.names import fill
from milepost.notify.repository import names_of
from milepost.notify.rules import URGENCIES, Both
from milepost.notify.templates import LANGUAGES, render
from milepost.orders import projector
from milepost.times import to_rfc3339

Row = dict[str, Any]
_TIMES = ("opened_at", "raised_at", "closed_at", "acked_at", "snoozed_until", "due_at")
_PLAIN = ("id", "order_id", "order_number", "device", "kind", "cause", "ex", "clock", "urgent", "version", "acked_by",
          "assigned_to", "branch", "site")  # fmt: skip


def shown(conn: Connection, rows: Sequence[Mapping[str, Any]], now: int) -> list[Row]:
    """Items as the API and the pages show them. `now`: UTC ms, for snoozes that are over."""
    if not rows:
        return []
    order_ids = {row["order_id"] for row in rows if row["order_id"] is not None}
    told = notify.told(conn, order_ids)
    # A cause of a device comes again another day: who was told of this time.
    of_devices = incidents.told(conn, {row["cause"] for row in rows if row["order_id"] is None})
    told |= {
        (row["id"], row["cause"]): [each for each in of_devices.get(row["cause"], []) if each["at"] >= row["raised_at"]]
        for row in rows
        if row["order_id"] is None
    }
    orders = abouts(conn, order_ids)
    named = fill(
        conn, [{**orders.get(row["order_id"], {}), **fields_of(json.loads(row["data"]), row["ex"])} for row in rows]
    )
    people = names_of(conn, {row[name] for row in rows for name in ("owner", "resolved_by") if row[name]})
    return [
        _item(row, fields, told.get((row["order_id"] or row["id"], row["cause"]), []), people, now)
        for row, fields in zip(rows, named, strict=True)
    ]


def state_of(row: Mapping[str, Any], now: int) -> str:
    """The state of an item at an instant (UTC ms): a snooze that is over is open again, by itself."""
    if row["state"] == "snoozed" and row["snoozed_until"] is not None and row["snoozed_until"] <= now:
        return "open"
    return row["state"]


def _item(row: Mapping[str, Any], fields: Row, told: list[Row], people: Mapping[str, str], now: int) -> Row:
    rule = rule_of_item(row)
    state = state_of(row, now)
    detail = {
        language: render(rule.detail[n], fields, language, projector.calendar().zone).lstrip("，,：: ")
        for n, language in enumerate(LANGUAGES)
    }
    return {
        **{name: row[name] for name in _PLAIN},
        **{name: to_rfc3339(row[name]) for name in _TIMES},
        "state": state,
        "stage": rule.stage,
        "urgency": URGENCIES[row["rank"]],
        "title": _both(rule.title),
        "detail": detail,
        "task": {"role": rule.doer, **_both(rule.task)},
        "next": _both(rule.next),
        "told": [{**each, "at": to_rfc3339(each["at"]), "read_at": to_rfc3339(each["read_at"])} for each in told],
        "owner": _person(row["owner"], people),
        "resolved": {
            "by": _person(row["resolved_by"], people),
            "fact": row["resolved_fact"],
            "word": row["resolution"],
        }
        if state == "resolved"
        else None,
        "can": list(can(state, rule.by_facts)),
        "answers": [] if state == "resolved" else list(answers(row["kind"], json.loads(row["data"]))),
        "data": json.loads(row["data"]),
        "facts": json.loads(row["facts"]),
    }


def _both(pair: Both) -> dict[str, str]:
    return dict(zip(LANGUAGES, pair, strict=True))


def _person(person_id: str | None, people: Mapping[str, str]) -> dict[str, str] | None:
    return None if person_id is None else {"id": person_id, "name": people.get(person_id, person_id)}
