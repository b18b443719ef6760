"""Watches that every mounted device reports: an incident in the inbox for one that is out of contact.

The rule (decision 26): a device mounted on a vehicle or at a door, that has reported before, is out of contact when it
has been silent for its offline limit, or gone by its last will for its stale limit. Only silence counts that the
service has listened to (ingest/ears.py), so no outage of ours, and no restart, opens anything.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from milepost.access.model import SYSTEM
from milepost.alerts import devices as incidents
from milepost.alerts.devices import Trouble
from milepost.db import Database
from milepost.fleet import repository as fleet
from milepost.ingest.ears import Ear, ears
from milepost.ingest.tables import device_contact
from milepost.live.state import Limits, contact
from milepost.live.targets import limits_of

EVERY_S = 5.0
_WATCHED = ("vehicle", "door")
_RULES = ("vehicle_offline", "door_offline")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """When a device last sent records, and since when its last will says that it is gone (UTC ms)."""

    at: int | None
    gone_at: int | None

    @property
    def is_gone(self) -> bool:
        """True when the last will is the last word."""
        return self.gone_at is not None and (self.at is None or self.at <= self.gone_at)


def sign_of(heard: Heard, limits: Limits, now: int) -> str | None:
    """`live`, `stale` or `offline` of a device at `now` (UTC ms); None for one that was never heard."""
    if heard.at is None:
        return None
    return "offline" if heard.is_gone else contact(now - heard.at, limits)


def is_out(heard: Heard, limits: Limits, ear: Ear) -> bool:
    """True when a device has been out of contact for long enough, within what was listened to, to call somebody."""
    if heard.at is None:
        return False
    silent_ms = ear.until_ms - max(heard.at, ear.since_ms)
    if contact(silent_ms, limits) == "offline":
        return True
    if heard.gone_at is None or not heard.is_gone:
        return False
    # After an outage of the broker all last wills come at once, and the devices a little later.
    listened_ms = ear.until_ms - ear.since_ms
    return listened_ms >= limits.offline_ms and ear.until_ms - heard.gone_at >= limits.stale_ms


class ContactWatch:
    """Brings the incidents in line with the contacts. Any number of processes may call `round`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def round(self) -> None:
        """Look at every device once."""
        with self._db.read() as conn:
            heard_until = ears(conn)
            bound = bound_at(conn, max((ear.until_ms for ear in heard_until.values()), default=0))
            known = _heard(conn)
            devices = {row["id"]: row for row in fleet.devices(conn)}
            standing = [row for row in incidents.standing(conn).values() if row["rule"] in _RULES]
        ended = [(row, *end) for row in standing if (end := _end(row, devices, bound, known)) is not None]
        missed = {row["device"] for row in standing}
        silent = [
            (device, where, ear)
            for device, where in bound.items()
            if device not in missed
            and device in devices
            and (ear := heard_until.get(devices[device]["part"])) is not None
            and is_out(known.get(device, _NEVER), _limits(devices[device]), ear)
        ]
        for row, at, why in ended:
            with self._db.tx() as conn:
                incidents.end(conn, row, at, why)
        for device, where, ear in silent:
            with self._db.tx() as conn:
                rule, since = f"{where['target_kind']}_offline", known[device].at or 0
                incidents.begin(conn, trouble_at(conn, rule, device, where, since, {}), ear.until_ms)


_NEVER = Heard(None, None)


def _end(
    row: Row, devices: dict[str, Row], bound: dict[str, Row], known: dict[str, Heard]
) -> tuple[int, str] | None:  # fmt: skip
    """When and why an incident is over, or None."""
    device = row["device"]
    if (gone := taken_down(row, devices, bound)) is not None:
        return gone
    since = json.loads(row["data"])["start"]
    heard = known.get(device, _NEVER)
    if heard.at is not None and heard.at > since and not heard.is_gone:
        return heard.at, "heard"
    return None


def _limits(device: Row) -> Limits:
    return limits_of(device["role"], json.loads(device["config"]))


def _heard(conn: Connection) -> dict[str, Heard]:
    columns = (device_contact.c.device, device_contact.c.last_heard_at, device_contact.c.gone_at)
    return {row[0]: Heard(row[1], row[2]) for row in conn.execute(select(*columns))}


def taken_down(row: Row, devices: dict[str, Row], bound: dict[str, Row]) -> tuple[int, str] | None:
    """When (UTC ms) and why nobody cares for an incident of a device any more, or None."""
    if row["device"] not in devices:
        return row["raised_at"], "removed"
    return (row["raised_at"], "unbound") if row["device"] not in bound else None


def bound_at(conn: Connection, at: int) -> dict[str, Row]:
    """The binding of each device that is on a vehicle or at a door at `at` (UTC ms)."""
    return {
        row["device_id"]: row
        for row in fleet.bindings(conn)
        if row["target_kind"] in _WATCHED and row["from_ms"] <= at and (row["to_ms"] is None or at < row["to_ms"])
    }


def trouble_at(conn: Connection, rule: str, device: str, where: Row, since: int, about: Row) -> Trouble:
    """A trouble of a device, with what its texts say of the place and whose it is. `where`: its binding."""
    target = fleet.find(conn, where["target_kind"], where["target_id"], SYSTEM) or {}
    if where["target_kind"] == "vehicle":
        about = {"plate": where["target_id"], **about}
        return Trouble(rule, device, since, about, branch=target.get("branch"), device=device)
    site = fleet.find(conn, "site", target.get("site_id", ""), SYSTEM) or {}
    about = {"place": target.get("site_id"), "door": target.get("number"), **about}
    return Trouble(rule, device, since, about, branch=site.get("branch"), site=target.get("site_id"), device=device)
