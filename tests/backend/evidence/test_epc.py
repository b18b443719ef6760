"""EPCs of 96 bits (GS1 TDS; notes on RFID 3.1; cases R01, R04), with epcpy as second opinion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.epc import Epc, EpcError, check_digit, decode, encode

epcpy = pytest.importorskip("epcpy")

_WIDTH = {"sgtin": 13, "sscc": 17, "grai": 12}


def test_R01_a_check_digit_of_zero_is_one_digit():
    epc = decode("3036142C8C008F8000053244")
    assert epc.uri == "urn:epc:id:sgtin:8719139.000574.340548"
    assert epc.key == "08719139005740"
    assert epc.filter == 1


def test_R04_the_indicator_stands_first_in_the_gtin_and_the_prefix_keeps_its_zeros():
    epc = decode("303403332C121B2F276CB8E8")
    assert epc.uri == "urn:epc:id:sgtin:0052427.018540.202524899560"
    assert epc.key == "00052427185402"


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("3174257BF4499602D2000000", "urn:epc:id:sscc:0614141.1234567890"),
        ("3074257BF7194E4000001A85", "urn:epc:id:sgtin:0614141.812345.6789"),
        ("3374257BF40C0E400000162E", "urn:epc:id:grai:0614141.12345.5678"),
        ("3474257BF40000000000162E", "urn:epc:id:giai:0614141.5678"),
    ],
)
def test_published_examples_both_ways(text, uri):
    epc = decode(text)
    assert epc.uri == uri
    assert encode(epc) == text


def test_the_sscc_has_18_digits_with_the_extension_first():
    assert decode("3174257BF4499602D2000000").key == "106141412345678908"


@st.composite
def epcs(draw) -> Epc:
    scheme = draw(st.sampled_from(["sgtin", "sscc", "grai", "giai"]))
    length = draw(st.integers(6, 12))
    prefix = f"{draw(st.integers(0, 10**length - 1)):0{length}d}"
    if scheme == "giai":
        bits = 82 - {12: 40, 11: 37, 10: 34, 9: 30, 8: 27, 7: 24, 6: 20}[length]
        top = min(10 ** (24 - length) - 1, (1 << bits) - 1)
        return Epc(scheme, draw(st.integers(0, 7)), prefix, str(draw(st.integers(0, top))))
    width = _WIDTH[scheme] - length
    reference = f"{draw(st.integers(0, 10**width - 1)):0{width}d}" if width else ""
    serial = None if scheme == "sscc" else draw(st.integers(0, (1 << 38) - 1))
    return Epc(scheme, draw(st.integers(0, 7)), prefix, reference, serial)


@given(epcs())
def test_every_epc_survives_encoding_and_epcpy_reads_it_the_same(epc):
    text = encode(epc)
    assert decode(text) == epc
    assert epcpy.hex_to_tag_encodable(text).epc_uri == epc.uri


@given(st.binary(min_size=0, max_size=20))
def test_any_bytes_are_decoded_back_to_themselves_or_refused(data):
    text = data.hex().upper()
    try:
        epc = decode(text)
    except EpcError as error:
        assert error.reason in {"hex", "length", "header", "partition", "prefix", "reference", "reserved"}
    else:
        assert encode(epc) == text


@given(st.sampled_from([0x30, 0x31, 0x33, 0x34]), st.integers(0, (1 << 88) - 1))
def test_any_bits_behind_a_known_header_are_decoded_back_to_themselves_or_refused(header, rest):
    text = f"{header << 88 | rest:024X}"
    try:
        assert encode(decode(text)) == text
    except EpcError as error:
        assert error.reason in {"partition", "prefix", "reference", "reserved"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "hex"),
        ("3174257BF4499602D200000G", "hex"),
        ("+174257BF4499602D2000000", "hex"),
        ("3174257BF4499602D200", "length"),
        ("3174257BF4499602D2FFFFFF", "reserved"),  # epcpy takes this one
        ("317C257BF4499602D2000000", "partition"),
        ("E2801160600002051234ABCD", "header"),
        ("3177FFFFFFFFFFFFFF000000", "prefix"),
    ],
)
def test_malformed_ones_are_refused_with_the_reason(text, reason):
    with pytest.raises(EpcError) as caught:
        decode(text)
    assert caught.value.reason == reason


@given(st.text("0123456789", min_size=1, max_size=17))
def test_a_check_digit_finds_every_single_wrong_digit(digits):
    whole = digits + str(check_digit(digits))
    for place, digit in enumerate(whole[:-1]):
        other = whole[:place] + str((int(digit) + 1) % 10) + whole[place + 1 : -1]
        assert check_digit(other) != int(whole[-1])
