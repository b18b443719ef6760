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
LOW = "supply_low"  # the alarm of a battery that runs down
# Millivolts at its supply, as a device tells them (docs/wire.md, event 5). A lithium cell of its own gives 4.2 V at the
# most: below CELL_MV it has nothing else. Batteries of 12 and 24 V count as low, and as good again, at these.
CELL_MV, EMPTY_MV, FIVE_VOLTS_MV, TWELVE_VOLTS_MV = 4_400, 3_500, 6_000, 16_000
_LOW_MV, _GOOD_MV = {12: 11_500, 24: 23_000}, {12: 12_000, 24: 24_000}
_MOST_MV = 100_000
MEMORY_PERMILLE = 900  # of its outbox: a device that fills up this far is about to drop its oldest records


def note(conn: Connection, device: str, reading: Reading) -> None:
    """Remember what an event or a health record says is wrong, or that it no longer is. Repeats change nothing."""
    body = reading.body
    if isinstance(body, EventBody) and body.code == "alarm":
        given = body.args.get("names")
        names = sorted(name for name in TAMPER if isinstance(given, list) and name in given)
        if names:
            _newer(conn, device, "tamper", {"at": reading.at, "names": names})
        if isinstance(given, list) and LOW in given:
            _newer(conn, device, "low", {"at": reading.at})
    elif isinstance(body, EventBody) and body.code == "supply":
        mv = _millivolts(body.args.get("mv"))
        if mv is not None and (is_cut(mv) or is_low(mv, False) or (_of(conn, device) or {}).get("supply")):
            _newer(conn, device, "supply", {"at": reading.at, "mv": mv})
    elif isinstance(body, HealthBody):
        full = body.values.get("outbox_permille")
        if full is not None and (full >= MEMORY_PERMILLE or (_of(conn, device) or {}).get("memory")):
            _newer(conn, device, "memory", {"at": reading.at, "permille": full})


def is_cut(mv: int) -> bool:
    """True when a device that reports so many millivolts has no supply but its own cell. Pure."""
    return mv < CELL_MV


def is_low(mv: int, was: bool) -> bool:
    """True when a supply of so many millivolts runs down; `was`: it did before, and is to be clearly good again. Pure.

    What lies between a cell and a battery of 12 V is a supply of 5 V, which is there or is not.
    """
    if mv < FIVE_VOLTS_MV:
        return mv < EMPTY_MV
    battery = 12 if mv < TWELVE_VOLTS_MV else 24
    return mv < (_GOOD_MV if was else _LOW_MV)[battery]


def note_clock(conn: Connection, device: str, reading: Reading) -> None:
    """Remember that a device sends records without a time: they waited for a clock step that never came."""
    if reading.clock == "none":
        _newer(conn, device, "clock", {"at": reading.received_at})


def all_of(conn: Connection) -> dict[str, dict[str, Any]]:
    """By device: {tamper: {at, names}, low: {at}, supply: {at, mv}, memory: {at, permille}, clock: {at}}, those it has;
    times are UTC ms."""
    columns = (detector_state.c.target, detector_state.c.state)
    rows = conn.execute(select(*columns).where(detector_state.c.detector == DETECTOR))
    return {row.target: json.loads(row.state) for row in rows}


def _millivolts(given: Any) -> int | None:
    """What a device says of its supply, as far as it can be believed."""
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= _MOST_MV else None


def _of(conn: Connection, device: str) -> dict[str, Any] | None:
    return repository.load_state(conn, DETECTOR, device)


def _newer(conn: Connection, device: str, what: str, sign: dict[str, Any]) -> None:
    known = _of(conn, device) or {}
    if what not in known or known[what]["at"] < sign["at"]:
        repository.save_state(conn, DETECTOR, device, {**known, what: sign})
