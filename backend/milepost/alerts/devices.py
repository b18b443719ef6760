"""Incidents of devices, hosts and doors in the inbox: one while the cause lasts, and the same one when it flaps.

Whom it concerns is told once when an incident begins and once when it is over (notify/incidents.py), in the same
transaction.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.alerts.tables import alert
from milepost.fleet.tables import device as device_table
from milepost.ids import new_id
from milepost.notify import incidents
from milepost.notify.rules import URGENCIES, Rule
from milepost.notify.rules_devices import DEVICE_RULES

REOPEN_MS = 1_800_000  # again so soon after it was over is the same incident
_NAMESPACE = uuid.UUID("6c8f2a9e-7d14-5b0a-9e53-0f6f2c1b7a44")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong with a device, a host or at a door (`device` None for both).

    `rule`: one of `DEVICE_RULES`; `subject`: the device, the host, or what is asked at a door; `since`: UTC ms;
    `number`: of the order whose unit it is about.
    """

    rule: str
    subject: str
    since: int
    about: Row  # fields of the texts: plate, or place and door, and what is wrong
    branch: str | None = None
    site: str | None = None
    device: str | None = None
    number: str | None = None

    @property
    def cause(self) -> str:
        """What tells this trouble from all others."""
        return f"{self.rule}:{self.subject}"


def standing(conn: Connection) -> dict[str, Row]:
    """The unresolved incidents of devices, hosts and doors by cause."""
    statement = readable(SYSTEM, alert).where(alert.c.order_id.is_(None), alert.c.state != "resolved")
    return {row["cause"]: dict(row) for row in conn.execute(statement.order_by(alert.c.id)).mappings()}


def begin(conn: Connection, trouble: Trouble, now: int) -> bool:
    """Open an incident, or the one that has just ended again; False when it stands already. `now`: UTC ms.

    Safe against another process that does the same for a device: its row is the lock. A host speaks for itself alone.
    """
    if trouble.device is not None:
        conn.execute(select(device_table.c.id).where(device_table.c.id == trouble.device).with_for_update())
    latest = conn.execute(
        readable(SYSTEM, alert).where(alert.c.order_id.is_(None), alert.c.cause == trouble.cause)
        .order_by(alert.c.id.desc()).limit(1)
    ).mappings().first()  # fmt: skip
    if latest is not None and latest["state"] != "resolved":
        return False
    place = {"branch": trouble.branch, "site": trouble.site}
    if latest is not None and now - (latest["closed_at"] or 0) < REOPEN_MS:
        before = json.loads(latest["data"])
        data = {**before, **trouble.about, "start": trouble.since, "attempt": before.get("attempt", 1) + 1}
        state = "assigned" if latest["assigned_to"] else "acknowledged" if latest["acked_by"] else "open"
        _change(conn, latest, {
            "state": state, "closed_at": None, "resolved_by": None, "resolution": None, "data": _json(data), **place,
        })  # fmt: skip
        return True
    rule = DEVICE_RULES[trouble.rule]
    rank = URGENCIES.index(rule.urgency)
    opening = str(uuid.uuid5(_NAMESPACE, f"{trouble.cause}/{trouble.since}"))
    about = {"device": trouble.subject, **trouble.about, "start": trouble.since}
    conn.execute(
        insert(alert).values(
            id=new_id(), device=trouble.device, order_number=trouble.number, kind=rule.id, cause=trouble.cause,
            rule=rule.id, ex=rule.ex, rank=rank, urgent=rank == 0, opening=opening,
            state="open", version=1, opened_at=trouble.since, raised_at=now,
            facts="[]", data=_json(about), **place,
        )
    )  # fmt: skip
    incidents.tell(conn, rule, trouble.cause, opening, about, now, branch=trouble.branch, site=trouble.site)
    return True


def end(conn: Connection, row: Row, at: int, why: str) -> None:
    """Resolve an incident: what was wrong is over since `at` (UTC ms), or nobody cares any more.

    `why`: over, heard, answered, unbound or removed; it stands in the item's data. Of a device that somebody took down,
    and of a question that is answered, nobody is told: they know.
    """
    data = json.loads(row["data"]) | {"ended": why}
    closed_at = max(at, row["opened_at"])
    values = {"state": "resolved", "closed_at": closed_at, "snoozed_until": None, "data": _json(data)}
    if _change(conn, row, values) and why in ("over", "heard"):
        rule: Rule = DEVICE_RULES[row["rule"]]
        about = data | {"due": closed_at}
        incidents.tell(
            conn,
            rule,
            row["cause"],
            row["opening"],
            about,
            closed_at,
            branch=row["branch"],
            site=row["site"],
            over=True,
        )


def differs(row: Row, about: Row) -> bool:
    """True when an incident that stands says something else of these fields: only then is there anything to amend."""
    before = json.loads(row["data"])
    return {**before, **about} != before


def amend(conn: Connection, row: Row, about: Row) -> None:
    """Say of an incident that stands how it is now; who has taken it on keeps it, and nobody is told again."""
    if differs(row, about):
        _change(conn, row, {"data": _json({**json.loads(row["data"]), **about})})


def _change(conn: Connection, row: Any, values: Row) -> bool:
    """Write if nobody else has taken a step since."""
    same = (alert.c.id == row["id"], alert.c.version == row["version"])
    changed = conn.execute(update(alert).where(*same).values(version=row["version"] + 1, **values))
    return changed.rowcount == 1


def _json(data: Row) -> str:
    return json.dumps(data, ensure_ascii=False)
