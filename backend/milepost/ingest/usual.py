"""A short way to read the usual batch: fixes of a receiver that has its date and its place, and nothing else. Pure.

Half of the work of ingest was decoding such batches record by record with the codec of the wire, which is written for
a board. What is here follows docs/wire.md, Fix, and claims nothing: whatever is not usual (another kind of record,
another clock, a source, an unknown value, an appended field, anything out of range or malformed) is None, and the codec
decides. Tests hold both against each other on any batch, whole or broken.
"""

from typing import Any

from milepost.ingest.run import Run, Steps
from milepost_device.wire import EPOCH, KIND_FIX, VERSION, WireError, header

_BEGIN, _CRC = 22, 4  # docs/wire.md, Batch
_LATEST = (1 << 30) - 1
_PLACE, _T, _ALT, _SPEED, _COURSE, _HDOP, _SATS, _MS = (1 << n for n in range(8))
_USUAL = 255  # bits of the fields above; the others are the clock, the source and what was appended
_T_AND_ALT, _T_AND_MS, _HDOP_AND_SATS = _T | _ALT, _T | _MS, _HDOP | _SATS
# A signed varint of one byte; None where it goes on.
_SHORT = tuple(None if n > 127 else -(n + 1 >> 1) if n & 1 else n >> 1 for n in range(256))
_NONE = ((),) * 8


def fixes(device: str, payload: bytes, received_at: int) -> Run | None:
    """The fixes of a usual batch, None for any other. `received_at`: UTC ms."""
    try:
        version, count, stream, seq, _, _, _ = header(payload)
        return _read(device, payload, received_at, count, stream, seq) if version == VERSION else None
    except (WireError, IndexError):
        return None


def _read(device: str, data: bytes, received_at: int, count: int, stream: int, seq: int) -> Run | None:
    rows: list[tuple[Any, ...]] = []
    short = _SHORT
    p = _BEGIN
    t = ms = lat = lon = dt = dms = dlat = dlon = before = speeds = north = south = east = west = 0
    rises = True
    alt = speed = course = sats = hdop = None
    metres_s, degrees, dilution = None, None, None
    for number in range(count):
        if data[p] != KIND_FIX:
            return None
        mask = data[p + 1]
        p += 2
        if mask > 127:
            mask, p = _rest(data, p)
            if mask > _USUAL:
                return None
        if mask & _PLACE:
            lat_by = short[data[p]]
            p += 1
            if lat_by is None:
                lat_by, p = _long(data, p)
            lon_by = short[data[p]]
            p += 1
            if lon_by is None:
                lon_by, p = _long(data, p)
            if number and not (lat_by or lon_by):
                return None  # says that the place is unknown
        elif number:
            lat_by = lon_by = 0
        else:
            return None  # no place yet
        # Each field in the order of the wire; a difference of 0 in a marked one would say that it is unknown.
        t_by = 0
        if mask & _T_AND_ALT:
            alt_by = 0
            if mask & _T_AND_ALT == _T_AND_ALT and data[p]:
                t_by, alt_by = (data[p] & 15) - 8, (data[p] >> 4) - 8
                p += 1
            else:
                p += mask & _T_AND_ALT == _T_AND_ALT
                if mask & _T:
                    t_by, p = _signed(data, p)
                if mask & _ALT:
                    alt_by = short[data[p]]
                    p += 1
                    if alt_by is None:
                        alt_by, p = _long(data, p)
            if (mask & _T and not t_by) or (mask & _ALT and alt is not None and not alt_by):
                return None
            if mask & _ALT:
                alt = (alt or 0) + alt_by
                if not -12_000 <= alt <= 60_000:
                    return None
        last_speed = speed
        if mask & _SPEED:
            by = short[data[p]]
            p += 1
            if by is None:
                by, p = _long(data, p)
            if speed is not None and not by:
                return None
            speed = (speed or 0) + by
            if not 0 <= speed <= 20_000:
                return None
            metres_s = speed / 10
        if mask & _COURSE:
            by, p = _signed(data, p)
            if course is not None and not by:
                return None
            course = ((course or 0) + by) % 180
            degrees = course * 2.0
        if mask & _HDOP_AND_SATS:
            hdop_by = sats_by = 0
            if mask & _HDOP_AND_SATS == _HDOP_AND_SATS and data[p]:
                hdop_by, sats_by = (data[p] & 15) - 8, (data[p] >> 4) - 8
                p += 1
            else:
                p += mask & _HDOP_AND_SATS == _HDOP_AND_SATS
                if mask & _HDOP:
                    hdop_by, p = _signed(data, p)
                if mask & _SATS:
                    sats_by = short[data[p]]
                    p += 1
                    if sats_by is None:
                        sats_by, p = _long(data, p)
            if mask & _HDOP:
                if hdop is not None and not hdop_by:
                    return None
                hdop = (hdop or 0) + hdop_by
                if not 0 <= hdop <= 999:
                    return None
                dilution = hdop / 10
            if mask & _SATS:
                if sats is not None and not sats_by:
                    return None
                sats = (sats or 0) + sats_by
                if not 0 <= sats <= 255:
                    return None
        if mask & _T_AND_MS or not number:
            ms_by = 0
            if mask & _MS:
                ms_by, p = _signed(data, p)
                if not ms_by:
                    return None
            last_t, last_ms = t, ms
            if number:
                t, ms = t + dt, ms + dms
                if ms > 999:
                    t, ms = t + 1, ms - 1000
            t, ms = t + t_by, ms + ms_by
            if number:
                dt, dms = t - last_t, ms - last_ms
                if dms < 0:
                    dt, dms = dt - 1, dms + 1000
                rises = rises and (dt > 0 or (dt == 0 and dms > 0))
            # The step of the place, stretched to the time of this one.
            now = dt * 10 + dms // 100 if 0 <= dt <= 60 else 0
            if now > 600:
                now = 0
            if before and now and before != now:
                if -1_000_000 <= dlat <= 1_000_000:
                    dlat = dlat * now // before
                if -1_000_000 <= dlon <= 1_000_000:
                    dlon = dlon * now // before
            before = now
        else:  # as much later as the one before: nearly always
            t, ms = t + dt, ms + dms
            if ms > 999:
                t, ms = t + 1, ms - 1000
        if not (0 <= t <= _LATEST and 0 <= ms <= 999):
            return None
        # And to the mean speed.
        speeds_now = last_speed + speed if last_speed is not None and speed is not None else 0
        if speeds_now != speeds:
            if speeds >= 10 and speeds_now <= 30_000:
                if -30_000 <= dlat <= 30_000:
                    dlat = dlat * speeds_now // speeds
                if -30_000 <= dlon <= 30_000:
                    dlon = dlon * speeds_now // speeds
            speeds = speeds_now
        dlat, dlon = dlat + lat_by, dlon + lon_by
        lat, lon = lat + dlat, lon + dlon
        if not (-90_000_000 <= lat <= 90_000_000 and -180_000_000 <= lon <= 180_000_000):
            return None
        if not number:
            dlat = dlon = 0
        if dlat > north:
            north = dlat
        elif dlat < south:
            south = dlat
        if dlon > east:
            east = dlon
        elif dlon < west:
            west = dlon
        rows.append(((EPOCH + t) * 1000 + ms, lat, lon, alt, metres_s, degrees, sats, dilution))
    if p != len(data) - _CRC:
        return None
    columns = zip(*rows, strict=True) if rows else _NONE
    rises = rises and (count < 2 or rows[0][0] < rows[1][0])  # which may have said nothing of its time
    steps = Steps(rises, max(north, -south) + max(east, -west))
    return Run(device, stream, seq, (received_at,) * count, *columns, steps=steps)


def _signed(data: bytes, p: int) -> tuple[int, int]:
    """A signed varint at `p`, and where it ends."""
    value = _SHORT[data[p]]
    return _long(data, p + 1) if value is None else (value, p + 1)


def _long(data: bytes, p: int) -> tuple[int, int]:
    """A signed varint of more than one byte whose second stands at `p`, and where it ends."""
    value, p = _rest(data, p)
    return -(value + 1 >> 1) if value & 1 else value >> 1, p


def _rest(data: bytes, p: int) -> tuple[int, int]:
    """A varint of more than one byte whose second stands at `p`, and where it ends.

    Raises IndexError for one that is too long, as for one that the data does not hold.
    """
    value, shift = data[p - 1] & 127, 7
    while True:
        byte = data[p]
        p += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 28:
            raise IndexError
    if value > 0xFFFFFFFF:
        raise IndexError
    return value, p
