"""SSCC-96 tags of handling units (GS1 EPC Tag Data Standard 2.0, 14.6.2)."""

_HEADER = 0x31
_FILTER = 2  # full case or pallet for transport
# Bits and digits of the company prefix by partition value.
_PARTITIONS = {
    12: (0, 40, 18),
    11: (1, 37, 21),
    10: (2, 34, 24),
    9: (3, 30, 28),
    8: (4, 27, 31),
    7: (5, 24, 34),
    6: (6, 20, 38),
}


def sscc96(company: str, extension: int, serial: int) -> bytes:
    """The 12 bytes of an SSCC-96.

    company: GS1 company prefix, 6 to 12 digits; extension: 0 to 9; serial: fits the digits that are left.
    Raises ValueError for what does not fit.
    """
    if not company.isascii() or not company.isdigit() or len(company) not in _PARTITIONS:
        raise ValueError(f"company prefix {company!r}: use 6 to 12 digits")
    digits = 16 - len(company)
    if not 0 <= extension <= 9 or not 0 <= serial < 10**digits:
        raise ValueError(f"serial {serial} with extension {extension}: use 0 to 9 and at most {digits} digits")
    partition, company_bits, serial_bits = _PARTITIONS[len(company)]
    value = _HEADER << 6 | _FILTER << 3 | partition
    value = value << company_bits | int(company)
    value = value << serial_bits | extension * 10**digits + serial
    return (value << 24).to_bytes(12, "big")
