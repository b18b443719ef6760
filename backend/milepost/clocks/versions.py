"""Policies and calendars of this installation: rows that are never edited, made into what the rules read, once per
version. A policy holds from an instant on and a started clock keeps its own; of a calendar the newest counts."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from milepost.clocks import repository
from milepost.clocks.calendar import SEEDED_YEARS, Calendars, parse_calendars
from milepost.clocks.policy import PolicySet, PolicyVersion
from milepost.clocks.repository import Row
from milepost.masterdata import service as masterdata
from milepost.orders import projector
from milepost.orders.model import Limits

SEED = "seeded"  # the calendars as they come, before anybody has edited one


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds now. `calendar`: id of the newest version of any calendar, SEED while there is none."""

    policies: PolicySet
    calendars: Calendars
    calendar: str


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: tuple[object, ...]
    force: InForce


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_of_transaction: WeakKeyDictionary[object, InForce] = WeakKeyDictionary()
_lock = threading.Lock()


def in_force(conn: Connection) -> InForce:
    """Policies and calendars as they stand in this transaction.

    One small query per transaction; they are read and parsed again only when there is a newer version, or the register
    of the branches has changed: so every process goes by a new version from its next transaction on.
    """
    transaction = conn.get_transaction()
    with _lock:
        known = _of_transaction.get(transaction) if transaction else None
        kept = _kept.get(conn.engine)
    if known is not None:
        return known
    stamp = (*repository.stamp(conn), projector.calendar().zone)
    if kept is None or kept.stamp != stamp:
        calendar = stamp[1] or SEED
        force = InForce(policy_set(repository.policies(conn)), calendars_of(conn, calendar), calendar)
        kept = _Kept(stamp, force)
    with _lock:
        _kept[conn.engine] = kept
        if transaction is not None:
            _of_transaction[transaction] = kept.force
    return kept.force


def forget(conn: Connection) -> None:
    """Look again: this very transaction has just added a version."""
    with _lock:
        _of_transaction.pop(conn.get_transaction(), None)


def limits(conn: Connection) -> Limits:
    """The limits of the fold, as the policies say."""
    return in_force(conn).policies


def policy_set(rows: Iterable[Row]) -> PolicySet:
    """The rules' view of these versions."""
    return PolicySet(
        PolicyVersion(row["id"], row["from_ms"], row["channel"], row["klass"], json.loads(row["values"]))
        for row in rows
    )


def calendars_of(conn: Connection, version: str) -> Calendars:
    """The calendars as they stood when this was the newest version of any of them."""
    named: dict[str, object] = {}
    if version != SEED:
        named = {row["name"]: json.loads(row["days"]) for row in repository.calendars(conn, version)}
    return parse_calendars({"zone": projector.calendar().zone, "calendars": named}).with_branches(kept_by(conn))


def check_calendar(name: str, days: Mapping[str, object]) -> None:
    """Raise Invalid when these days make no calendar: one is listed twice, or no working day is left for a year."""
    found = parse_calendars({"calendars": {name: dict(days)}}).named[name]
    for year in range(SEEDED_YEARS.start, SEEDED_YEARS.stop):
        found.end_of_nth_workday(found.instant(date(year, 1, 1), time()), 1)


def kept_by(conn: Connection) -> dict[str, str]:
    """Which calendar each branch keeps, by the register."""
    return {row["id"]: row["calendar"] for row in masterdata.branches(conn, active_only=False)}


def why_of(conn: Connection, version: str) -> str:
    """Why the calendar was changed that re-judges: its name and what its author wrote."""
    row = repository.calendars(conn, version)[-1]
    return f"{row['name']}: {row['why']}"
