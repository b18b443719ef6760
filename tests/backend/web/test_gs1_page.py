"""GS1 names of vehicles and places by forms, and a CSV file brought in, without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.orders.csv_import import HEADS
from milepost.orders.csv_table import lines_of

GIAI = "urn:epc:id:giai:9521141.TR-07"
SHAPE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    client = client_of("dispatcher", "engineer", "keeper")
    client.headers["Accept-Language"] = "en"
    return client


@pytest.fixture
def ids(staff: TestClient) -> dict[str, str]:
    site = {"code": "DC1", "name_zh": "嘉定仓", "name_en": "Jiading DC", "kind": "origin", "shape": SHAPE}
    made = {"sites": staff.post("/api/v1/sites", json=site).json()["id"]}
    made["doors"] = staff.post("/api/v1/doors", json={"site": made["sites"], "number": "7"}).json()["id"]
    made["vehicles"] = staff.post("/api/v1/vehicles", json={"plate": "沪A00001"}).json()["id"]
    return made


def test_each_kind_is_named_by_its_form(staff: TestClient, ids: dict[str, str]) -> None:
    for kind, name in (
        ("vehicles", GIAI), ("sites", "urn:epc:id:sgln:9521141.12345.0"), ("doors", "urn:epc:id:sgln:9521141.12345.7"),
    ):  # fmt: skip
        page = opened(staff, f"/gs1?kind={kind}").send(f"/gs1/{kind}/{ids[kind]}", name=name)
        assert page.status == 200 and "Saved:" in page.text
        assert dict(page.form(ids[kind]).values)["name"] == name
        assert opened(staff, f"/gs1?kind={kind}").send(f"/gs1/{kind}/{ids[kind]}", name="").status == 200
        assert dict(opened(staff, f"/gs1?kind={kind}").form(ids[kind]).values)["name"] == ""


def test_a_wrong_name_comes_back_with_the_reason_and_what_was_typed(staff: TestClient, ids: dict[str, str]) -> None:
    page = opened(staff, "/gs1").send(f"/gs1/vehicles/{ids['vehicles']}", name="urn:epc:id:sgln:9521141.12345.0")
    assert page.status == 422 and "a vehicle has a GIAI" in page.text
    assert dict(page.form(ids["vehicles"]).values)["name"] == "urn:epc:id:sgln:9521141.12345.0"


def upload(client: TestClient, kind: str, text: str) -> Page:
    files: Any = {"file": ("list.csv", text.encode(), "text/csv")}
    return Page(client, client.post("/gs1/import", data={"what": kind, "key": "k"}, files=files))


def test_a_file_is_brought_in_or_its_wrong_lines_are_named(staff: TestClient, ids: dict[str, str]) -> None:
    page = upload(staff, "vehicles", f"plate,giai\n沪A00001,{GIAI}\n沪A00002,\n")
    assert "2 rows taken in: 1 new, 1 got a name." in page.text and GIAI in page.html
    page = upload(staff, "vehicles", "plate,giai\n沪A00003,nonsense\n")
    assert page.status == 422 and "Nothing was taken in" in page.text and "Line 2: giai" in page.text
    assert "沪A00003" not in opened(staff, "/gs1").text
    assert upload(staff, "vehicles", "").status == 422


@pytest.mark.parametrize("kind", ["vehicles", "sites", "doors", "units"])
def test_an_empty_file_has_the_heads_that_a_full_one_needs(staff: TestClient, kind: str) -> None:
    assert f"/gs1/empty/{kind}.csv" in opened(staff, "/gs1").html
    answer = staff.get(f"/gs1/empty/{kind}.csv")
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    assert lines_of(answer.content, *HEADS[kind]) == []
    assert staff.get("/gs1/empty/nothing.csv").status_code == 404


def test_only_planners_open_it(client_of: Callable[..., TestClient]) -> None:
    assert client_of("keeper").get("/gs1").status_code == 403
