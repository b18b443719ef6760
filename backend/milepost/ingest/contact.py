"""The sink that keeps, per device, what was last heard of it: online or not, firmware, newest record, watermark."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from milepost.db import Database
from milepost.ingest.decode import readings
from milepost.ingest.model import STATE, UP, SpoolItem
from milepost.ingest.positions import position_of, store_position
from milepost.ingest.run import times
from milepost.ingest.spool import Spool
from milepost.ingest.tables import device_contact
from milepost_device.wire import WireError, header

_FUTURE_MS = 300_000  # a record further ahead of its receipt has a broken clock and is no newest record
_TEXT = 64
_BIG = 1 << 62


class StateSink:
    """Writes `device_contact`; calls `on_online` after a device has come online and that is stored."""

    name = "state"

    def __init__(self, db: Database, spool: Spool, on_online: Callable[[str], None] | None = None) -> None:
        """`on_online(device_id)` runs in the sink's thread, at least once for every time a device comes online."""
        self._db = db
        self._spool = spool
        self._on_online = on_online

    def position(self) -> int:
        """The last item whose effect is in the database."""
        with self._db.read() as conn:
            return position_of(conn, self.name, self._spool.key)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take some items in one transaction."""
        changes: dict[str, dict[str, Any]] = {}
        came: dict[str, None] = {}
        returned: set[str] = set()
        for item in items:
            change = changes.setdefault(item.device, {})
            change["last_received_at"] = max(change.get("last_received_at", 0), item.received_ms)
            if item.channel == STATE:
                change.update(_state(item.payload))
                came.pop(item.device, None)
                if change.get("online"):
                    came[item.device] = None  # what an older message said is past, also in a backlog
                    returned.add(item.device)
                    change["gone_at"] = None
                elif change.get("online") is False and change.get("gone_at") is None:
                    change["gone_at"] = item.received_ms
            else:
                change["last_heard_at"] = max(change.get("last_heard_at", 0), item.received_ms)
                self._record(item, change)
        with self._db.tx() as conn:
            _store(conn, changes, returned)
            store_position(conn, self.name, self._spool.key, items[-1].id)
        if self._on_online is not None:
            for device in came:
                self._on_online(device)

    def _record(self, item: SpoolItem, change: dict[str, Any]) -> None:
        latest = item.received_ms + _FUTURE_MS
        said = times(readings(item))
        if said and max(said) > latest:
            said = [at for at in said if at <= latest]
        if said:
            change["last_record_at"] = max(change.get("last_record_at", 0), *said)
        if item.channel != UP:  # of another maker: it has just spoken, and numbers nothing
            change["online"] = True
            change["gone_at"] = None
            return
        try:
            stream = header(item.payload)[2]
        except WireError:
            return
        change["stream"] = stream
        change["acknowledged"] = self._spool.watermark(item.device, stream)


def _state(payload: bytes) -> dict[str, Any]:
    """The fields of a state message, as far as they make sense; the last will carries `online` only."""
    try:
        said = json.loads(payload)
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    found: dict[str, Any] = {}
    if isinstance(said.get("online"), bool):
        found["online"] = said["online"]
    for key, column in (("fw", "fw"), ("reset", "reset_reason")):
        if isinstance(said.get(key), str):
            # What is no text (a lone surrogate, a NUL) would be refused by the database.
            found[column] = said[key][:_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")
    for key, column in (("cfg", "cfg_version"), ("boot", "boot")):
        if type(said.get(key)) is int and abs(said[key]) < _BIG:  # a bool is no number here
            found[column] = said[key]
    return found


def _store(conn: Connection, changes: dict[str, dict[str, Any]], returned: set[str]) -> None:
    """Bring the rows of some devices up to date: one query, and one statement for each set of columns. `returned`: they
    said in between that they are there."""
    where = device_contact.c.device.in_(changes)
    known = {row["device"]: row for row in conn.execute(select(device_contact).where(where)).mappings()}
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    fresh: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for device, change in changes.items():
        row = known.get(device)
        if row is None:
            new = {"device": device, "online": False, "updated_at": change["last_received_at"], **change}
            fresh.setdefault(tuple(sorted(new)), []).append(new)
            continue
        change["updated_at"] = change["last_received_at"]
        # Late messages must not turn a clock back: the newest of each stays.
        for column in ("last_record_at", "last_received_at", "last_heard_at"):
            if column in change and row[column] is not None:
                change[column] = max(change[column], row[column])
        # A retained last will comes again with every subscription; the device has been gone since the first.
        if change.get("gone_at") is not None and row["gone_at"] is not None and device not in returned:
            change["gone_at"] = row["gone_at"]
        alike.setdefault(tuple(sorted(change)), []).append({"this": device, **change})
    for rows in fresh.values():
        conn.execute(insert(device_contact), rows)
    for columns, rows in alike.items():
        statement = update(device_contact).where(device_contact.c.device == bindparam("this"))
        conn.execute(statement.values({column: bindparam(column) for column in columns}), rows)
