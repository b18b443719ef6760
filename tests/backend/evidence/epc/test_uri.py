"""EPCs as URIs and Digital Links: the same thing in every writing (case R06), and wrong digits found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.epc import (
    CHARSET,
    Epc,
    EpcError,
    check_uri,
    decode,
    encode,
    identity,
    parse_uri,
    read,
    smallest,
    tags_of,
)

R06 = "urn:epc:id:sgtin:9521141.012345.a%2Fb%25c%22d"


def test_R06_the_escaped_uri_is_read_back_to_the_same_tag():
    assert parse_uri(R06).serial == 'a/b%c"d'
    assert encode(read(R06)) == "3616451FD40C0E70AFC4971A2C80000000000000000000000000"  # filter 0: the URI has none


@given(st.text(sorted(CHARSET), min_size=1, max_size=20), st.integers(6, 12))
def test_R06_any_serial_survives_uri_and_digital_link(serial, length):
    epc = Epc("sgtin", 0, "952114112345"[:length], "0" * (13 - length), serial, 198)
    assert parse_uri(epc.uri).serial == serial
    assert identity(epc.uri) == identity(epc.digital_link) == epc.digital_link
    assert encode(epc) in tags_of(epc.digital_link)


@given(st.sampled_from(["sscc", "gsrn", "grai", "sgln", "gdti", "giai", "gid", "usdod"]), st.integers(6, 12), st.data())
def test_every_tag_is_among_those_of_its_identity(scheme, length, data):
    prefix = "952114112345"[:length]
    if scheme == "gid":
        epc = Epc("gid", 0, "31415", "7", "1")
    elif scheme == "usdod":
        epc = Epc("usdod", 0, "CAGEY", "", "12")
    elif scheme == "giai":
        epc = smallest(Epc("giai", 3, prefix, data.draw(st.text("ab12", min_size=1, max_size=12))))
    else:
        width = {"sscc": 17, "gsrn": 17}.get(scheme, 12) - length
        reference = data.draw(st.text("0123456789", min_size=width, max_size=width))
        serial = None if scheme in ("sscc", "gsrn") else str(data.draw(st.integers(0, 1 << 38)))
        try:
            epc = smallest(Epc(scheme, 3, prefix, reference, serial))
        except EpcError:
            return
    tag = encode(epc)
    assert tag in tags_of(identity(tag))
    assert identity(tag) == identity(epc.uri)
    assert {identity(each) for each in tags_of(identity(tag))} == {identity(tag)}


def test_the_digital_links_of_other_addresses_and_short_gtins_are_the_same_thing():
    for link in (
        "https://id.gs1.org/01/09521141123454/21/a%2fb",
        "https://example.com/shop/01/09521141123454/21/a%2Fb?x=1",
        "https://id.gs1.org/01/9521141123454/21/a%2Fb",
    ):
        assert identity(link) == "https://id.gs1.org/01/09521141123454/21/a%2Fb"
    assert identity("https://id.gs1.org/414/9521141123454/254/0") == identity("urn:epc:id:sgln:9521141.12345.0")
    assert identity("urn:uuid:0b1f") == "urn:uuid:0b1f"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("urn:epc:id:sscc:9521141.123456789", "reference"),  # a digit too few: GS1's own JSON schema takes it
        ("urn:epc:id:sscc:9521141.12345678901", "reference"),
        ("urn:epc:id:sscc:95211.412345678901", "prefix"),
        ("urn:epc:id:sgtin:9521141.12345.7", "reference"),
        ("urn:epc:id:sgtin:9521141.012345", "serial"),
        ("urn:epc:id:sgtin:9521141.012345.", "serial"),
        ("urn:epc:id:sgtin:9521141.012345.a/b", "uri"),
        ("urn:epc:id:sgtin:9521141.012345.123456789012345678901", "serial"),
        ("urn:epc:id:sgln:4012345.00005", "serial"),
        ("urn:epc:id:grai:4012345.0002.334455", "reference"),
        ("urn:epc:id:giai:4012345.", "reference"),
        ("urn:epc:class:lgtin:4012345.12345.Lot9", "reference"),
        ("urn:epc:ginc:0614141.xyz", "uri"),
        ("https://id.gs1.org/00/195211412345678901", "check_digit"),
        ("https://id.gs1.org/01/09521141123455/21/1", "check_digit"),
        ("https://id.gs1.org/00/9521141", "uri"),
    ],
)
def test_wrong_digits_in_a_uri_are_found(text, reason):
    with pytest.raises(EpcError) as caught:
        check_uri(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:id:sscc:9521141.1234567890",
        "urn:epc:idpat:sgtin:4012345.098765.*",
        "urn:epc:id:pgln:4000001.00012",
        "urn:epc:id:itip:4012345.012345.01.02.999",
        "urn:epc:id:sgln:952114112345..0",
        "https://id.gs1.org/8003/0401234566666387",
        "https://example.org/anything/else",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    ],
)
def test_right_and_private_ones_pass(text):
    check_uri(text)


@given(st.text(max_size=50))
def test_any_text_has_an_identity_and_no_reader_breaks(text):
    for given_ in (text, f"urn:epc:id:{text}", f"urn:epc:tag:{text}", f"https://id.gs1.org/01/{text}"):
        identity(given_)
        tags_of(given_)
        for reader in (check_uri, parse_uri, decode):
            try:
                reader(given_)
            except EpcError as error:
                assert error.reason
