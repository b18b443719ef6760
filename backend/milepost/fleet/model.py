"""Plain data and rules of the fleet: plates, shapes of sites, identities of devices. No I/O."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from shapely import Polygon
from shapely.validation import explain_validity

from milepost.errors import Invalid
from milepost_device.wire import part_of

DEVICE_ID = re.compile(r"[a-z0-9-]{1,12}")
DEVICE_ROLES = ("tracker", "reader")
VEHICLE_KINDS = ("truck", "van", "tractor", "trailer", "other")
SITE_KINDS = ("shipper", "origin", "hub", "terminal", "consignee", "repair")
VERBS = ("locate", "reboot")
COMMAND_STATES = ("queued", "sent", "done", "failed", "expired")
MAX_CONFIG_BYTES = 2048
MAX_RADIUS_M = 50_000
MAX_POINTS = 500

_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_LETTER = "A-HJ-NP-Z"  # I and O never occur on a plate
_PLATE = re.compile(
    f"[{_PROVINCE}][{_LETTER}](?:"
    f"[{_LETTER}0-9]{{5}}"  # ordinary
    f"|[A-HJK][{_LETTER}0-9][0-9]{{4}}"  # new energy, small
    f"|[0-9]{{5}}[A-HJK]"  # new energy, large
    f"|[{_LETTER}0-9]{{4}}[挂学警港澳])"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a new device needs for the broker; the password is shown once and stored nowhere by us."""

    device: str
    part: str
    password: str


def applied(row: Mapping[str, Any], reported_version: int | None) -> dict[str, Any] | None:
    """What is known of the configuration in force: {version, ok, reason, at}, or None.

    `row`: a device; `reported_version`: the version in its state message. The device's own answer counts first. A
    configuration that came with provisioning is never answered; the version it reports says that it is in force.
    """
    if row["applied_at"] is not None and row["applied_version"] == row["config_version"]:
        known = (row["applied_version"], row["applied_ok"], row["applied_reason"], row["applied_at"])
    elif row["config_version"] and reported_version == row["config_version"]:
        known = (reported_version, True, None, None)
    elif row["applied_at"] is not None:
        known = (row["applied_version"], row["applied_ok"], row["applied_reason"], row["applied_at"])
    else:
        return None
    return dict(zip(("version", "ok", "reason", "at"), known, strict=True))


def check_device_id(device_id: str) -> str:
    """The part (one hex digit) of a well-formed device id (DESIGN §3). Raises Invalid."""
    if not DEVICE_ID.fullmatch(device_id):
        raise Invalid(f"device id {device_id!r}: use 1 to 12 of a-z, 0-9 and -; by default the MAC in hex")
    return part_of(device_id)


def plate_key(plate: str) -> str:
    """The form in which plates are compared: upper case, full width folded, no blanks, dots or dashes."""
    return re.sub(r"[\s·•・.\-_]", "", unicodedata.normalize("NFKC", plate)).upper()


def plate_warning(plate: str, country: str) -> str | None:
    """Why a plate looks wrong for its country, or None (cases W03). Only Chinese plates have rules here:
    a warning, never a refusal, because authorities invent new series."""
    if country != "CN" or _PLATE.fullmatch(plate_key(plate)):
        return None
    return (
        f"{plate!r} does not look like a Chinese plate (province, letter, 5 or 6 places without I and O); "
        "check it, or give its country"
    )


def parse_shape(shape: object) -> dict[str, Any]:
    """Check the fence of a site and return it in its stored form.

    `{"type": "circle", "lat": deg, "lon": deg, "radius_m": m}` or
    `{"type": "polygon", "points": [[lat, lon], …]}` (3 to 500 corners, closed or not). Raises Invalid.
    """
    if not isinstance(shape, dict):
        raise Invalid("shape: give an object with type circle or polygon")
    given = cast("dict[str, object]", shape)
    if given.get("type") == "circle":
        lat, lon = _position([given.get("lat"), given.get("lon")], "shape")
        radius_m = _number(given.get("radius_m"))
        if radius_m is None or not 0 < radius_m <= MAX_RADIUS_M:
            raise Invalid(f"shape: radius_m {given.get('radius_m')!r} must lie above 0 and up to {MAX_RADIUS_M} m")
        return {"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m}
    if given.get("type") == "polygon":
        return {"type": "polygon", "points": _corners(given.get("points"))}
    raise Invalid(f"shape: type {given.get('type')!r} is neither circle nor polygon")


def _corners(points: object) -> list[list[float]]:
    if not isinstance(points, list):
        raise Invalid("shape: points must be a list of pairs [lat, lon]")
    pairs = cast("list[object]", points)
    if len(pairs) > MAX_POINTS:
        raise Invalid(f"shape: {len(pairs)} corners; take at most {MAX_POINTS}")
    corners = [list(_position(pair, f"shape: point {number}")) for number, pair in enumerate(pairs, 1)]
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if len(corners) < 3:
        raise Invalid("shape: a polygon needs at least 3 corners")
    polygon = Polygon([(lon, lat) for lat, lon in corners])
    if not polygon.is_valid:
        raise Invalid(f"shape: the outline is not a simple polygon ({explain_validity(polygon)}); redraw it")
    if polygon.area == 0:
        raise Invalid("shape: the corners lie on one line")
    return corners


def _position(pair: object, name: str) -> tuple[float, float]:
    given = cast("list[object]", list(pair)) if isinstance(pair, list | tuple) else []  # pyright: ignore[reportUnknownArgumentType]
    numbers = [_number(value) for value in given]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise Invalid(f"{name}: give latitude and longitude as two numbers")
    lat, lon = round(numbers[0], 6), round(numbers[1], 6)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise Invalid(f"{name}: {lat}, {lon} is not a position; latitude comes first")
    return lat, lon


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e9:
        return None
    return float(value)


def check_config(config: dict[str, Any]) -> str:
    """A desired configuration as the JSON text to keep. Raises Invalid above 2 kB (a device's message limit)."""
    if "version" in config:
        raise Invalid("config: version is counted by the service; leave it out")
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    if len(text.encode()) > MAX_CONFIG_BYTES:
        raise Invalid(f"config: more than {MAX_CONFIG_BYTES} bytes")
    return text
