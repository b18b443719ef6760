"""How fixes lie in the SQLite store: as rows while fresh, as compressed columns once folded (decision 20). Pure.

A body is CRC-32 (of the rest) u32, form u8, count u32, then by form:
rows     packed rows (telemetry.rows.ROW)
columns  every column of ROW and a last one of bits that say which values are unknown, each as
         scale u8 (column of floats only: value = number / 10^scale; 255: the 8 bytes of each float instead),
         code u8: order (0-2) | width (0-3: 1, 2, 4, 8 bytes) << 2 | deflated << 4 | no payload << 5,
         `order` heads: length u8 and a signed number, then unless "no payload": length u24 and the payload.
Numbers of order 1 are differences to the one before, of order 2 differences of these; the heads are the first value
and the first difference. A payload holds the lowest bytes of all numbers, then the next ones.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from milepost.telemetry.rows import FLOATS, ROW, UNKNOWN, WHOLES, rows_of

_ROWS, _COLUMNS = 0, 1
_HEAD = struct.Struct("<IBI")
_DEFLATED, _EMPTY = 1 << 4, 1 << 5
_BITS = 255
_SCALES = (1, 0, 2, 3)  # tried in this order; the wire's steps are 0.1
_LEVEL = 6
_MOST_ROWS = 10_000_000
_WIDTHS = (np.dtype("<i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<i8"))
_UNKNOWN_COLUMN = "unknown"
_CAN_BE_UNKNOWN = (*WHOLES, *FLOATS)
_NAMES: tuple[str, ...] = (*(ROW.names or ()), _UNKNOWN_COLUMN)


class Damaged(ValueError):
    """A body that is not what was written."""


def from_packed(packed: bytes) -> bytes:
    """Packed rows as a body; quick, not small."""
    return _sealed(_ROWS, len(packed) // ROW.itemsize, packed)


def fold(rows: np.ndarray) -> bytes:
    """Rows as the smallest body. Sorted by time they take 3-6 bytes each at 1 Hz."""
    columns = b"".join(_column(name, rows) for name in _NAMES)
    if len(columns) >= rows.nbytes:
        return from_packed(rows.tobytes())
    return _sealed(_COLUMNS, len(rows), columns)


def check(body: bytes) -> None:
    """Raises Damaged unless a body is, to the bit, what was written, in a form that this version knows."""
    _opened(body)


def is_folded(body: bytes) -> bool:
    """True for the form of columns."""
    return body[4:5] == b"\x01"


def count(body: bytes) -> int:
    """How many rows a body holds."""
    return _HEAD.unpack_from(body)[2]


def unfold(body: bytes) -> np.ndarray:
    """The rows of a body. Raises Damaged."""
    form, number, rest = _opened(body)
    if form == _ROWS:
        return _checked_rows(rest, number)
    columns = _decoded(rest, number, _NAMES)
    rows = np.empty(number, ROW)
    for name in ROW.names or ():
        rows[name] = columns[name]
    return rows


def columns_of(body: bytes, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Only some columns of a body, unknown values marked as in rows. Raises Damaged."""
    form, number, rest = _opened(body)
    if form == _ROWS:
        rows = _checked_rows(rest, number)
        return {name: rows[name] for name in names}
    return _decoded(rest, number, names)


def _sealed(form: int, number: int, rest: bytes) -> bytes:
    head = struct.pack("<BI", form, number)
    return struct.pack("<I", zlib.crc32(rest, zlib.crc32(head))) + head + rest


def _opened(body: bytes) -> tuple[int, int, memoryview]:
    if len(body) < _HEAD.size:
        raise Damaged(f"{len(body)} bytes are less than a head")
    crc, form, number = _HEAD.unpack_from(body)
    if zlib.crc32(memoryview(body)[4:]) != crc:
        raise Damaged("the checksum does not fit")
    if number > _MOST_ROWS:
        raise Damaged(f"{number} rows are more than an hour can hold")
    if form not in (_ROWS, _COLUMNS):
        raise Damaged(f"form {form} is unknown to this version")
    return form, number, memoryview(body)[_HEAD.size :]


def _checked_rows(rest: memoryview, number: int) -> np.ndarray:
    if len(rest) != number * ROW.itemsize:
        raise Damaged(f"{len(rest)} bytes are not {number} rows")
    return rows_of(rest)  # pyright: ignore[reportArgumentType]  (numpy reads any buffer)


# --- writing columns ---


def _column(name: str, rows: np.ndarray) -> bytes:
    if name == _UNKNOWN_COLUMN:
        bits = np.zeros(len(rows), np.int64)
        for place, each in enumerate(_CAN_BE_UNKNOWN):
            bits |= _unknown(rows[each]).astype(np.int64) << place
        return _numbers(bits)
    values = rows[name]
    if name in _CAN_BE_UNKNOWN:
        values = _filled(values, _unknown(values))
    if name not in FLOATS:
        return _numbers(values.astype(np.int64))
    for scale in _SCALES:
        numbers = np.rint(values * 10.0**scale)
        if (np.abs(numbers) < 1 << 53).all() and (numbers / 10.0**scale == values).all():
            return bytes([scale]) + _numbers(numbers.astype(np.int64))
    return bytes([_BITS]) + _numbers(values.view(np.int64), orders=(0,))


def _unknown(values: np.ndarray) -> np.ndarray:
    return ~np.isfinite(values) if values.dtype.kind == "f" else values == UNKNOWN


def _filled(values: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Unknown values as repeats of the one before: they cost nothing, and the bits say that they are none."""
    if not unknown.any():
        return np.ascontiguousarray(values)
    last_known = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(values))))
    return np.where(last_known < 0, values.dtype.type(0), values[last_known])


def _numbers(values: np.ndarray, orders: Iterable[int] = (0, 1, 2)) -> bytes:
    best: tuple[float, int, np.ndarray] | None = None
    for order in orders:
        if order >= max(len(values), 1):
            break
        steps = np.diff(values, order) if order else values
        weight = float(np.abs(steps).astype(np.float64).sum())
        if best is None or weight < best[0]:
            best = weight, order, steps
    assert best is not None
    _, order, steps = best
    heads = (int(values[0]), int(values[1] - values[0])) if order == 2 else (int(values[0]),) if order else ()
    out = bytearray([order])
    for head in heads:
        size = (head.bit_length() + 8) // 8
        out.append(size)
        out += head.to_bytes(size, "little", signed=True)
    if not steps.any():
        out[0] |= _EMPTY
        return bytes(out)
    low, high = int(steps.min()), int(steps.max())
    width = next(n for n in range(4) if -(1 << (8 << n) - 1) <= low and high < 1 << (8 << n) - 1)
    payload = np.ascontiguousarray(steps.astype(_WIDTHS[width])).view(np.uint8).reshape(-1, 1 << width).T.tobytes()
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    small = deflater.compress(payload) + deflater.flush()
    out[0] |= width << 2
    if len(small) < len(payload):
        out[0] |= _DEFLATED
        payload = small
    return bytes(out) + len(payload).to_bytes(3, "little") + payload


# --- reading columns ---


def _decoded(rest: memoryview, number: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    wanted = {*names}
    if not wanted.isdisjoint(_CAN_BE_UNKNOWN):
        wanted.add(_UNKNOWN_COLUMN)
    found: dict[str, np.ndarray] = {}
    at = 0
    try:
        for name in _NAMES:
            scale = 0
            if name in FLOATS:
                scale, at = rest[at], at + 1
            values, at = _read_numbers(rest, at, number, skip=name not in wanted)
            if values is not None:
                found[name] = values if name not in FLOATS else _floats(values, scale)
    except (IndexError, ValueError, OverflowError, zlib.error) as error:
        raise Damaged(f"columns of {number} rows: {error}") from error
    bits = found.pop(_UNKNOWN_COLUMN, None)
    if bits is not None:
        some = int(np.bitwise_or.reduce(bits))
        for place, name in enumerate(_CAN_BE_UNKNOWN):
            if some & 1 << place and name in found:
                found[name][bits & 1 << place != 0] = np.nan if name in FLOATS else UNKNOWN
    return found


def _floats(values: np.ndarray, scale: int) -> np.ndarray:
    return values.view(np.float64) if scale == _BITS else values / 10.0**scale


def _read_numbers(rest: memoryview, at: int, number: int, *, skip: bool) -> tuple[np.ndarray | None, int]:
    code, at = rest[at], at + 1
    order, heads = code & 3, at
    for _ in range(order):
        at += 1 + rest[at]
    if not code & _EMPTY:
        at += 3
    end = at if code & _EMPTY else at + int.from_bytes(rest[at - 3 : at], "little")
    if end > len(rest):
        raise ValueError("it ends too early")
    if skip:
        return None, end
    values = np.zeros(number, np.int64)
    values[:order] = list(_heads(rest, heads, order))[:number]
    if not code & _EMPTY:
        plain = zlib.decompress(rest[at:end], -15) if code & _DEFLATED else rest[at:end]
        values[order:] = _joined(plain, _WIDTHS[code >> 2 & 3], number - order)
    if order == 2:
        np.cumsum(values[1:], out=values[1:])
    if order:
        np.cumsum(values, out=values)
    return values, end


def _heads(rest: memoryview, at: int, order: int) -> Iterator[int]:
    for _ in range(order):
        behind = at + 1 + rest[at]
        yield int.from_bytes(rest[at + 1 : behind], "little", signed=True)
        at = behind


def _joined(planes: bytes | memoryview, width: np.dtype, number: int) -> np.ndarray:
    """Numbers from the planes of their bytes. Plane by plane: turning all at once takes five times as long."""
    every = np.frombuffer(planes, np.uint8).reshape(width.itemsize, number)
    numbers = np.empty(number, width)
    by_byte = numbers.view(np.uint8)
    for place, plane in enumerate(every):
        by_byte[place :: width.itemsize] = plane
    return numbers
