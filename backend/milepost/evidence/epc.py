"""EPCs of 96 bits: SSCC, SGTIN, GRAI, GIAI. Decoding and encoding by integer shifts (GS1 TDS 1.13, clause 14).

A tag holds no check digit; it is computed here. What the header claims and the bits do not keep is refused with the
reason, never guessed at; a header that is not known is no error of the tag (`scheme` unknown to us).
"""

from dataclasses import dataclass

# By partition: digits and bits of the company prefix; bits and digits of the reference are what is left.
_PREFIX = ((12, 40), (11, 37), (10, 34), (9, 30), (8, 27), (7, 24), (6, 20))
# Per header: name, bits of the reference field of partition 0 plus its prefix, digits of prefix plus reference, bits
# of the serial, highest filter.
_SCHEMES = {
    0x30: ("sgtin", 44, 13, 38, 7),
    0x31: ("sscc", 58, 17, 0, 7),
    0x33: ("grai", 44, 12, 38, 7),
    0x34: ("giai", 82, 0, 0, 7),
}
_HEADERS = {name: header for header, (name, *_) in _SCHEMES.items()}
_GIAI_DIGITS = (12, 13, 14, 15, 16, 17, 18)  # of the asset reference, by partition


class EpcError(ValueError):
    """An EPC that keeps not to its scheme. `reason`: hex, length, header, partition, prefix, reference, serial,
    filter or reserved."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Epc:
    """A decoded EPC. `prefix` and `reference` keep their leading zeros; `serial` is None for an SSCC and a GIAI."""

    scheme: str
    filter: int
    prefix: str
    reference: str
    serial: int | None = None

    @property
    def uri(self) -> str:
        """The pure identity, for example urn:epc:id:sscc:9521141.0123456789."""
        parts = [self.prefix, self.reference]
        if self.serial is not None:
            parts.append(str(self.serial))
        return f"urn:epc:id:{self.scheme}:{'.'.join(parts)}"

    @property
    def key(self) -> str:
        """The GS1 key with its check digit: GTIN-14, SSCC-18 or GRAI-13; the GIAI has none."""
        if self.scheme == "giai":
            return self.prefix + self.reference
        if self.scheme == "grai":
            digits = self.prefix + self.reference
        else:  # the first digit of the reference is the indicator or extension and stands first (cases R04)
            digits = self.reference[0] + self.prefix + self.reference[1:]
        return digits + str(check_digit(digits))


def check_digit(digits: str) -> int:
    """The GS1 check digit of digits without it: weights 3 and 1 from the right (cases R01: it may be 0, never 10)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def decode(text: str) -> Epc:
    """Decode 24 hex digits. Raises EpcError with the reason."""
    try:
        value = int(text, 16) if text.isascii() and text.isalnum() else -1
    except ValueError:
        value = -1
    if value < 0:
        raise EpcError("hex", f"{text[:40]!r} is not made of hex digits")
    if len(text) != 24:
        raise EpcError("length", f"{len(text)} hex digits; these schemes have 24")
    header = value >> 88
    if header not in _SCHEMES:
        raise EpcError("header", f"0x{header:02X} is none of SGTIN, SSCC, GRAI, GIAI of 96 bits")
    scheme, span, _, serial_bits, _ = _SCHEMES[header]
    partition = value >> 82 & 7
    if partition == 7:
        raise EpcError("partition", "7 does not exist")
    length, prefix_bits = _PREFIX[partition]
    prefix = value >> (82 - prefix_bits) & ((1 << prefix_bits) - 1)
    if prefix >= 10**length:
        raise EpcError("prefix", f"{prefix} has more than {length} digits")
    reference = value >> (82 - span) & ((1 << (span - prefix_bits)) - 1)
    tail = value & ((1 << (82 - span)) - 1)
    return Epc(
        scheme,
        value >> 85 & 7,
        f"{prefix:0{length}d}",
        _reference(scheme, partition, reference),
        _serial(scheme, serial_bits, tail),
    )


def encode(epc: Epc) -> str:
    """The 24 hex digits of an EPC; the reverse of decode. Raises EpcError."""
    if epc.scheme not in _HEADERS:
        raise EpcError("header", f"scheme {epc.scheme!r} is not known")
    header = _HEADERS[epc.scheme]
    _, span, digits, serial_bits, highest = _SCHEMES[header]
    if not 0 <= epc.filter <= highest:
        raise EpcError("filter", f"{epc.filter} lies outside 0 to {highest}")
    partition = 12 - len(epc.prefix)
    if not 0 <= partition <= 6 or not _digits(epc.prefix):
        raise EpcError("prefix", f"{epc.prefix!r}: 6 to 12 digits")
    prefix_bits = _PREFIX[partition][1]
    if epc.scheme == "giai":
        good = epc.reference == "0" or not epc.reference.startswith("0")
        good = good and _digits(epc.reference) and len(epc.reference) <= _GIAI_DIGITS[partition]
    else:
        width = digits - len(epc.prefix)
        good = len(epc.reference) == width and (width == 0 or _digits(epc.reference))
    reference = int(epc.reference or "0") if good else -1
    if not good or reference >> (span - prefix_bits):
        raise EpcError("reference", f"{epc.reference!r} does not fit behind a prefix of {len(epc.prefix)} digits")
    if (epc.serial is None) != (serial_bits == 0) or not 0 <= (epc.serial or 0) < 1 << max(serial_bits, 1):
        raise EpcError("serial", f"{epc.serial} does not fit an {epc.scheme} of 96 bits")
    value = header << 88 | epc.filter << 85 | partition << 82 | int(epc.prefix) << (82 - prefix_bits)
    value |= reference << (82 - span) | (epc.serial or 0)
    return f"{value:024X}"


def _reference(scheme: str, partition: int, reference: int) -> str:
    if scheme == "giai":
        text = str(reference)
        if len(text) > _GIAI_DIGITS[partition]:
            raise EpcError("reference", f"{reference} has more than {_GIAI_DIGITS[partition]} digits")
        return text
    width = _SCHEMES[_HEADERS[scheme]][2] - _PREFIX[partition][0]
    if reference >= 10**width:
        raise EpcError("reference", f"{reference} has more than {width} digits")
    return f"{reference:0{width}d}" if width else ""


def _serial(scheme: str, serial_bits: int, tail: int) -> int | None:
    if serial_bits:
        return tail
    if tail:  # the 24 bits behind an SSCC are reserved and zero
        raise EpcError("reserved", f"the bits behind an {scheme} must be zero, not 0x{tail:X}")
    return None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
