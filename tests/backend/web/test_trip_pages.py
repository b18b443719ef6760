"""Trips, the loading check and picking as people use them without scripts."""

import re
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

PAGES = ("/trips", "/trips/new", "/trips/T-1", "/trips/T-1/load", "/picking", "/orders/SO-1/pick")
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
        body = {
            "type": "goods", "customer": "C-1", "channel": "web", "number": number, "dates": {}, "pickup": "none",
            "lines": [{"name": "冷藏奶", "qty": max(units, 1)}], "contact": {"name": "店长", "phone": "138"},
            "to": {"site": self.sites["S14"]}, "from": {"site": self.sites["DC1"]}, "class": klass,
        }  # fmt: skip
        made = self.post("/orders", **body | more)
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


@pytest.mark.requirement("G-28", "OD-2")
def test_G28_the_missing_and_the_foreign_are_named_and_the_order_is_not_loaded(yard: Yard, staff: TestClient) -> None:
    order, other = yard.order("SO-1", units=12), yard.order("SO-2")
    yard.trip(carries=(order,))
    yard.trip("T-2", "苏E·08216", carries=(other,))
    units = yard.units(order)
    for unit in units[:-1]:
        yard.read(unit["id"], "沪A·12345")
    yard.read(units[0]["id"], "沪A·12345")
    yard.read(yard.units(other)[2]["id"], "沪A·12345")
    page = opened(staff, "/trips/T-1/load")
    assert "11 / 12" in page.text and "missing SO-1 #12" in page.text
    assert "SO-2 #3 belongs on T-2, 苏E·08216" in page.text
    assert yard.api.get(f"/api/v1/orders/{order}").json()["state"] == "waybilled"
    row = opened(staff, "/trips").text
    assert "11 / 12" in row and "over SO-2 #3" in row and "missing SO-1 #12" in row


def test_a_foreign_piece_is_put_down_and_not_recorded(yard: Yard, staff: TestClient) -> None:
    order, other = yard.order("SO-1"), yard.order("SO-2")
    yard.trip(carries=(order,))
    yard.trip("T-2", "苏E·08216", carries=(other,))
    page = opened(staff, "/trips/T-1/load").send("/scan", button=("do", "on"), code=yard.units(other)[0]["epcs"][0])
    assert "Put it down: SO-2 #1 is not for this truck" in page.text and "belongs on T-2, 苏E·08216" in page.text
    assert yard.units(other)[0]["vehicle"] is None


def test_what_no_piece_is_called_records_nothing(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1")
    yard.trip(carries=(order,))
    page = opened(staff, "/trips/T-1/load")
    for code in ("3034F8", "nothing", "#99", "SO-1 #99", "SO-77 #1", "'; DROP TABLE unit", "%", "0", "9" * 200):
        page = page.send("/scan", button=("do", "on"), code=code)
        assert page.status == 200 and "is not known; nothing was recorded" in page.text, code
        assert "0 / 3" in page.text, code


def test_a_number_alone_means_a_piece_only_where_it_can_mean_one(yard: Yard, staff: TestClient) -> None:
    yard.trip(carries=(yard.order("SO-1"), yard.order("SO-2")))
    page = opened(staff, "/trips/T-1/load").send("/scan", button=("do", "on"), code="2")
    assert "is not known" in page.text
    page = page.send("/scan", button=("do", "on"), code="SO-2/2")
    assert "SO-2 #2 is aboard" in page.text


def test_goods_without_tags_are_counted(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1", units=0)
    yard.trip(carries=(order,))
    page = pressed(opened(staff, "/trips/T-1/load"), "check-1", pieces="viele")
    assert page.status == 422 and "0 / 1" in page.text
    page = pressed(page, "check-1", pieces="1")
    assert "no tags, 1 pieces counted" in page.text and "complete" in page.text
    assert yard.api.get(f"/api/v1/orders/{order}").json()["state"] == "loaded"


@pytest.mark.requirement("OT-8")
def test_OT8_the_driver_signs_with_the_cautions_that_were_read_out(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1", contact={"name": "店长", "remark": "后门卸货 <b>先打电话</b>"})
    yard.trip(carries=(order,))
    for unit in yard.units(order):
        yard.read(unit["id"], "沪A·12345")
    page = opened(staff, "/trips/T-1/load")
    caution = "SO-1: 后门卸货 <b>先打电话</b>"
    assert caution in page.text and "<b>先打" not in page.html
    page = pressed(page, "sign", pieces="3", cautions=[caution], more="雨天慢行")
    assert page.status == 200 and "driver signed for 3 pieces" in page.text
    told = opened(staff, "/trips/T-1").text
    assert f"told: {caution}" in told and "told: 雨天慢行" in told and "load signed" in told


def test_a_count_that_differs_is_said_and_nothing_is_filled_in_for_the_driver(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1")
    yard.trip(carries=(order,))
    yard.read(yard.units(order)[0]["id"], "沪A·12345")
    page = opened(staff, "/trips/T-1")
    form = next(each for each in page.forms if each.action.endswith("/sign"))
    assert ("pieces", "") in form.values
    page = pressed(page, "sign", pieces="")
    assert page.status == 422 and "Fill this in" in page.text
    page = pressed(page, "sign", pieces="3")
    assert "the count differs from what was read" in page.text


def test_only_the_driver_signs(yard: Yard, client_of: Callable[..., TestClient]) -> None:
    yard.trip(carries=(yard.order("SO-1"),))
    keeper = client_of("keeper", "dispatcher")
    assert not opened(keeper, "/trips/T-1").has("/sign")
    assert keeper.post("/trips/T-1/sign", data={"pieces": "3"}).status_code == 403


@pytest.mark.requirement("PC-3")
def test_PC3_a_project_customer_comes_first_and_apart_only_with_consent(yard: Yard, staff: TestClient) -> None:
    plain, project = yard.order("SO-1"), yard.order("SO-2", klass="project")
    free = opened(staff, f"/trips/{yard.trip()}").text
    assert free.index("SO-2 C-1") < free.index("SO-1 C-1")
    for order in (plain, project):
        yard.post(f"/trips/{yard.api.get('/api/v1/trips').json()[0]['id']}/expected", order=order)
    unit = yard.units(project)[0]["id"]
    for each in (*yard.units(plain), *yard.units(project)[1:]):
        yard.read(each["id"], "沪A·12345")
    page = opened(staff, "/trips/T-1/load")
    assert page.text.index("SO-2") < page.text.index("SO-1 ")
    assert "do not split" in page.text and "no consent of the branch of origin" in page.text
    page = pressed(page, "consent", unit=[f"{project}/{unit}"], reason="")
    assert (
        page.status == 422 and "Reason: Fill this in" in page.text and f'value="{project}/{unit}" checked' in page.html
    )
    page = pressed(page, "consent", unit=[f"{project}/{unit}"], reason="后天补发")
    assert "1 may go apart" in page.text
    page = pressed(page, "release", unit=[f"{project}/{unit}"], reason="车等不了")
    assert page.status == 200 and "1 released short" in page.text and "5 / 5" in page.text
    open_now = [each["kind"] for each in yard.api.get(f"/api/v1/orders/{project}").json()["exceptions"]
                if each["closed_at"] is None]  # fmt: skip
    assert "split_without_consent" not in open_now


def test_releasing_units_of_several_orders_is_all_or_nothing(yard: Yard, staff: TestClient) -> None:
    first, second = yard.order("SO-1"), yard.order("SO-2", till="confirm")
    yard.trip(carries=(first, second))
    ticked = [f"{order}/{yard.units(order)[0]['id']}" for order in (first, second)]
    page = pressed(opened(staff, "/trips/T-1/load"), "release", unit=ticked, reason="车等不了")
    assert page.status == 409 and "车等不了" in page.html and "SO-2 #1" in page.text
    assert all(unit["counts"] for unit in yard.units(first))


@pytest.mark.requirement("EX-27")
def test_EX27_another_truck_takes_over_with_what_lies_aboard(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1")
    yard.trip(carries=(order,))
    for unit in yard.units(order):
        yard.read(unit["id"], "沪A·12345")
    page = pressed(opened(staff, "/trips/T-1"), "vehicle", vehicle="苏E·08216", transfer="1")
    assert page.status == 200 and "苏E·08216" in page.text and "3 / 3" in page.text
    assert {unit["vehicle"] for unit in yard.units(order)} == {yard.trucks["苏E·08216"]}


def test_a_truck_that_is_elsewhere_is_refused_and_what_was_typed_stays(yard: Yard, staff: TestClient) -> None:
    yard.trip()
    yard.trip("T-2", "苏E·08216")
    page = pressed(opened(staff, "/trips/T-1"), "vehicle", vehicle="苏E·08216")
    assert page.status == 409 and "end that first" in page.text
    assert '<option value="苏E·08216" selected>' in page.html
    page = pressed(opened(staff, "/trips/T-2"), "end")
    assert "finished" in page.text
    page = pressed(opened(staff, "/trips/T-1"), "vehicle", vehicle="苏E·08216")
    assert page.status == 200 and "苏E·08216" in page.text


def test_some_units_of_an_order_are_named_behind_it(yard: Yard, staff: TestClient) -> None:
    yard.order("SO-1")
    yard.trip()
    page = opened(staff, "/trips/T-1").send("/expected", button=("do", "add"), orders="SO-1 #1 #9\nSO-404")
    assert page.status == 422 and "no unit “SO-1 #9”" in page.html and "no “SO-404”" in page.html
    assert "SO-1 #1 #9" in page.html  # what was typed is still there
    page = opened(staff, "/trips/T-1").send("/expected", button=("do", "add"), orders="SO-1 #1 #3")
    assert "0 / 2" in page.text


def test_a_form_sent_twice_acts_once(yard: Yard, staff: TestClient) -> None:
    page = opened(staff, "/trips/new")
    sent = page.form("/trips/new").filled({"number": "T-5", "kind": "line", "stops.0.site": "DC1"})
    answers = [staff.post("/trips/new", data=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(yard.api.get("/api/v1/trips").json()) == 1


def test_a_wrong_plan_comes_back_as_it_was_typed(yard: Yard, staff: TestClient) -> None:
    page = opened(staff, "/trips/new").send("/trips/new", number="T-5", kind="", driver=yard.driver)
    assert page.status == 422 and 'value="T-5"' in page.html
    assert page.text.count("Fill this in") == 3 or "To correct:" in page.text
    page = opened(staff, "/trips/new").send("/trips/new", button=("more", "1"), number="T-6", stops__0__site="DC1")
    assert page.status == 200 and "stops.7.site" in page.form("/trips/new").names and 'value="T-6"' in page.html
    yard.trip("T-1")
    page = opened(staff, "/trips/new").send("/trips/new", number="T-1", kind="line", stops__0__site="DC1")
    assert page.status == 409 and "taken" in page.text


def test_a_number_that_would_break_its_address_is_reached_all_the_same(yard: Yard, staff: TestClient) -> None:
    for number in ("A/B", "new", "..", "?x=1#y", "<script>alert(1)</script>", "  车 次 "):
        page = opened(staff, "/trips/new").send("/trips/new", number=number, kind="line", stops__0__site="DC1")
        assert page.status == 200 and number.strip()[:2] in page.text, number
        assert "<script>alert" not in page.html
    assert opened(staff, "/trips?q=%25").status == 200


def test_filters_that_nothing_matches_say_what_to_do(yard: Yard, staff: TestClient) -> None:
    yard.trip()
    for query in ("day=2020-01-01", "state=done", "vehicle=京", "q=T-9", "site=nowhere", "day=all&state=road"):
        page = opened(staff, f"/trips?{query}")
        assert "No trip matches" in page.text and "plan a trip first" in page.text, query


def test_filters_that_match_show_the_trip(yard: Yard, staff: TestClient) -> None:
    yard.trip()
    for query in ("", "day=all", "day=all&day=", "state=planned", "vehicle=沪a12345", "q=t-1", "day=nonsense"):
        assert "T-1" in opened(staff, f"/trips?{query}&site={yard.sites['S14']}").text, query


def test_a_customer_has_none_of_these_pages(yard: Yard, client_of: Callable[..., TestClient]) -> None:
    yard.trip(carries=(yard.order("SO-1"),))
    customer = client_of(("customer", "customer", "C-1"))
    for path in PAGES:
        assert customer.get(path).status_code == 403, path
    assert "/trips" not in customer.get("/orders").text


def test_people_of_another_branch_see_neither_trip_nor_pick_list(
    yard: Yard, client_of: Callable[..., TestClient]
) -> None:
    yard.trip(carries=(yard.order("SO-1", till="confirm"),))
    stranger = client_of(("keeper", "branch", "JD"), ("dispatcher", "branch", "JD"))
    for path in ("/trips/T-1", "/trips/T-1/load", "/orders/SO-1/pick"):
        assert stranger.get(path).status_code == 404, path
    assert "T-1" not in opened(stranger, "/trips").text
    assert "SO-1" not in opened(stranger, "/picking").text
    assert stranger.post("/trips/T-1/scan", data={"do": "on", "code": "SO-1 #1"}).status_code in (403, 404)


def test_a_keeper_of_a_site_checks_the_trips_that_stop_there(yard: Yard, client_of: Callable[..., TestClient]) -> None:
    order = yard.order("SO-1")
    yard.trip(carries=(order,))
    here = client_of(("keeper", "site", yard.sites["DC1"]))
    page = opened(here, "/trips/T-1/load").send("/scan", button=("do", "on"), code="1")
    assert page.status == 200 and "1 / 3" in page.text
    with yard.db.tx() as conn:
        shape = {"type": "circle", "lat": 31.0, "lon": 121.0, "radius_m": 300}
        far = fleet.add_site(conn, code="X", name_zh="x", name_en="x", kind="hub", shape=shape)
    assert client_of(("keeper", "site", far)).get("/trips/T-1/load").status_code == 404


def test_a_shortage_and_a_count_of_a_line_without_units(yard: Yard, staff: TestClient) -> None:
    order = yard.order("SO-1", units=0, till="pick-list", lines=[{"name": "散货", "qty": 8}])
    page = pressed(opened(staff, "/orders/SO-1/pick"), "line-1", **{"qty.1": "six"}, do="line:1")
    assert page.status == 422 and "A number" in page.html and 'value="six"' in page.html
    page = pressed(page, "line-1", **{"qty.1": "6"}, do="line:1")
    page = pressed(page, "line-1", **{"qty.1": "2"}, do="short:1")
    line = yard.api.get(f"/api/v1/orders/{order}").json()["lines"][0]
    assert (line["picked"], line["short"]) == (6, 2) and page.status == 200
    page = pressed(page, "ready", do="ready", reason="缺两件，客户同意先走")
    assert "Ready" in page.text
    assert "SO-1" not in opened(staff, "/picking").text


def test_a_piece_of_another_order_goes_back(yard: Yard, staff: TestClient) -> None:
    yard.order("SO-1", till="pick-list")
    other = yard.order("SO-2", till="pick-list")
    code = yard.units(other)[0]["epcs"][0]
    page = pressed(opened(staff, "/orders/SO-1/pick"), "scan", do="scan", code=code)
    assert "Put it back: SO-2 #1 is of another order" in page.text and "0 / 3" in page.text


def test_the_order_leads_to_its_pick_list_and_its_trip(
    yard: Yard, staff: TestClient, client_of: Callable[..., TestClient]
) -> None:
    order = yard.order("SO-1", till="pick-list")
    trip = yard.trip(carries=(order,))
    html = opened(staff, "/orders/SO-1").html
    assert 'href="/orders/SO-1/pick"' in html and f'href="/trips/{trip}"' in html
    html = opened(client_of(("customer", "customer", "C-1")), "/orders/SO-1").html
    assert "/pick" not in html and "/trips/" not in html and "T-1" in html


def test_nothing_to_pick_says_where_orders_come_from(yard: Yard, staff: TestClient) -> None:
    page = opened(staff, "/picking")
    assert "Nothing to pick" in page.text and "To the desk" in page.text


def test_hostile_names_stay_text_in_both_languages(yard: Yard, client_of: Callable[..., TestClient]) -> None:
    bad = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
    order = yard.order("SO-1", till="pick-list", lines=[{"name": bad, "qty": 3, "remark": bad}],
                       contact={"name": bad, "remark": bad})  # fmt: skip
    with yard.db.tx() as conn:
        yard.driver = fleet.add_driver(conn, name=bad[:80])
    yard.trip(carries=(order,))
    client = client_of(*STAFF)
    seen = 0
    for path in PAGES:
        for language in ("zh", "en"):
            html = client.get(f"{path}?lang={language}").text
            assert "<img src=x" not in html, path
            seen += html.count("&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;{{7*7}}")
    assert seen >= 8


@pytest.mark.parametrize(("language", "name"), [("en", "Driver 07"), ("zh", "司机 07")])
def test_a_driver_whose_name_is_known_in_both_scripts_is_called_in_the_pages_own(
    yard: Yard, staff: TestClient, language: str, name: str
) -> None:
    with yard.db.tx() as conn:
        yard.driver = fleet.add_driver(conn, name="司机 07 Driver 07")
    yard.trip(carries=(yard.order("SO-1"),))
    for path in ("/trips", "/trips/T-1", "/trips/T-1/load", "/trips/new"):
        text = staff.get(path, headers={"Accept-Language": language}).text
        assert name in text and "司机 07 Driver 07" not in text, path


@pytest.mark.parametrize(("language", "branch"), [("en", "Zhangjiang"), ("zh", "张江")])
def test_who_let_goods_go_apart_is_told_by_name_not_by_id(
    yard: Yard, staff: TestClient, client_of: Callable[..., TestClient], language: str, branch: str
) -> None:
    project = yard.order("SO-P", units=2, klass="project")
    yard.trip(carries=(project,))
    unit = yard.units(project)[0]["id"]
    manager = client_of(("branch_manager", "branch", "ZJ"))
    body = {"units": [unit], "reason": "后天补发"}
    assert manager.post(f"/api/v1/orders/{project}/split-consented", json=body).is_success
    staff.headers["Accept-Language"] = language
    for path in ("/trips/T-1", "/trips/T-1/load"):
        html = opened(staff, path).html
        [told] = re.findall(r'title="([^"]*后天补发[^"]*)"', html)
        assert branch in told, told
        assert "ZJ" not in told and not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", told), told
