"""What devices themselves report as wrong with them; the watch makes incidents of it (live/watch.py, EX-31).

Kept only while something is wrong or was lately: a device in order costs nothing. That it is over is told by what the
device has sent since (`device_contact`), so that a sign which comes late, from a backlog, is judged by its own time.
"""

import json
from typing import Any

from sqlalchemy import Connection, select

from milepost.evidence import repository
from milepost.evidence.tables import detector_state
from milepost.telemetry.model import EventBody, HealthBody, Reading

DETECTOR = "signs"
# Alarms that somebody may have brought about by laying hands on the device or the vehicle (JT/T 808, alarm word).
TAMPER = ("supply_cut", "antenna_cut", "antenna_short", "stolen", "unlawful_ignition", "unlawful_movement",
          "unlawful_door")  # fmt: skip
MEMORY_PERMILLE = 900  # of its outbox: a device that fills up this far is about to drop its oldest records


def note(conn: Connection, device: str, reading: Reading) -> None:
    """Remember what an event or a health record says is wrong, or that it no longer is. Repeats change nothing."""
    body = reading.body
    if isinstance(body, EventBody) and body.code == "alarm":
        given = body.args.get("names")
        names = sorted(name for name in TAMPER if isinstance(given, list) and name in given)
        if names:
            _newer(conn, device, "tamper", {"at": reading.at, "names": names})
    elif isinstance(body, HealthBody):
        full = body.values.get("outbox_permille")
        if full is not None and (full >= MEMORY_PERMILLE or (_of(conn, device) or {}).get("memory")):
            _newer(conn, device, "memory", {"at": reading.at, "permille": full})


def note_clock(conn: Connection, device: str, reading: Reading) -> None:
    """Remember that a device sends records without a time: they waited for a clock step that never came."""
    if reading.clock == "none":
        _newer(conn, device, "clock", {"at": reading.received_at})


def all_of(conn: Connection) -> dict[str, dict[str, Any]]:
    """By device: {tamper: {at, names}, memory: {at, permille}, clock: {at}}, those it has; times are UTC ms."""
    columns = (detector_state.c.target, detector_state.c.state)
    rows = conn.execute(select(*columns).where(detector_state.c.detector == DETECTOR))
    return {row.target: json.loads(row.state) for row in rows}


def _of(conn: Connection, device: str) -> dict[str, Any] | None:
    return repository.load_state(conn, DETECTOR, device)


def _newer(conn: Connection, device: str, what: str, sign: dict[str, Any]) -> None:
    known = _of(conn, device) or {}
    if what not in known or known[what]["at"] < sign["at"]:
        repository.save_state(conn, DETECTOR, device, {**known, what: sign})
