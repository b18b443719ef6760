"""The location report of JT/T 808: 28 bytes and a list of extras (2013: clause 8.18; 2019: 8.12). Pure."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from milepost.ingest.foreign.model import Parsed, Position, Unreadable, kept_extras, small

FIXED_BYTES = 28
_ACC, _FIXED, _SOUTH, _WEST = 1, 2, 4, 8  # bits of the status word
_CHINA = timezone(timedelta(hours=8))  # every time of the protocol
_ALARMS = {  # by bit of the alarm word, the same in 2013 and 2019
    0: "emergency",
    1: "overspeed",
    2: "fatigue",
    3: "danger_warning",
    4: "gnss_module_fault",
    5: "antenna_cut",
    6: "antenna_short",
    7: "supply_low",
    8: "supply_cut",
    9: "display_fault",
    10: "speech_fault",
    11: "camera_fault",
    12: "card_reader_fault",
    13: "overspeed_warning",
    14: "fatigue_warning",
    18: "driving_time_exceeded",
    19: "parking_time_exceeded",
    20: "area_crossed",
    21: "route_crossed",
    22: "route_time_wrong",
    23: "off_route",
    24: "speed_sensor_fault",
    25: "fuel_abnormal",
    26: "stolen",
    27: "unlawful_ignition",
    28: "unlawful_movement",
    29: "collision_warning",
    30: "rollover_warning",
    31: "unlawful_door",
}


def location(body: bytes) -> Position:
    """One location report. Raises Unreadable: truncated, time or range."""
    if len(body) < FIXED_BYTES:
        raise Unreadable("truncated", f"a location of {len(body)} bytes; {FIXED_BYTES} are the least")
    alarm, status = int.from_bytes(body[0:4]), int.from_bytes(body[4:8])
    lat, lon = int.from_bytes(body[8:12]) / 1e6, int.from_bytes(body[12:16]) / 1e6
    if lat > 90 or lon > 180:
        raise Unreadable("range", f"latitude {lat}, longitude {lon}")
    valid = bool(status & _FIXED)
    nowhere = not valid and lat == 0 and lon == 0
    known, extras = _extras(body[FIXED_BYTES:])
    to_confirm = known.pop("alarm_to_confirm", None)
    course = int.from_bytes(body[20:22])
    return Position(
        at=_time(body[22:28]),
        lat=None if nowhere else -lat if status & _SOUTH else lat,
        lon=None if nowhere else -lon if status & _WEST else lon,
        valid=valid,
        alt_m=float(int.from_bytes(body[16:18], signed=True)),
        speed_mps=int.from_bytes(body[18:20]) / 36,  # sent in 0.1 km/h
        course_deg=float(course % 360) if course <= 360 else None,
        sats=known.get("sats"),
        ignition=bool(status & _ACC),
        health=small({"status_bits": status, **known}),
        extras=extras,
        alarm=_alarm(alarm, to_confirm),
    )


def batch(body: bytes) -> Parsed:
    """Message 0x0704: several locations, of the usual kind or made while there was no network (case T04)."""
    if len(body) < 3:
        raise Unreadable("truncated", f"a batch of {len(body)} bytes")
    count, at = int.from_bytes(body[0:2]), 3
    positions: list[Position] = []
    wrong: list[str] = []
    for place in range(1, count + 1):
        size = int.from_bytes(body[at : at + 2])
        item = body[at + 2 : at + 2 + size]
        if at + 2 > len(body) or len(item) < size:
            wrong.append(f"item {place} of {count} is cut off")
            break
        try:
            positions.append(location(item))
        except Unreadable as error:
            wrong.append(f"item {place} of {count}: {error.detail}")
        at += 2 + size
    if not positions and wrong:
        raise Unreadable("batch", "; ".join(wrong)[:500])
    return Parsed(tuple(positions), tuple(wrong))


def bcd_time(at_ms: int) -> bytes:
    """UTC ms as the protocol writes it: BCD YYMMDDhhmmss in UTC+8."""
    return bytes.fromhex(datetime.fromtimestamp(at_ms / 1000, _CHINA).strftime("%y%m%d%H%M%S"))


def _time(bcd: bytes) -> int | None:
    if not any(bcd):
        return None
    try:
        made = datetime.strptime(bcd.hex(), "%y%m%d%H%M%S").replace(tzinfo=_CHINA)  # two digits: 20..
    except ValueError:
        raise Unreadable("time", f"{bcd.hex()} is no time YYMMDDhhmmss") from None
    if made.year < 2000:  # strptime takes 69..99 as 19..
        made = made.replace(year=made.year + 100)
    return int((made - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000


def _alarm(word: int, to_confirm: int | None) -> dict[str, Any]:
    if not word and to_confirm is None:
        return {}
    names = [_ALARMS.get(bit, f"bit_{bit}") for bit in range(32) if word >> bit & 1]
    return {"names": names} | ({} if to_confirm is None else {"to_confirm": to_confirm})


def _extras(data: bytes) -> tuple[dict[str, int | None], dict[str, str]]:
    """The extras with a name, in SI units, and the others as hex; what follows a broken list is kept as its tail."""
    known: dict[str, int | None] = {}
    unknown: list[tuple[str, str]] = []
    at = 0
    while at + 2 <= len(data):
        kind, size = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + size]
        if len(value) < size:
            break
        named = _named(kind, value)
        if named:
            known.update(named)
        else:
            unknown.append((f"{kind:02x}", value.hex()))
        at += 2 + size
    if at < len(data):
        unknown.append(("tail", data[at:].hex()))
    return known, kept_extras(unknown)


def _named(kind: int, value: bytes) -> dict[str, int | None]:
    amount = int.from_bytes(value)
    match kind, len(value):
        case 0x01, 4:
            return {"odometer_m": amount * 100}
        case 0x02, 2:
            return {"fuel_dl": amount}
        case 0x03, 2:
            return {"recorder_speed_mmps": round(amount * 1000 / 36)}
        case 0x04, 2:
            return {"alarm_to_confirm": amount}
        case 0x25, 4:
            return {"vehicle_signals": amount}
        case 0x2A, 2:
            return {"io_state": amount}
        case 0x2B, 4:
            return {"analog_0": amount & 0xFFFF, "analog_1": amount >> 16}
        case 0x30, 1:
            return {"network_signal": amount}
        case 0x31, 1:
            return {"sats": amount}
        case _:
            return {}
