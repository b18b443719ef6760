"""Hex digits of a tag to an Epc, by integer shifts. What the header claims and the bits do not keep is refused.

One look-up by the first 14 bits (header, filter, partition) gives every shift and limit of the numeric schemes: that
is what makes it ten times as fast as a decoder that cuts strings of bits.
"""

from typing import NamedTuple

from milepost.evidence.epc.layout import BY_HEADER, CHARSET, GID, LAYOUTS, PREFIX, USDOD, Layout, giai_digits
from milepost.evidence.epc.model import Epc, EpcError


class _Row(NamedTuple):
    scheme: str
    filter: int
    prefix_shift: int
    prefix_mask: int
    prefix_top: int
    prefix_format: str
    reference_shift: int
    reference_mask: int
    reference_top: int
    reference_format: str
    tail_mask: int
    serial: bool


def _rows() -> dict[int, _Row]:
    rows = {}
    for each in LAYOUTS:
        if each.bits != 96 or each.scheme == "giai":
            continue
        for partition, (length, bits) in enumerate(PREFIX):
            width = each.digits - length
            for filter_ in range(8):
                rows[each.header << 6 | filter_ << 3 | partition] = _Row(
                    each.scheme,
                    filter_,
                    82 - bits,
                    (1 << bits) - 1,
                    10**length,
                    f"%0{length}d",
                    82 - each.span,
                    (1 << (each.span - bits)) - 1,
                    10**width,
                    f"%0{width}d" if width else "%.0s",  # nothing at all where the prefix has all the digits
                    (1 << (82 - each.span)) - 1,
                    each.serial > 0,
                )
    return rows


_NUMERIC = _rows()
_new = tuple.__new__


def decode(text: str) -> Epc:
    """Decode the hex digits of a tag: 24 of them, or as many as its longer scheme has.

    Raises EpcError with the reason; `header` means that the scheme is none of ours, which is no fault of the tag
    (the schemes of TDS 2 with a + and those of others are kept as they are).
    """
    try:
        value = int(text, 16)
    except ValueError:
        value = -1
    if len(text) == 24 and value >= 0:
        row = _NUMERIC.get(value >> 82)
        if row is not None and text.isascii() and text.isalnum():
            (scheme, filter_, prefix_shift, prefix_mask, prefix_top, prefix_format, reference_shift, reference_mask,
             reference_top, reference_format, tail_mask, has_serial) = row  # fmt: skip
            prefix = value >> prefix_shift & prefix_mask
            reference = value >> reference_shift & reference_mask
            if prefix >= prefix_top:
                raise EpcError("prefix", f"{prefix} has more digits than its partition allows")
            if reference >= reference_top:
                raise EpcError("reference", f"{reference} has more digits than its partition allows")
            tail = value & tail_mask
            if not has_serial and tail:
                raise EpcError("reserved", f"the bits behind an {scheme} must be zero, not 0x{tail:X}")
            return _new(
                Epc,
                (scheme, filter_, prefix_format % prefix, reference_format % reference,
                 str(tail) if has_serial else None, 96),
            )  # fmt: skip
    return _others(text, value)


def _others(text: str, value: int) -> Epc:
    """The schemes that are not all numbers, and everything that is wrong."""
    # int() takes signs, blanks, underlines and 0x as well
    if value < 0 or not text.isascii() or not text.isalnum() or text[1:2] in ("x", "X"):
        raise EpcError("hex", f"{text[:40]!r} is not made of hex digits")
    header = int(text[:2], 16) if len(text) >= 2 else -1
    layout = BY_HEADER.get(header)
    if layout is None and header not in (GID, USDOD):
        raise EpcError("header", f"0x{max(header, 0):02X} is none of the schemes that we read")
    digits = 24 if layout is None else layout.hex_digits
    if len(text) != digits:
        raise EpcError("length", f"{len(text)} hex digits; the scheme of its header has {digits}")
    if layout is None:
        return _gid(value) if header == GID else _usdod(value)
    size = digits * 4
    partition = value >> (size - 14) & 7
    if partition == 7:
        raise EpcError("partition", "7 does not exist")
    return _partitioned(layout, partition, value, size)


def _partitioned(layout: Layout, partition: int, value: int, size: int) -> Epc:
    length, bits = PREFIX[partition]
    prefix = value >> (size - 14 - bits) & ((1 << bits) - 1)
    if prefix >= 10**length:
        raise EpcError("prefix", f"{prefix} has more than {length} digits")
    reference = value >> (size - 14 - layout.span) & ((1 << (layout.span - bits)) - 1)
    used = 14 + layout.span + layout.serial
    if value & ((1 << (size - used)) - 1):
        raise EpcError("reserved", f"the bits behind an {layout.scheme} of {layout.bits} bits must be zero")
    filter_ = value >> (size - 11) & 7
    code = f"{prefix:0{length}d}"
    if layout.scheme == "giai":
        most = giai_digits(partition, layout.bits)
        if layout.chars:
            return Epc("giai", filter_, code, _letters(reference, layout.span - bits, most, "reference"), None, 202)
        if len(str(reference)) > most:
            raise EpcError("reference", f"{reference} has more than {most} digits")
        return Epc("giai", filter_, code, str(reference))
    width = layout.digits - length
    if reference >= 10**width:
        raise EpcError("reference", f"{reference} has more than {width} digits")
    serial = value >> (size - used) & ((1 << layout.serial) - 1)
    written = f"{reference:0{width}d}" if width else ""
    return Epc(
        layout.scheme, filter_, code, written, _letters(serial, layout.serial, layout.chars, "serial"), layout.bits
    )


def _letters(value: int, bits: int, most: int, reason: str) -> str:
    """Characters of 7 bits, from the highest; a zero ends them, and behind it all is zero."""
    text = ""
    for place in range(bits // 7):
        code = value >> (bits - 7 * (place + 1)) & 0x7F
        if code == 0:
            break
        text += chr(code)
    rest = bits - 7 * len(text)
    if not text or len(text) > most or not CHARSET.issuperset(text):
        raise EpcError(reason, f"{text!r}: 1 to {most} characters of the GS1 set of 82")
    if value & ((1 << rest) - 1):
        raise EpcError(reason, "something stands behind the zero that ends it")
    return text


def _gid(value: int) -> Epc:
    return Epc("gid", 0, str(value >> 60 & 0xFFFFFFF), str(value >> 36 & 0xFFFFFF), str(value & 0xFFFFFFFFF))


def _usdod(value: int) -> Epc:
    code = (value >> 36 & 0xFFFFFFFFFFFF).to_bytes(6, "big").decode("latin-1").removeprefix(" ")
    if len(code) < 5 or not code.isascii() or not code.isalnum() or code != code.upper():
        raise EpcError("prefix", f"{code!r}: a CAGE code of 5 or a DODAAC of 6 capitals and digits")
    return Epc("usdod", value >> 84 & 15, code, "", str(value & 0xFFFFFFFFF))
