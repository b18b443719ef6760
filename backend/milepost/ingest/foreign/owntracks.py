"""OwnTracks in HTTP mode: JSON objects with a `_type`, one a request or several in an array. Pure.

Only `location` holds what is stored; the other types (waypoints, transitions, cards, status) are answered and let go.
"""

import json
from typing import Any

from milepost.ingest.foreign.model import (
    Adapter,
    Parsed,
    Position,
    Promises,
    Unreadable,
    kept_extras,
    number,
    plain_identifier,
    small,
)
from milepost.ingest.foreign.model import whole as whole_number

CHANNEL = "owntracks"
MAX_BYTES = 262_144
_MOST = 1_000  # objects in one request
_KEPT = ("tid", "t", "conn", "m", "BSSID", "SSID", "inregions", "poi", "tag")


def parse_payload(payload: bytes) -> Parsed:
    """The positions of one request; none when it holds no location. Raises Unreadable: form, encrypted or range."""
    positions: list[Position] = []
    wrong: list[str] = []
    for place, each in enumerate(objects(payload), 1):
        if each.get("_type") == "encrypted":
            raise Unreadable("encrypted", "switch encryption off in the app and use https")
        if each.get("_type") != "location":
            continue
        try:
            positions.append(_position(each))
        except Unreadable as error:
            wrong.append(f"object {place}: {error.detail}")
    if wrong and not positions:
        raise Unreadable("range", "; ".join(wrong)[:500])
    return Parsed(tuple(positions), tuple(wrong))


def objects(payload: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a request. Raises Unreadable: form."""
    if not payload.strip():
        return []  # a friend was deleted in the app; it means nothing here
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        raise Unreadable("form", "the body is no JSON") from None
    each = found if isinstance(found, list) else [found]
    if len(each) > _MOST:
        raise Unreadable("form", f"{len(each)} objects in one request; at most {_MOST}")
    if not all(isinstance(one, dict) for one in each):
        raise Unreadable("form", "neither a JSON object nor an array of them")
    return each


def identifier_of(user: str | None, device: str | None, payload: bytes) -> str | None:
    """`user/device`, from what the request says about itself, else from the topic in its first object."""
    if not (user and device):
        try:
            topic = next((str(each["topic"]) for each in objects(payload) if isinstance(each.get("topic"), str)), "")
        except Unreadable:
            topic = ""
        pieces = topic.split("/")
        if len(pieces) >= 3 and pieces[0] == "owntracks":
            user, device = user or pieces[1], device or pieces[2]
    return f"{user}/{device}" if user and device else None


def _user_and_device(text: str) -> str:
    found = plain_identifier(text)
    if not all(found.partition("/")):
        raise Unreadable("identifier", f"{found!r}: write user/device as they stand in the app")
    return found


def _position(fields: dict[str, Any]) -> Position:
    lat, lon = number(fields.get("lat"), -90, 90), number(fields.get("lon"), -180, 180)
    if lat is None or lon is None:
        raise Unreadable("range", "lat and lon are no place on the Earth")
    seconds = number(fields.get("tst"), 0, 1e11)
    if seconds is None and fields.get("tst") is not None:
        raise Unreadable("time", "tst: seconds since 1970")
    speed_kmh = number(fields.get("vel"), 0, 10_000)  # -1 is unknown
    course = number(fields.get("cog"), 0, 360)
    return Position(
        at=None if seconds is None else round(seconds * 1000),
        lat=lat,
        lon=lon,
        alt_m=number(fields.get("alt"), -12_000, 100_000),
        speed_mps=None if speed_kmh is None else speed_kmh / 3.6,
        course_deg=None if course is None else course % 360,
        health=small(
            {
                "accuracy_m": whole_number(fields.get("acc"), 0, 1_000_000),
                "battery_percent": whole_number(fields.get("batt"), 0, 100),
            }
        ),
        extras=kept_extras((name, fields[name]) for name in _KEPT if isinstance(fields.get(name), (str, int, list))),
    )


ADAPTER = Adapter(
    channel=CHANNEL,
    title="OwnTracks",
    stream=60,
    promises=Promises(numbered=False, acknowledged=True, clock="gnss", secret="HTTP basic, or token in the URL"),
    parse=parse_payload,
    identifier=_user_and_device,
)
