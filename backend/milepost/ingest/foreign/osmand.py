"""OsmAnd and Traccar Client over HTTP: one position a request, as query, form or JSON. Pure.

In the spool the payload is a letter for the form (`Q` query or form, `J` JSON) and the request without its secret.
The speed of the query form is in knots, as that protocol has it since its first server; an app that sends another
unit says so in the URL (`speed_unit=mps` or `kmh`). The speed of the JSON form is in m/s.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

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
    whole,
)

CHANNEL = "osmand"
SECRETS = ("token",)
MAX_BYTES = 16_384
_MPS = {"kn": 1852 / 3600, "mps": 1.0, "kmh": 1 / 3.6}
_KNOWN = {
    *("id", "deviceid", "lat", "lon", "location", "timestamp", "valid", "speed", "speed_unit", "bearing", "heading"),
    *("altitude", "hdop", "accuracy", "batt", "odometer", "ignition", *SECRETS),
}
_SECONDS_END = 100_000_000_000  # above this a number of seconds would lie beyond the year 5000: it is ms
_MAX_ODOMETER_M = 1 << 30
_MAX_SPEED = 10_000.0
_FRACTION = re.compile(r"\.(\d{1,9})\d*")


def query_payload(text: str) -> bytes:
    """A query or a form as it goes into the spool, its secrets left out. Raises Unreadable."""
    return b"Q" + urlencode([each for each in pairs(text) if each[0] not in SECRETS]).encode()


def json_payload(body: bytes) -> bytes:
    """A JSON body as it goes into the spool."""
    return b"J" + body


def identifier_of(payload: bytes) -> str | None:
    """The device that a payload says it comes from; None when it says nothing readable."""
    try:
        fields = _json(payload) if payload[:1] == b"J" else dict(pairs(payload[1:].decode("utf-8", "replace")))
    except Unreadable:
        return None
    found = fields.get("device_id") or fields.get("id") or fields.get("deviceid")
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def parse_payload(payload: bytes) -> Parsed:
    """The position of one request. Raises Unreadable: form, range or time."""
    if payload[:1] == b"J":
        return Parsed((_from_json(_json(payload)),))
    if payload[:1] == b"Q":
        return Parsed((_from_fields(pairs(payload[1:].decode("utf-8", "replace"))),))
    raise Unreadable("form", "neither a query nor JSON")


def time_of(value: Any) -> int | None:
    """UTC ms of a time in seconds or milliseconds since 1970, in ISO 8601, or as `YYYY-MM-DD hh:mm:ss` in UTC
    (case T05); None stays None. Raises Unreadable."""
    if value is None or value == "":
        return None
    seconds = number(value, 0, 1e15)
    if seconds is not None:
        return int(seconds) if seconds >= _SECONDS_END else round(seconds * 1000)
    try:
        made = datetime.fromisoformat(_FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), str(value).strip()))
        made = made.replace(tzinfo=UTC) if made.tzinfo is None else made
        return int((made - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    except (ValueError, OverflowError):
        raise Unreadable("time", f"timestamp {str(value)[:40]!r}: seconds, milliseconds or ISO 8601") from None


def pairs(text: str) -> list[tuple[str, str]]:
    """The fields of a query or a form, in order. Raises Unreadable."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        raise Unreadable("form", "more than 64 fields") from None


def _json(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload[1:])
    except (ValueError, RecursionError):
        raise Unreadable("form", "the body is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("form", "the body is no JSON object")
    return found


def _from_fields(sent: list[tuple[str, str]]) -> Position:
    fields = dict(sent)
    lat, lon = fields.get("lat"), fields.get("lon")
    if "location" in fields and lat is None:
        lat, _, lon = fields["location"].partition(",")
    place = _place(lat, lon, "lat and lon")
    unit = _MPS.get(fields.get("speed_unit", "kn"))
    speed = number(fields.get("speed"), 0, _MAX_SPEED)
    return Position(
        at=time_of(fields.get("timestamp")),
        lat=place[0],
        lon=place[1],
        valid=_flag(fields.get("valid")) is not False,
        alt_m=number(fields.get("altitude"), -12_000, 100_000),
        speed_mps=None if speed is None or unit is None else speed * unit,
        course_deg=_course(fields.get("bearing", fields.get("heading"))),
        hdop=number(fields.get("hdop"), 0, 1000),
        ignition=_flag(fields.get("ignition")),
        health=small(
            {
                "accuracy_m": whole(fields.get("accuracy"), 0, 1_000_000),
                "battery_percent": whole(fields.get("batt"), 0, 100),
                "odometer_m": whole(fields.get("odometer"), 0, _MAX_ODOMETER_M),
            }
        ),
        extras=kept_extras((name, value) for name, value in sent if name not in _KNOWN),
    )


def _from_json(fields: dict[str, Any]) -> Position:
    location = fields.get("location")
    coords = location.get("coords") if isinstance(location, dict) else None
    if not isinstance(location, dict) or not isinstance(coords, dict):
        raise Unreadable("form", "no location.coords in the body")
    place = _place(coords.get("latitude"), coords.get("longitude"), "coords.latitude and coords.longitude")
    battery = location.get("battery")
    level = number(battery.get("level"), 0, 1) if isinstance(battery, dict) else None
    activity = location.get("activity")
    return Position(
        at=time_of(location.get("timestamp")),
        lat=place[0],
        lon=place[1],
        alt_m=number(coords.get("altitude"), -12_000, 100_000),
        speed_mps=number(coords.get("speed"), 0, _MAX_SPEED),  # -1 is unknown
        course_deg=_course(coords.get("heading")),
        health=small(
            {
                "accuracy_m": whole(coords.get("accuracy"), 0, 1_000_000),
                "battery_percent": None if level is None else round(level * 100),
                "odometer_m": whole(location.get("odometer"), 0, _MAX_ODOMETER_M),
            }
        ),
        extras=kept_extras(
            (name, value)
            for name, value in (
                ("event", location.get("event")),
                ("activity", activity.get("type") if isinstance(activity, dict) else None),
            )
            if isinstance(value, str)
        ),
    )


def _place(lat: Any, lon: Any, names: str) -> tuple[float, float]:
    north, east = number(lat, -90, 90), number(lon, -180, 180)
    if north is None or east is None:
        raise Unreadable("range", f"{names}: {str(lat)[:24]!r}, {str(lon)[:24]!r} are no place on the Earth")
    return north, east


def _course(value: Any) -> float | None:
    found = number(value, 0, 360)
    return None if found is None else found % 360


def _flag(value: str | None) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get((value or "").lower())


ADAPTER = Adapter(
    channel=CHANNEL,
    title="OsmAnd, Traccar Client",
    stream=70,
    # The app repeats a request until it gets an answer of 200, but it numbers nothing.
    promises=Promises(numbered=False, acknowledged=True, clock="gnss", secret="token in the URL, or HTTP basic"),
    parse=parse_payload,
    identifier=plain_identifier,
)
