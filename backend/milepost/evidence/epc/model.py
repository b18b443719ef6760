"""What an EPC says: scheme, filter, company prefix, reference, serial; its URI, key and Digital Link (GS1 TDS 1.13).

A tag holds no check digit; it is computed here. `serial` is text in every scheme: leading zeros count in those that
take letters, and a program that reads 0012 as a number has lost the tag.
"""

from typing import NamedTuple
from urllib.parse import quote

# What a pure identity URI writes as percent escapes (TDS 1.13, table A-1); Digital Links escape all but letters.
_ESCAPED = str.maketrans({char: f"%{ord(char):02X}" for char in '"%&/<>?'})
_DIGITAL_LINK = "https://id.gs1.org"


class EpcError(ValueError):
    """An EPC that keeps not to its scheme. `reason`: hex, length, header, partition, prefix, reference, serial,
    filter, reserved, uri or check_digit."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


class Epc(NamedTuple):
    """A decoded EPC. `prefix` and `reference` keep their leading zeros; `serial` is None where the scheme has none.

    `bits`: the size on the tag (96, 170, 195, 198, 202). A GID's prefix is its manager, its reference its class; a
    USDOD's prefix is the CAGE or DODAAC and its reference is empty.
    """

    scheme: str
    filter: int
    prefix: str
    reference: str
    serial: str | None = None
    bits: int = 96

    @property
    def uri(self) -> str:
        """The pure identity, for example urn:epc:id:sscc:9521141.0123456789."""
        scheme, _, prefix, reference, serial, _ = self
        if serial is None:
            tail = reference if reference.isalnum() else reference.translate(_ESCAPED)
            return f"urn:epc:id:{scheme}:{prefix}.{tail}"
        if not serial.isalnum():
            serial = serial.translate(_ESCAPED)
        if scheme == "usdod":
            return f"urn:epc:id:usdod:{prefix}.{serial}"
        return f"urn:epc:id:{scheme}:{prefix}.{reference}.{serial}"

    @property
    def tag_uri(self) -> str:
        """The identity with size and filter, for example urn:epc:tag:sscc-96:3.9521141.0123456789."""
        body = self.uri.removeprefix(f"urn:epc:id:{self.scheme}:")
        filtered = "" if self.scheme == "gid" else f"{self.filter}."
        return f"urn:epc:tag:{self.scheme}-{self.bits}:{filtered}{body}"

    @property
    def key(self) -> str | None:
        """The GS1 key with its check digit: GTIN-14, SSCC-18, GLN-13, GRAI-13, GDTI-13, GSRN-18; a GIAI has none.
        None for GID and USDOD, which are no GS1 keys."""
        if self.scheme in ("gid", "usdod"):
            return None
        digits = self.prefix + self.reference
        if self.scheme == "giai":
            return digits
        if self.scheme in ("sgtin", "sscc"):  # indicator or extension digit stands first (cases R04)
            digits = self.reference[0] + self.prefix + self.reference[1:]
        return digits + str(check_digit(digits))

    @property
    def digital_link(self) -> str | None:
        """The GS1 Digital Link, for example https://id.gs1.org/01/09521141123454/21/a%2Fb; None without a GS1 key.

        It does not tell where the company prefix ends, so many EPCs of one key have one link.
        """
        key, serial = self.key, self.serial or ""
        if key is None:
            return None
        tail = {
            "sscc": f"/00/{key}",
            "sgtin": f"/01/{key}/21/{quote(serial, safe='')}",
            "sgln": f"/414/{key}" + ("" if serial == "0" else f"/254/{quote(serial, safe='')}"),
            "grai": f"/8003/0{key}{quote(serial, safe='')}",
            "giai": f"/8004/{quote(key, safe='')}",
            "gsrn": f"/8018/{key}",
            "gdti": f"/253/{key}{quote(serial, safe='')}",
        }[self.scheme]
        return _DIGITAL_LINK + tail


def check_digit(digits: str) -> int:
    """The GS1 check digit of digits without it: weights 3 and 1 from the right (cases R01: it may be 0, never 10)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10
