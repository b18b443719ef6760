"""Vehicles, sites, doors and units from CSV files: in any spreadsheet's writing, whole or not at all."""

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import MilepostError
from milepost.orders.csv_table import Faulty, lines_of

R06_TAG = "3636451FD40C0E70AFC4971A2C80000000000000000000000000"
R06_URI = "urn:epc:id:sgtin:9521141.012345.a%2Fb%25c%22d"
R06_TAG_URI = "urn:epc:tag:sgtin-198:1.9521141.012345.a%2Fb%25c%22d"
GIAI = "urn:epc:id:giai:9521141.TR-07"
SITES = "code,name_zh,name_en,kind,lat,lon,radius_m,sgln\nDC1,嘉定仓,Jiading DC,origin,31.37,121.26,300,{}\n"


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    return client_of("desk", "dispatcher", "keeper", "branch_manager", "engineer", "customer")


def sent(client: TestClient, kind: str, text: str | bytes, **headers: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return client.post(f"/api/v1/import/{kind}", content=data, headers={"Content-Type": "text/csv", **headers})


def made(client: TestClient, kind: str, text: str | bytes) -> dict[str, int]:
    answer = sent(client, kind, text)
    assert answer.status_code == 200, answer.text
    return answer.json()


def order(client: TestClient, number: str) -> str:
    body = {"type": "goods", "customer": "c1", "number": number, "channel": "web", "pickup": "none", "dates": {},
            "lines": [{"name": "cups", "qty": 2}], "contact": {"name": "Li", "phone": "138"},
            "to": {"name": "Shop", "address": "Road 2"}, "from": {"name": "We", "address": "Road 1"}}  # fmt: skip
    answer = client.post("/api/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_R06_a_serial_with_signs_comes_back_intact_from_a_csv_file(staff: TestClient) -> None:
    """R06: the serial a/b%c"d through CSV, the order's units and the paths of the API."""
    ref = order(staff, "SO-1")
    out = io.StringIO()
    csv.writer(out).writerows([["order", "epcs", "line"], ["SO-1", R06_TAG_URI, 1]])
    assert made(staff, "units", out.getvalue()) == {"rows": 1, "made": 1, "changed": 0}
    [unit] = staff.get(f"/api/v1/orders/{ref}").json()["units"]
    assert unit["epcs"] == [R06_TAG]
    read = staff.get(f"/api/v1/epc/{quote(unit['epcs'][0], safe='')}").json()
    assert read["uri"] == R06_URI and read["serial"] == 'a/b%c"d'
    other = order(staff, "SO-2")
    assert sent(staff, "units", f"order,epcs\nSO-2,{R06_TAG.lower()[:-4]}0001\n").status_code == 422  # padding is zero
    assert staff.get(f"/api/v1/orders/{other}").json()["units"] == []


def test_R06_an_asset_with_signs_in_its_reference_comes_back_intact_too(staff: TestClient) -> None:
    giai = "urn:epc:id:giai:9521141.a%2Fb%25c%22d"
    made(staff, "vehicles", f"plate,giai\n沪A00001,{giai}\n")
    assert [row["giai"] for row in staff.get("/api/v1/vehicles").json()] == [giai]


def test_a_pure_identity_does_not_say_what_stands_on_the_tag_and_is_refused(staff: TestClient) -> None:
    order(staff, "SO-1")
    answer = sent(staff, "units", f"order,epcs\nSO-1,{R06_URI}\n")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["line"] == 2 and "urn:epc:tag:" in answer.json()["errors"][0]["what"]


def test_units_of_several_orders_and_tags_in_one_file(staff: TestClient) -> None:
    first, second = order(staff, "SO-1"), order(staff, "SO-2")
    text = "order,epcs,pieces,kg\nSO-1,3034F80000000001 3034F80000000002,2,12.5\nSO-2,3034F80000000003,,\n"
    text = text.replace("3034F8000000000", "3034F800000000000000000")
    assert made(staff, "units", text)["made"] == 2
    [unit] = staff.get(f"/api/v1/orders/{first}").json()["units"]
    assert (len(unit["epcs"]), unit["pieces"], unit["kg"]) == (2, 2, 12.5)
    assert len(staff.get(f"/api/v1/orders/{second}").json()["units"]) == 1
    again = sent(staff, "units", text)
    assert again.status_code == 422 and [each["line"] for each in again.json()["errors"]] == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_spreadsheets_writing_of_a_file(encoding: str, mark: str, end: str) -> None:
    rows = [["Plate", "KIND", "giai"], ["沪A00001", "truck", GIAI], ["苏E08216", "", ""], ["", "", ""]]
    text = end.join(mark.join(row) for row in rows) + end
    found = lines_of(text.encode(encoding), ("plate",), ("kind", "giai"))
    assert [line.cells for line in found] == [
        {"plate": "沪A00001", "kind": "truck", "giai": GIAI}, {"plate": "苏E08216"},
    ]  # fmt: skip


def test_C04_semicolons_and_decimal_commas_are_read_as_they_are_meant(staff: TestClient) -> None:
    """C04: a German spreadsheet; commas inside a name, 1.000 meaning one thousand."""
    text = "code;name;lat;lon;radius_m\r\nS-01;Nord, Tor 1;52,5200;13,4050;1.000\r\nS-02;Süd;52,4000;13,5000;150\r\n"
    assert made(staff, "sites", text) == {"rows": 2, "made": 2, "changed": 0}
    found = {row["code"]: row for row in staff.get("/api/v1/sites").json()}
    assert found["S-01"]["name_en"] == "Nord, Tor 1"
    shapes = {code: [row["shape"][each] for each in ("lat", "lon", "radius_m")] for code, row in found.items()}
    assert shapes == {"S-01": [52.52, 13.405, 1000], "S-02": [52.4, 13.5, 150]}


def test_a_point_stays_a_decimal_point_where_no_comma_is_one() -> None:
    [line] = lines_of(b"a;b\n1.000;2\n", ("a",), ("b",))
    assert line.figure("a") == 1.0
    [line] = lines_of(b'a,b\n"1,5",2\n', ("a",), ("b",))
    with pytest.raises(ValueError, match="no number"):
        line.figure("a")


def test_a_file_without_a_mark_in_the_encoding_of_a_chinese_excel_is_read_whole() -> None:
    """One name needs four bytes of GB 18030; the same in UTF-8 and UTF-16 is the same (of case C01 the reading)."""
    data = bytes.fromhex(
        "bfcdbba7b1e0bac52cbfcdbba7c3fbb3c62cb5e7bbb02cb3c7cad00d0a433030312cb3a4bdadceefc1f72c30323130303030303030312c"
        "d6d8c7ec0d0a433030322c86b48230ab33c3b3d2d72c30313030303030303030322cb1b1bea90d0a"
    )
    heads = ("客户编号", "客户名称", "电话", "城市")
    want = [("C001", "长江物流", "02100000001", "重庆"), ("C002", "喆㙍贸易", "01000000002", "北京")]
    text = data.decode("gb18030")
    for written in (data, text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert [tuple(line.cells[head] for head in heads) for line in lines_of(written, heads, ())] == want


def test_what_is_there_keeps_what_it_has_and_gets_its_name(staff: TestClient) -> None:
    made(staff, "vehicles", "plate,kind\n沪A·00001,van\n")
    assert made(staff, "vehicles", f"plate,giai\n沪A00001,{GIAI}\n") == {"rows": 1, "made": 0, "changed": 1}
    [row] = staff.get("/api/v1/vehicles").json()
    assert (row["plate"], row["kind"], row["giai"]) == ("沪A·00001", "van", GIAI)
    made(staff, "sites", SITES.format(""))
    assert made(staff, "sites", "code,sgln\nDC1,urn:epc:id:sgln:9521141.12345.0\n")["changed"] == 1
    doors = "site,door,gates,sgln\nDC1,7,no,urn:epc:id:sgln:9521141.12345.7\nDC1,8,是,\n"
    assert made(staff, "doors", doors)["made"] == 2
    found = staff.get("/api/v1/doors").json()
    assert [(row["number"], row["gates"], row["sgln"]) for row in found] == [
        ("7", False, "urn:epc:id:sgln:9521141.12345.7"), ("8", True, None),
    ]  # fmt: skip


FAULTS = [
    ("vehicles", "plate,giai\n沪A00001,nonsense\n沪A00002,\n!,\n", [2, 4], "giai"),
    ("vehicles", f"plate,giai\n沪A00001,{GIAI}\n沪A00002,{GIAI}\n", [3], "called"),
    ("vehicles", "plate,colour\n沪A00001,red\n", [1], "colour"),
    ("vehicles", "number\n1\n", [1, 1], "plate is missing"),
    ("vehicles", "plate,country\n沪A00001,China\n", [2], "country"),
    ("vehicles", "plate,plate\n沪A00001,2\n", [1], "twice"),
    ("vehicles", "plate\n沪A00001,and more\n", [2], "quotes"),
    ("vehicles", "\n", [1], "empty"),
    ("sites", "code\nDC1\n", [2], "name_zh"),
    ("sites", SITES.format("").replace("31.37", "north"), [2], "lat"),
    ("sites", SITES.format("").replace("31.37", "95"), [2], "lat"),
    ("doors", "site,door\nDC9,1\n", [2], "DC9"),
    ("units", "order,epcs\nSO-9,3034F8000000000000000001\n", [2], "SO-9"),
    ("units", "order,epcs\nSO-9,30\n", [2], "hex"),
    ("units", "order,epcs,pieces\nSO-9,3034F8000000000000000001,none\n", [2], "pieces"),
]


def test_what_is_wrong_is_named_by_line_and_nothing_is_kept(staff: TestClient) -> None:
    for kind, text, lines, what in FAULTS:
        answer = sent(staff, kind, text)
        assert answer.status_code == 422, answer.text
        assert [each["line"] for each in answer.json()["errors"]] == lines, text
        assert what in answer.json()["detail"], text
    assert staff.get("/api/v1/vehicles").json() == [] and staff.get("/api/v1/sites").json() == []


def test_only_who_may_enter_things_may_bring_them_in_a_file(client_of: Callable[..., TestClient]) -> None:
    assert sent(client_of("keeper"), "vehicles", "plate\n沪A00001\n").status_code == 403
    assert sent(client_of("customer"), "units", "order,epcs\nSO-1,30\n").status_code == 403
    assert sent(client_of(), "vehicles", "plate\n沪A00001\n").status_code == 401


def test_a_line_is_told_by_where_it_begins_in_the_file_also_behind_cells_of_several_lines() -> None:
    found = lines_of(b'a,b\n"one\ntwo",1\n\nlast,2\n', ("a",), ("b",))
    assert [(line.number, line.cells["a"]) for line in found] == [(2, "one\ntwo"), (5, "last")]


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_are_refused_with_a_line(data: bytes) -> None:
    try:
        found = lines_of(data, ("a",), ("b",))
    except Faulty as error:
        assert isinstance(error, MilepostError) and error.extra["errors"]
    else:
        assert all(line.cells["a"] for line in found)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), min_size=1)))
def test_any_cell_comes_back_as_it_was_written_but_for_space_around_it(cells: list[str]) -> None:
    cells = [cell for cell in cells if cell.strip()]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["a"], *([cell] for cell in cells)])
    assert [line.cells["a"] for line in lines_of(out.getvalue().encode(), ("a",), ())] == [c.strip() for c in cells]
