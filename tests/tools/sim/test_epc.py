"""SSCC-96 (GS1 EPC Tag Data Standard 2.0, 14.6.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_tools.sim.epc import sscc96


def test_the_example_of_the_standard() -> None:
    # TDS 2.0, E.3: urn:epc:tag:sscc-96:3.0614141.1234567890 is 3174257BF4499602D2000000; ours has filter 2.
    assert sscc96("0614141", 1, 234567890).hex().upper() == "3154257BF4499602D2000000"


@given(st.integers(6, 12), st.data())
def test_any_serial_that_fits_is_in_the_tag(digits: int, data: st.DataObject) -> None:
    company = data.draw(st.integers(0, 10**digits - 1))
    serial = data.draw(st.integers(0, 10 ** (16 - digits) - 1))
    tag = int.from_bytes(sscc96(f"{company:0{digits}d}", 7, serial), "big")
    bits = {12: 18, 11: 21, 10: 24, 9: 28, 8: 31, 7: 34, 6: 38}[digits]
    assert tag & 0xFFFFFF == 0
    assert tag >> 88 == 0x31
    assert tag >> 24 & ((1 << bits) - 1) == 7 * 10 ** (16 - digits) + serial
    assert tag >> (24 + bits) & ((1 << (58 - bits)) - 1) == company


@pytest.mark.parametrize(
    ("company", "extension", "serial"),
    [("12345", 0, 0), ("061414x", 0, 0), ("0614141", 0, 10**9), ("0614141", 10, 0)],
)
def test_what_does_not_fit_is_refused(company: str, extension: int, serial: int) -> None:
    with pytest.raises(ValueError, match="use"):
        sscc96(company, extension, serial)
