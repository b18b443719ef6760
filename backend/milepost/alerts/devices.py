"""Incidents of devices in the inbox: one while a device is out of contact, and the same one when its link flaps."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.alerts.rules import OF_DEVICES
from milepost.alerts.tables import alert
from milepost.fleet.tables import device as device_table
from milepost.ids import new_id
from milepost.notify.rules import URGENCIES

REOPEN_MS = 1_800_000  # lost again so soon after it came back is the same incident
_NAMESPACE = uuid.UUID("6c8f2a9e-7d14-5b0a-9e53-0f6f2c1b7a44")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Silence:
    """A device that should report and does not. `kind`: vehicle or door; `heard_at`: UTC ms."""

    device: str
    kind: str
    heard_at: int
    about: Row  # fields of the texts: plate, or place and door
    branch: str | None = None
    site: str | None = None


def standing(conn: Connection) -> dict[str, Row]:
    """The unresolved incident of each device that has one."""
    statement = readable(SYSTEM, alert).where(alert.c.device.is_not(None), alert.c.state != "resolved")
    return {row["device"]: dict(row) for row in conn.execute(statement.order_by(alert.c.id)).mappings()}


def lost(conn: Connection, silence: Silence, now: int) -> bool:
    """Open the incident of a device, or the one that has just ended again; False when it stands already. `now`: UTC ms.

    Safe against another process that does the same: the row of the device is the lock.
    """
    conn.execute(select(device_table.c.id).where(device_table.c.id == silence.device).with_for_update())
    latest = conn.execute(
        readable(SYSTEM, alert).where(alert.c.device == silence.device).order_by(alert.c.id.desc()).limit(1)
    ).mappings().first()  # fmt: skip
    if latest is not None and latest["state"] != "resolved":
        return False
    place = {"branch": silence.branch, "site": silence.site}
    if latest is not None and latest["kind"] == _kind(silence) and now - (latest["closed_at"] or 0) < REOPEN_MS:
        before = json.loads(latest["data"])
        data = {**before, **silence.about, "start": silence.heard_at, "attempt": before.get("attempt", 1) + 1}
        state = "assigned" if latest["assigned_to"] else "acknowledged" if latest["acked_by"] else "open"
        _change(conn, latest, {
            "state": state, "closed_at": None, "resolved_by": None, "resolution": None, "data": _json(data), **place,
        })  # fmt: skip
        return True
    rule = OF_DEVICES[_kind(silence)]
    rank = URGENCIES.index(rule.urgency)
    cause = f"{rule.id}:{silence.device}"
    conn.execute(
        insert(alert).values(
            id=new_id(), device=silence.device, kind=rule.id, cause=cause, rule=rule.id, rank=rank, urgent=rank == 0,
            opening=str(uuid.uuid5(_NAMESPACE, f"{cause}/{silence.heard_at}")), state="open", version=1,
            opened_at=silence.heard_at, raised_at=now, facts="[]",
            data=_json({"device": silence.device, **silence.about, "start": silence.heard_at}), **place,
        )
    )  # fmt: skip
    return True


def back(conn: Connection, row: Row, at: int, why: str) -> None:
    """Resolve an incident: the device was heard at `at` (UTC ms), or nobody expects it to report any more.

    `why`: heard, unbound or removed; it stands in the item's data.
    """
    data = json.loads(row["data"]) | {"ended": why}
    _change(conn, row, {"state": "resolved", "closed_at": max(at, row["opened_at"]), "snoozed_until": None,
                        "data": _json(data)})  # fmt: skip


def _change(conn: Connection, row: Any, values: Row) -> None:
    """Write if nobody else has taken a step since."""
    same = (alert.c.id == row["id"], alert.c.version == row["version"])
    conn.execute(update(alert).where(*same).values(version=row["version"] + 1, **values))


def _kind(silence: Silence) -> str:
    return f"{silence.kind}_offline"


def _json(data: Row) -> str:
    return json.dumps(data, ensure_ascii=False)
