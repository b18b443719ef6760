"""EPCs for the simulated yard: SSCC, GRAI, GIAI and SGTIN of 96 bits (EPC Tag Data Standard 2.0, clause 14.6)."""

import numpy as np

from milepost_tools.sim.epc import sscc96

# Bits of the company prefix and digits of the reference behind it, by scheme and length of the prefix.
_PREFIX_BITS = {12: 40, 11: 37, 10: 34, 9: 30, 8: 27, 7: 24, 6: 20}


class Codes:
    """Gives out EPCs, upper-case hexadecimal, none twice. prefix: the site's own company prefix."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        digits = int(rng.integers(6, 11))
        self._prefix = str(int(rng.integers(10 ** (digits - 1), 10**digits)))
        self._serial = int(rng.integers(1_000, 50_000))

    def _next(self) -> int:
        self._serial += int(self._rng.integers(1, 4))
        return self._serial

    def sscc(self) -> str:
        """A handling unit's number."""
        return sscc96(self._prefix, int(self._rng.integers(0, 10)), self._next()).hex().upper()

    def grai(self) -> str:
        """A returnable pallet's number: header 0x33, 44 bits of prefix and asset type, 38 of serial."""
        return self._coded(0x33, 44, 12, 0, 38)

    def giai(self) -> str:
        """An asset's number, for instance a forklift's: header 0x34, 82 bits of prefix and reference."""
        return self._coded(0x34, 82, None, 0, 0)

    def sgtin(self) -> str:
        """A case's number: header 0x30, 44 bits of prefix and item, 38 of serial."""
        return self._coded(0x30, 44, 13, 2, 38)

    def any(self) -> str:
        """Of any scheme: sites tag what they own with whatever they have."""
        return (self.sscc, self.grai, self.giai, self.sgtin)[int(self._rng.integers(0, 4))]()

    def _coded(self, header: int, body_bits: int, digits: int | None, filter_: int, serial_bits: int) -> str:
        partition = 12 - len(self._prefix)
        bits = _PREFIX_BITS[len(self._prefix)]
        room = 10 ** (digits - len(self._prefix)) if digits is not None else 2**32
        serial = self._next()
        body = int(self._prefix) << (body_bits - bits) | serial % room
        tail = serial if serial_bits else 0
        value = (header << 6 | filter_ << 3 | partition) << body_bits | body
        return f"{value << serial_bits | tail:024X}"
