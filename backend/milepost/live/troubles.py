"""Watches what mounted devices report as wrong with them: an incident for each, which ends with its cause (EX-31).

| incident | begins | is over |
|---|---|---|
| `device_tamper` | an alarm of a cut supply or antenna, of theft, of a door | two minutes of records without one |
| | its own word that it runs on its cell | its word that it has a supply again |
| `device_supply` | an alarm of a battery that runs down | two minutes of records without one |
| | its own word of a low supply (evidence/signs.py) | its word of a good one |
| `device_clock` | records without a time, which waited ten minutes for one in vain | five minutes without such |
| `device_memory` | 90 % of its storage hold records that it has not got rid of | less than 80 % |
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from milepost.alerts import devices as incidents
from milepost.db import Database
from milepost.evidence import signs
from milepost.fleet import repository as fleet
from milepost.ingest import placing
from milepost.ingest.tables import device_contact
from milepost.live.watch import bound_at, taken_down, trouble_at
from milepost.times import now_ms

_QUIET_MS = 120_000  # of records without an alarm
_CLOCK_MS = placing.WAIT_MS + 300_000  # such records are known only after they have waited
_MEMORY_OVER = 800  # permille, below where it began: no flapping at the edge
Row = dict[str, Any]
Found = dict[str, tuple[int, Row]]


def wrong_with(known: Mapping[str, Row], contact: Mapping[str, Any], standing: frozenset[str]) -> Found:
    """What is wrong with a device: rule → (since, UTC ms; fields of the texts). Pure.

    `known`: its signs (evidence/signs.py); `contact`: its row of `device_contact`; `standing`: rules of its incidents.
    """
    found: Found = {}
    clock, memory = known.get("clock"), known.get("memory")
    found |= _tampered(known, contact)
    found |= _running_down(known, contact, "device_supply" in standing)
    if clock is not None and (contact.get("last_heard_at") or 0) < clock["at"] + _CLOCK_MS:
        found["device_clock"] = clock["at"], {}
    least = _MEMORY_OVER if "device_memory" in standing else signs.MEMORY_PERMILLE
    if memory is not None and memory["permille"] >= least:
        found["device_memory"] = memory["at"], {"over": memory["permille"] // 10}
    return found


def _lately(sign: Row | None, contact: Mapping[str, Any]) -> bool:
    """True while the alarm of a sign stands: two minutes of records without it end it."""
    return sign is not None and (contact.get("last_record_at") or 0) < sign["at"] + _QUIET_MS


def _tampered(known: Mapping[str, Row], contact: Mapping[str, Any]) -> Found:
    tamper, supply = known.get("tamper"), known.get("supply")
    names: dict[str, int] = {}
    if tamper is not None and _lately(tamper, contact):
        names.update((name, tamper["at"]) for name in tamper["names"])
    if supply is not None and signs.is_cut(supply["mv"]):
        names.setdefault("supply_cut", supply["at"])
    return {"device_tamper": (min(names.values()), {"said": sorted(names)})} if names else {}


def _running_down(known: Mapping[str, Row], contact: Mapping[str, Any], was: bool) -> Found:
    supply, alarm = known.get("supply"), known.get("low")
    if supply is not None and signs.is_low(supply["mv"], was):
        return {"device_supply": (supply["at"], {"over": f"{supply['mv'] / 1000:.1f}"})}
    if alarm is not None and _lately(alarm, contact):
        return {"device_supply": (alarm["at"], {})}
    return {}


class SignsWatch:
    """Brings the incidents in line with the signs. Any number of processes may call `round`."""

    RULES = ("device_tamper", "device_supply", "device_clock", "device_memory")

    def __init__(self, db: Database, clock: Callable[[], int] = now_ms) -> None:
        self._db = db
        self._clock = clock

    def round(self) -> None:
        """Look once at every device that has reported something."""
        now = self._clock()
        with self._db.read() as conn:
            known = signs.all_of(conn)
            standing = {key: row for key, row in incidents.standing(conn).items() if row["rule"] in self.RULES}
            if not known and not standing:
                return
            bound = bound_at(conn, now)
            devices = {row["id"]: row for row in fleet.devices(conn)}
            contacts = _contacts(conn, [*known])
        wanted: dict[str, tuple[str, str, int, Row]] = {}
        for device, its in known.items():
            if device in bound and device in devices:
                rules = frozenset(row["rule"] for row in standing.values() if row["device"] == device)
                for rule, (since, about) in wrong_with(its, contacts.get(device, {}), rules).items():
                    wanted[f"{rule}:{device}"] = rule, device, since, about
        for cause, row in standing.items():
            if cause not in wanted:
                at, why = taken_down(row, devices, bound) or (now, "over")
                with self._db.tx() as conn:
                    incidents.end(conn, row, at, why)
        for cause, (rule, device, since, about) in wanted.items():
            if cause not in standing:
                with self._db.tx() as conn:
                    incidents.begin(conn, trouble_at(conn, rule, device, bound[device], since, about), now)


def _contacts(conn: Connection, names: list[str]) -> dict[str, Row]:
    columns = (device_contact.c.device, device_contact.c.last_record_at, device_contact.c.last_heard_at)
    rows = conn.execute(select(*columns).where(device_contact.c.device.in_(names))).mappings()
    return {row["device"]: dict(row) for row in rows}
