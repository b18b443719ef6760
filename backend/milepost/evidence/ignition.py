"""Whether the ignition of each vehicle was last switched on or off: what a board must know when it begins anew."""

import json

from sqlalchemy import Connection, select

from milepost.evidence.repository import load_state, save_state
from milepost.evidence.tables import detector_state
from milepost.telemetry.model import EventBody, Reading

_DETECTOR = "ignition"
_CODE = "ignition"


def note(conn: Connection, vehicle: str, reading: Reading) -> None:
    """Remember what a reading says of the ignition; one older than the last word (event time) changes nothing."""
    if not isinstance(reading.body, EventBody) or reading.body.code != _CODE:
        return
    known = load_state(conn, _DETECTOR, vehicle)
    if known is None or reading.at >= known["at"]:
        save_state(conn, _DETECTOR, vehicle, {"at": reading.at, "on": bool(reading.body.args.get("on"))})


def last_words(conn: Connection) -> dict[str, tuple[int, bool]]:
    """Of every vehicle that has said it: when its ignition was switched last (UTC ms), and whether on."""
    columns = (detector_state.c.target, detector_state.c.state)
    rows = conn.execute(select(*columns).where(detector_state.c.detector == _DETECTOR))
    found = {row.target: json.loads(row.state) for row in rows}
    return {vehicle: (state["at"], state["on"]) for vehicle, state in found.items()}
