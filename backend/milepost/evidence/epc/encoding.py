"""An Epc to the hex digits of its tag: the reverse of decoding."""

from milepost.evidence.epc.layout import BY_NAME, CHARSET, GID, PREFIX, USDOD, Layout, giai_digits
from milepost.evidence.epc.model import Epc, EpcError


def encode(epc: Epc) -> str:
    """The hex digits of an EPC, in upper case, whole 16-bit words. Raises EpcError with the reason."""
    if epc.scheme == "gid":
        return _gid(epc)
    if epc.scheme == "usdod":
        return _usdod(epc)
    layout = BY_NAME.get((epc.scheme, epc.bits))
    if layout is None:
        raise EpcError("header", f"no scheme {epc.scheme!r} of {epc.bits} bits")
    if not 0 <= epc.filter <= 7:
        raise EpcError("filter", f"{epc.filter} lies outside 0 to 7")
    partition = 12 - len(epc.prefix)
    if not 0 <= partition <= 6 or not digits(epc.prefix):
        raise EpcError("prefix", f"{epc.prefix!r}: 6 to 12 digits")
    size = layout.hex_digits * 4
    bits = PREFIX[partition][1]
    value = layout.header << (size - 8) | epc.filter << (size - 11) | partition << (size - 14)
    value |= int(epc.prefix) << (size - 14 - bits)
    value |= _reference(epc, layout, partition, layout.span - bits) << (size - 14 - layout.span)
    value |= _serial(epc, layout) << (size - 14 - layout.span - layout.serial)
    return f"{value:0{layout.hex_digits}X}"


def smallest(epc: Epc) -> Epc:
    """The same identity in the smallest scheme that holds it. Raises EpcError where none does."""
    sizes = sorted(bits for name, bits in BY_NAME if name == epc.scheme) or [96]
    for bits in sizes:
        found = epc._replace(bits=bits)
        try:
            encode(found)
        except EpcError as error:
            if bits == sizes[-1] or error.reason not in ("serial", "reference"):
                raise
        else:
            return found
    raise EpcError("header", f"no scheme {epc.scheme!r}")


def digits(text: str) -> bool:
    """True for a text of one or more of the digits 0 to 9."""
    return text.isascii() and text.isdigit()


def _number(text: str) -> bool:
    """A number as a tag can hold it: without leading zeros."""
    return digits(text) and (text == "0" or text[0] != "0")


def _reference(epc: Epc, layout: Layout, partition: int, bits: int) -> int:
    if layout.scheme == "giai":
        most = giai_digits(partition, layout.bits)
        if layout.chars:
            return _letters(epc.reference, bits, most, "reference")
        if _number(epc.reference) and len(epc.reference) <= most and int(epc.reference) < 1 << bits:
            return int(epc.reference)
        raise EpcError("reference", f"{epc.reference!r}: a number without leading zeros of at most {most} digits")
    width = layout.digits - len(epc.prefix)
    if len(epc.reference) != width or (width and not digits(epc.reference)):
        raise EpcError("reference", f"{epc.reference!r}: {width} digits behind a prefix of {len(epc.prefix)}")
    return int(epc.reference or "0")


def _serial(epc: Epc, layout: Layout) -> int:
    if layout.serial == 0:
        if epc.serial is not None:
            raise EpcError("serial", f"an {epc.scheme} has none")
        return 0
    serial = epc.serial or ""
    if layout.chars:
        return _letters(serial, layout.serial, layout.chars, "serial")
    if not _number(serial) or int(serial) >= 1 << layout.serial:
        raise EpcError("serial", f"{serial!r}: a number below 2^{layout.serial} without leading zeros")
    return int(serial)


def _letters(text: str, bits: int, most: int, reason: str) -> int:
    if not 1 <= len(text) <= most or not CHARSET.issuperset(text):
        raise EpcError(reason, f"{text!r}: 1 to {most} characters of the GS1 set of 82")
    value = 0
    for char in text:
        value = value << 7 | ord(char)
    return value << (bits - 7 * len(text))


def _gid(epc: Epc) -> str:
    parts = []
    for text, bits, reason in (
        (epc.prefix, 28, "prefix"),
        (epc.reference, 24, "reference"),
        (epc.serial, 36, "serial"),
    ):
        if text is None or not _number(text) or int(text) >= 1 << bits:
            raise EpcError(reason, f"{text!r}: a number below 2^{bits} without leading zeros")
        parts.append(int(text))
    return f"{GID << 88 | parts[0] << 60 | parts[1] << 36 | parts[2]:024X}"


def _usdod(epc: Epc) -> str:
    code, serial = epc.prefix, epc.serial or ""
    if len(code) not in (5, 6) or not code.isascii() or not code.isalnum() or code != code.upper():
        raise EpcError("prefix", f"{code!r}: a CAGE code of 5 or a DODAAC of 6 capitals and digits")
    if not 0 <= epc.filter <= 15:
        raise EpcError("filter", f"{epc.filter} lies outside 0 to 15")
    if not _number(serial) or int(serial) >= 1 << 36:
        raise EpcError("serial", f"{serial!r}: a number below 2^36 without leading zeros")
    return f"{USDOD << 88 | epc.filter << 84 | int.from_bytes(code.rjust(6).encode(), 'big') << 36 | int(serial):024X}"
