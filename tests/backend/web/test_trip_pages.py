"""Trips, the loading check and picking as people use them without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.orders import service as orders
from milepost.times import now_ms

STAFF = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver")


class Yard:
    """A warehouse, a shop, two trucks, a driver, and goods orders that come as far as one wants."""

    def __init__(self, db: Database, api: TestClient) -> None:
        self.db, self.api, self._epc = db, api, 0
        shape = {"type": "circle", "lat": 31.2, "lon": 121.6, "radius_m": 300}
        with db.tx() as conn:
            self.sites = {
                code: fleet.add_site(conn, code=code, name_zh=zh, name_en=en, kind=kind, shape=shape)
                for code, zh, en, kind in (("DC1", "嘉定仓", "Jiading DC", "origin"),
                                           ("S14", "门店 014", "Store 014", "consignee"))
            }  # fmt: skip
            self.trucks = {plate: fleet.add_vehicle(conn, plate=plate) for plate in ("沪A·12345", "苏E·08216")}
            self.driver = fleet.add_driver(conn, name="司机 07")
            self.door = fleet.add_door(conn, site_id=self.sites["DC1"], number="2")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.api.post(f"/api/v1{path}", json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def order(self, number: str, units: int = 3, *, till: str = "waybill", klass: str = "standard", **more: Any) -> str:
        """A goods order; `till`: confirm, pick-list or waybill. Returns its id."""
        made = self.post(
            "/orders", type="goods", customer="C-1", channel="web", number=number, dates={}, pickup="none",
            lines=[{"name": "冷藏奶", "qty": max(units, 1)}], contact={"name": "店长", "phone": "138"},
            to={"site": self.sites["S14"]}, **{"from": {"site": self.sites["DC1"]}, "class": klass}, **more,
        )  # fmt: skip
        path = f"/orders/{made['id']}"
        self.post(f"{path}/submit")
        self.post(f"{path}/assign", branch="ZJ")
        self.post(f"{path}/accept", branch="ZJ", contact={"with": "店长", "about": "订单", "result": "发"})
        self.post(f"{path}/confirm", checked=True)
        if units:
            self.post(f"{path}/units", units=[{"line": 1, "kg": 12, "epcs": [self.epc()]} for _ in range(units)])
        if till in ("pick-list", "waybill"):
            self.post(f"{path}/pick-list", list="P-1")
        if till == "waybill":
            self.post(f"{path}/ready", reason="配齐")
            self.post(f"{path}/waybill", waybill=f"YD-{number}", pieces=max(units, 1), kg=12 * max(units, 1))
        return made["id"]

    def epc(self) -> str:
        self._epc += 1
        return f"3034F8{self._epc:018X}"

    def units(self, order: str) -> list[dict[str, Any]]:
        return self.api.get(f"/api/v1/orders/{order}").json()["units"]

    def trip(self, number: str = "T-1", plate: str = "沪A·12345", *, carries: tuple[str, ...] = ()) -> str:
        """A direct trip from the warehouse to the shop, with a truck."""
        stops = [{"site": self.sites["DC1"]}, {"site": self.sites["S14"]}]
        made = self.post("/trips", number=number, kind="direct", stops=stops)["id"]
        self.post(f"/trips/{made}/vehicle", vehicle=self.trucks[plate], driver=self.driver)
        for order in carries:
            self.post(f"/trips/{made}/expected", order=order)
        return made

    def read(self, unit: str, plate: str) -> None:
        """A door reads a unit onto a truck."""
        subjects = {"unit": unit, "vehicle": self.trucks[plate], "site": self.sites["DC1"], "door": self.door}
        fact = Fact(
            id=fact_id("unit.loaded", subjects, (new_id(),)), kind="unit.loaded", at=now_ms(), subjects=subjects,
            by=Author("device", "dr-1"), source="rfid", body={}, confidence=0.97, grade="B", inputs=(new_id(),),
        )  # fmt: skip
        with self.db.tx() as conn:
            orders.on_facts(conn, log.append(conn, [fact]))


@pytest.fixture
def yard(db: Database, client_of: Callable[..., TestClient], branches: None) -> Yard:
    return Yard(db, client_of(*STAFF, "customer"))


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    client = client_of(*STAFF)
    client.headers["Accept-Language"] = "en"
    return client


def pressed(page: Page, key: str, **changes: Any) -> Page:
    """Send the form whose key ends so, with these inputs filled in."""
    form = next(each for each in page.forms if any(n == "key" and v.endswith(f"-{key}") for n, v in each.values))
    return Page(page.client, page.client.post(form.action, data={**dict(form.values), **changes}))


def test_a_trip_is_planned_with_its_stops_and_its_truck(yard: Yard, staff: TestClient) -> None:
    page = opened(staff, "/trips/new").send(
        "/trips/new", number="T-9", kind="direct", vehicle="沪A·12345", driver=yard.driver,
        stops__0__site="DC1", stops__1__site="S14", stops__1__planned_from="2026-11-26T14:30",
    )  # fmt: skip
    assert page.status == 200 and page.address == "/trips/T-9?done=trip-plan"
    assert "T-9" in page.text and "沪A·12345" in page.text and "司机 07" in page.text and "Store 014" in page.text
    assert "T-9" in opened(staff, "/trips").text


def test_orders_go_on_the_list_and_off_again(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1")
    yard.trip()
    page = opened(staff, "/trips/T-1")
    assert "SO-1" in page.text
    page = page.send("/expected", button=("do", "add"), order=order)
    assert "0 / 3" in page.text
    page = page.send("/expected", button=("order", order))
    assert "The list is still empty" in page.text


def test_loading_by_scanner_counts_each_once_and_names_what_is_missing(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1")
    yard.trip(carries=(order,))
    page = opened(staff, "/trips/T-1/load")
    epc = yard.units(order)[0]["epcs"][0]
    page = page.send("/scan", button=("do", "on"), code=epc)
    assert "SO-1 #1 is aboard" in page.text and "1 / 3" in page.text and "missing SO-1 #2 #3" in page.text
    page = page.send("/scan", button=("do", "on"), code=epc)
    assert "counts once" in page.text and "1 / 3" in page.text
    page = page.send("/scan", button=("do", "on"), code="#2")
    assert "SO-1 #2 is aboard" in page.text and "2 / 3" in page.text
    page = page.send("/scan", button=("do", "off"), code="SO-1 #2")
    assert "SO-1 #2 is off again" in page.text and "1 / 3" in page.text


def test_the_pick_list_is_worked_off_by_tick_and_scanner(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1", till="confirm")
    assert "SO-1" in opened(staff, "/picking").text
    page: Page = opened(staff, "/orders/SO-1/pick").send("/pick", button=("do", "issue"))
    assert "Picking" in page.text or "picking" in page.text
    first, second, third = yard.units(order)
    page = pressed(page, "tick", do="tick", unit=[first["id"]])
    assert "1 / 3" in page.text
    for unit in (second, third):
        page = pressed(page, "scan", do="scan", code=unit["epcs"][0])
    assert "3 / 3" in page.text
    assert yard.api.get(f"/api/v1/orders/{order}").json()["state"] == "ready"

