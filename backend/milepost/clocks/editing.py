"""Use cases of policies and calendars: read them, add a version. Nothing that was in force is ever changed."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.clocks import repository, versions
from milepost.clocks.calendar import BusinessCalendar
from milepost.clocks.policy import KEYS, PolicyVersion
from milepost.clocks.repository import Row
from milepost.clocks.todo import BY_WORKING_DAYS
from milepost.errors import Conflict, Invalid, NotFound
from milepost.ids import new_id
from milepost.times import now_ms, to_rfc3339

_LONGEST_VIEW_DAYS = 800


def policies(conn: Connection) -> list[Row]:
    """Every version of the policies, the newest first. Times are UTC ms."""
    return [_policy(row) for row in reversed(repository.policies(conn))]


def add_policy(
    conn: Connection,
    me: Principal,
    values: Mapping[str, Any],
    why: str,
    *,
    from_ms: int | None = None,
    channel: str | None = None,
    klass: str | None = None,
) -> Row:
    """Put values in force from an instant on (UTC ms; default: now) for a channel, a customer class, both, or all.

    A clock keeps the version of its start, so `from_ms` may not lie in the past. Raises Invalid naming the key and the
    value that are wrong.
    """
    now = now_ms()
    start = now if from_ms is None else from_ms
    if start < now:
        raise Invalid(
            f"from: {to_rfc3339(start)} lies in the past, and clocks that run keep their version; "
            "leave it out for now, or give a later instant"
        )
    if not values:
        raise Invalid("values: give at least one key; GET /api/v1/policies/effective lists them")
    PolicyVersion("new", start, channel, klass, values)
    row = {
        "id": new_id(),
        "from_ms": start,
        "channel": channel,
        "klass": klass,
        "values": json.dumps(dict(values), ensure_ascii=False, sort_keys=True),
        "why": why,
        "author": me.id,
        "created_at": now,
    }
    repository.add_policy(conn, row)
    versions.forget(conn)
    return _policy(row)


def effective(conn: Connection, channel: str | None, klass: str | None, at: int | None = None) -> Row:
    """The value of every key for a channel and a customer class at an instant (UTC ms; default: now)."""
    when = now_ms() if at is None else at
    found = versions.in_force(conn).policies.at(channel, klass, when)
    keys = [
        {
            "key": name,
            "value": found.values[name],
            "default": key.default,
            "kind": key.kind,
            "rules": list(key.rules),
        }
        for name, key in KEYS.items()
    ]
    return {"id": found.id, "at": when, "channel": channel, "class": klass, "keys": keys}


def calendars(conn: Connection) -> list[Row]:
    """Every calendar as it stands. Times are UTC ms."""
    named = versions.in_force(conn).calendars.named
    newest = {row["name"]: row for row in repository.calendars(conn)}
    kept_by = versions.kept_by(conn)
    return [_calendar(conn, named[name], newest.get(name), kept_by) for name in sorted(named)]


def calendar(conn: Connection, name: str) -> Row:
    """One calendar as it stands. Raises NotFound."""
    found = versions.in_force(conn).calendars.named.get(name)
    if found is None:
        raise NotFound(f"no calendar {name!r}; GET /api/v1/calendars lists them, PUT makes one")
    newest = {row["name"]: row for row in repository.calendars(conn)}
    return _calendar(conn, found, newest.get(name), versions.kept_by(conn))


def put_calendar(
    conn: Connection,
    me: Principal,
    name: str,
    days: Mapping[str, Any],
    why: str,
    seen: str | None = None,
) -> Row:
    """Make the newest version of a calendar; running clocks that count its days are judged anew and say so.

    `days`: {"seeded", "holidays", "workdays", "hours"} as in a file of calendars. `seen`: id of the version that the
    editor saw. The same days again make no version. Raises Invalid naming what is wrong, Conflict when somebody else
    has changed it since.
    """
    mine = [row for row in repository.calendars(conn) if row["name"] == name]
    newest = mine[-1] if mine else None
    stands = newest["id"] if newest else versions.SEED
    if seen is not None and seen != stands:
        raise Conflict(
            f"calendar {name!r} has changed since version {seen}; read it again",
            changed={"version": stands, "by": newest and newest["author"], "why": newest and newest["why"]},
        )
    text = json.dumps(dict(days), sort_keys=True)
    if newest is not None and newest["days"] == text:
        return calendar(conn, name)
    before = versions.in_force(conn).calendars
    versions.check_calendar(name, days)
    now = now_ms()
    row = {"id": new_id(), "name": name, "days": text, "why": why, "author": me.id, "created_at": now}
    repository.add_calendar(conn, row)
    versions.forget(conn)
    if before.named.get(name) != versions.in_force(conn).calendars.named[name]:
        repository.look_again(conn, now, BY_WORKING_DAYS)
    return calendar(conn, name)


def days_of(conn: Connection, name: str, first: date, last: date) -> list[Row]:
    """Each day of a span with whether the desk works on it: {date, workday}. Raises NotFound, Invalid."""
    if not 0 <= (last - first).days <= _LONGEST_VIEW_DAYS:
        raise Invalid(f"from, to: give at most {_LONGEST_VIEW_DAYS} days, the first one first")
    found = versions.in_force(conn).calendars.named.get(name)
    if found is None:
        raise NotFound(f"no calendar {name!r}; GET /api/v1/calendars lists them, PUT makes one")
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [{"date": day.isoformat(), "workday": found.is_workday(day)} for day in span]


def _policy(row: Mapping[str, Any]) -> Row:
    return {
        "id": row["id"],
        "from": row["from_ms"],
        "channel": row["channel"],
        "class": row["klass"],
        "values": json.loads(row["values"]),
        "why": row["why"],
        "author": row["author"],
        "created_at": row["created_at"],
    }


def _calendar(
    conn: Connection, found: BusinessCalendar, newest: Mapping[str, Any] | None, kept_by: Mapping[str, str]
) -> Row:
    given: Mapping[str, Any] = json.loads(newest["days"]) if newest else {}
    default = versions.in_force(conn).calendars.default.name == found.name
    return {
        "name": found.name,
        "version": newest["id"] if newest else versions.SEED,
        "zone": found.zone,
        "default": default,
        "branches": sorted(branch for branch, name in kept_by.items() if name == found.name),
        "seeded": given.get("seeded", True),
        "holidays": sorted(given.get("holidays", ())),
        "workdays": sorted(given.get("workdays", ())),
        "hours": ["/".join(span) for span in found.hours],
        "why": newest["why"] if newest else None,
        "author": newest["author"] if newest else None,
        "created_at": newest["created_at"] if newest else None,
    }


def calendar_versions(conn: Connection, name: str) -> list[Row]:
    """What was ever said of a calendar, the newest first."""
    rows = [row for row in repository.calendars(conn) if row["name"] == name]
    shown = ("id", "why", "author", "created_at")
    return [{**{key: row[key] for key in shown}, "days": json.loads(row["days"])} for row in reversed(rows)]
