"""Where the fields of each scheme lie on a tag (GS1 TDS 1.13, clause 14: headers, partition tables, serials)."""

from typing import NamedTuple

# By partition: digits and bits of the company prefix.
PREFIX = ((12, 40), (11, 37), (10, 34), (9, 30), (8, 27), (7, 24), (6, 20))
# The characters that a serial of letters may have (GS1 AI encodable character set 82), each in 7 bits.
CHARSET = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")


class Layout(NamedTuple):
    """One scheme at one size: header 8 bits, filter 3, partition 3, then company prefix, reference and serial.

    `span`: bits of prefix and reference together; `digits`: of both together, 0 where the reference has no fixed
    width; `serial`: bits of the serial; `chars`: most characters of a serial (or a GIAI's reference) in 7 bits, 0
    where it is a number. What is left to whole 16-bit words is zero.
    """

    scheme: str
    header: int
    bits: int
    span: int
    digits: int
    serial: int
    chars: int = 0

    @property
    def hex_digits(self) -> int:
        """Length on the tag in hex digits: whole 16-bit words."""
        return -(-self.bits // 16) * 4


LAYOUTS = (
    Layout("sgtin", 0x30, 96, 44, 13, 38),
    Layout("sscc", 0x31, 96, 58, 17, 0),
    Layout("sgln", 0x32, 96, 41, 12, 41),
    Layout("grai", 0x33, 96, 44, 12, 38),
    Layout("giai", 0x34, 96, 82, 0, 0),
    Layout("gsrn", 0x2D, 96, 58, 17, 0),
    Layout("gdti", 0x2C, 96, 41, 12, 41),
    Layout("sgtin", 0x36, 198, 44, 13, 140, 20),
    Layout("sgln", 0x39, 195, 41, 12, 140, 20),
    Layout("grai", 0x37, 170, 44, 12, 112, 16),
    Layout("giai", 0x38, 202, 188, 0, 0, 24),
)
GID, USDOD = 0x35, 0x2F
BY_HEADER = {each.header: each for each in LAYOUTS}
BY_NAME = {(each.scheme, each.bits): each for each in LAYOUTS}


def giai_digits(partition: int, bits: int) -> int:
    """Most digits of a GIAI-96's reference, most characters of a GIAI-202's, by partition."""
    return partition + (13 if bits == 96 else 18)
