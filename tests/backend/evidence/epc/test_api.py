"""EPCs over HTTP: decoded by hex and by URI, refused with the reason, linked to the unit that carries them."""

from urllib.parse import quote

import pytest

from milepost.plan import service as plan

HEX = "3636451FD40C0E70AFC4971A2C80000000000000000000000000"
URI = "urn:epc:id:sgtin:9521141.012345.a%2Fb%25c%22d"


@pytest.fixture
def desk(client_of):
    return client_of("desk")


def test_R06_an_escaped_serial_comes_back_intact_through_the_paths_of_the_api(desk):
    for path in (f"/api/v1/epc/{HEX}", f"/api/v1/epc/{HEX.lower()}", f"/api/v1/epc/{URI}",
                 f"/api/v1/epc/{quote(URI, safe='')}", f"/api/v1/epc?epc={quote(URI, safe='')}"):  # fmt: skip
        answer = desk.get(path)
        assert answer.status_code == 200, (path, answer.text)
        told = answer.json()
        assert (told["uri"], told["serial"], told["key"]) == (URI, 'a/b%c"d', "09521141123454"), path
        assert (told["prefix"], told["reference"], told["bits"]) == ("9521141", "012345", 198)


def test_R01_R04_keys_over_http(desk):
    assert desk.get("/api/v1/epc/3036142C8C008F8000053244").json()["key"] == "08719139005740"
    assert desk.get("/api/v1/epc/303403332C121B2F276CB8E8").json()["uri"] == (
        "urn:epc:id:sgtin:0052427.018540.202524899560"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3174257BF4499602D2FFFFFF", "reserved"),
        ("317C257BF4499602D2000000", "partition"),
        ("3174257BF4499602D200", "length"),
        ("hello", "hex"),
        ("urn:epc:id:sscc:9521141.123456789", "reference"),
        ("urn:epc:id:cpi:9521141.1.2", "uri"),
    ],
)
def test_malformed_ones_are_refused_with_the_reason(desk, text, reason):
    answer = desk.get(f"/api/v1/epc/{text}")
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason


def test_an_unknown_header_is_kept_as_unknown(desk):
    told = desk.get("/api/v1/epc/F90A112233445566778899AA").json()
    assert (told["known"], told["hex"], told["uri"]) == (False, "F90A112233445566778899AA", None)


def test_the_unit_that_carries_it_is_named_to_those_who_may_see_it(desk, client_of, db):
    with db.tx() as conn:
        (unit,) = plan.add_units(conn, "o", [{"epcs": ["3174257BF4499602D2000000"]}], customer="c1", at_ms=0)
    path = "/api/v1/epc/3174257BF4499602D2000000"
    assert desk.get(path).json()["unit"] == unit.id
    assert client_of(("customer", "customer", "c1")).get(path).json()["unit"] == unit.id
    assert client_of(("customer", "customer", "c2")).get(path).json()["unit"] is None
    assert client_of().get(path).status_code == 401
