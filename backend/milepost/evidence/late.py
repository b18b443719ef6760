"""Reads that became known long after they happened, beside what people scanned meanwhile: do they confirm it?"""

import json
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, repository, service
from milepost.evidence.model import Fact
from milepost.plan import service as plan

LATE_MS = 120_000


def came_late(conn: Connection, session: dict[str, Any]) -> list[dict[str, Any]]:
    """Passages of a session that became known long after they happened, beside what people scanned meanwhile.

    Each {unit, order, no, at, received, says}: `confirmed` or `contradicted` (by the scan), or `alone`. UTC ms.
    """
    late = [
        (row, json.loads(row["evidence"])["received_at"])
        for row in repository.passages(conn, session["door_id"], session["from_ms"], session["to_ms"])
    ]
    last: dict[str, tuple[plan.Unit, dict[str, Any], int]] = {}
    for row, received in late:
        if received - row["at"] > LATE_MS and (unit := plan.unit_of_epc(conn, row["epc"], row["at"])):
            last[unit.id] = (unit, row, received)
    found = []
    for unit, row, received in last.values():
        facts = service.standing(
            log.of_subjects(
                conn, [("unit", unit.id)], since=session["from_ms"], kinds=(*service.MOVES, "fact.retracted")
            )
        )
        scans = [fact for fact in facts if fact.by.role != "device" and fact.kind in service.MOVES]
        if session["to_ms"] is not None:
            scans = [fact for fact in scans if fact.at < session["to_ms"]]
        agrees = bool(scans) and (scans[-1].kind == "unit.loaded") == (row["direction"] == "out")
        says = "alone" if not scans else "confirmed" if agrees and _aboard(scans[-1], session) else "contradicted"
        found.append({"unit": unit.id, "order": unit.order_id, "no": unit.no, "at": row["at"], "received": received,
                      "says": says})  # fmt: skip
    return sorted(found, key=lambda each: (each["at"], each["unit"]))


def _aboard(scan: Fact, session: dict[str, Any]) -> bool:
    return scan.subjects.get("vehicle") in (None, session["vehicle_id"])
