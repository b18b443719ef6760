"""Base data: who keeps it, how it is found, that no order bounces for want of it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from milepost.db import Database
from milepost.masterdata import service
from milepost.masterdata.model import EARTH_RADIUS_M, distance_m, name_key
from milepost.orders import world
from milepost.orders.vocabulary import validate

SH1 = {"id": "SH1", "name_zh": "上海一部", "name_en": "Shanghai 1", "region": "沪南", "big_region": "华东",
       "lat": 31.20, "lng": 121.45, "phone": "021-1"}  # fmt: skip
SH2 = SH1 | {"id": "SH2", "name_zh": "上海二部", "name_en": "Shanghai 2", "lat": 31.30, "lng": 121.50}
GZ1 = SH1 | {"id": "GZ1", "name_zh": "广州一部", "name_en": "Guangzhou 1", "region": "穗", "big_region": "华南",
             "lat": 23.13, "lng": 113.26}  # fmt: skip
NO_PLACE = SH1 | {"id": "XX1", "lat": None, "lng": None}
CUP = {"sku": "CUP", "name_zh": "水杯", "name_en": "Cup", "unit": "个", "aliases": ["杯子", "口杯"]}
Clients = Callable[..., TestClient]


def _post(client: TestClient, path: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def _get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


def _order(client: TestClient, **more: Any) -> dict[str, Any]:
    body = {"type": "goods", "customer": "ACME", "from": {"lat": 31.22, "lng": 121.46}, "to": {"address": "店"},
            "contact": {"name": "shop"}, "dates": {"ship": "2026-03-02"}}  # fmt: skip
    return _post(client, "/orders", body | more)


@pytest.mark.requirement("OD-12")
def test_OD12_an_administrator_lists_adds_edits_and_deletes_goods(client_of: Clients) -> None:
    admin = client_of("admin")
    made = _post(admin, "/goods", CUP | {"price": 3.5, "currency": "CNY"})
    assert (made["aliases"], made["active"], made["provisional"]) == (["口杯", "杯子"], True, False)
    assert [row["sku"] for row in _get(admin, "/goods")["items"]] == ["CUP"]
    answer = admin.patch("/api/v1/goods/CUP", json={"name_en": "Mug"})
    assert (answer.json()["name_en"], answer.json()["aliases"]) == ("Mug", ["口杯", "杯子"])
    assert admin.delete("/api/v1/goods/CUP").json()["active"] is False
    assert _get(admin, "/goods?active=true")["items"] == []
    assert _get(admin, "/goods/CUP")["active"] is False, "orders may refer to it"
    _post(admin, "/goods", CUP, 409)


@pytest.mark.requirement("OT-16")
def test_OT16_goods_are_found_by_their_regional_names(client_of: Clients) -> None:
    admin = client_of("admin")
    _post(admin, "/goods", CUP)
    _post(admin, "/goods", {"sku": "BOX", "name_zh": "纸箱", "name_en": "Carton", "aliases": ["ＢＯＸ  a"]})
    for q, found in (("口杯", ["CUP"]), ("cup", ["CUP"]), ("box A", ["BOX"]), ("纸", ["BOX"]), ("%", [])):
        assert [row["sku"] for row in _get(admin, f"/goods?q={q.replace('%', '%25')}")["items"]] == found, q


@pytest.mark.requirement("OT-16", "OD-5")
def test_OT16_OD5_a_line_that_names_an_alias_refers_to_the_goods(client_of: Clients) -> None:
    admin, desk = client_of("admin"), client_of("desk")
    _post(admin, "/goods", CUP)
    lines = [{"name": "口杯", "qty": 2}, {"item": "CUP", "qty": 1}, {"sku": "CUP", "qty": 4}]
    order = _order(desk, lines=lines)
    assert [line["sku"] for line in order["lines"]] == ["CUP", "CUP", "CUP"]
    assert [line["name"] for line in order["lines"]] == ["口杯", "CUP", "水杯"]
    assert {line["unit"] for line in order["lines"]} == {"个"}
    assert order["customer"] == _get(desk, "/customers/ACME")["id"]


@pytest.mark.requirement("OD-5")
def test_OD5_an_order_never_bounces_for_want_of_base_data(client_of: Clients) -> None:
    desk = client_of("desk")
    order = _order(desk, lines=[{"name": "新货", "qty": 1}, {"sku": "NEW-1", "qty": 2}, {"qty": 3}])
    skus = [line.get("sku") for line in order["lines"]]
    assert skus[1:] == ["NEW-1", None]
    again = _order(desk, lines=[{"name": " 新货 ", "qty": 5}])
    assert again["lines"][0]["sku"] == skus[0], "the same name is the same goods"
    waiting = _get(desk, "/goods?provisional=true")["items"]
    assert {row["sku"] for row in waiting} == {skus[0], "NEW-1"}
    assert [row["id"] for row in _get(desk, "/customers?provisional=true")["items"]] == ["ACME"]
    answer = desk.patch(f"/api/v1/goods/{skus[0]}", json={"name_en": "New article"})
    assert answer.json()["provisional"] is False
    assert desk.patch(f"/api/v1/goods/{skus[0]}", json={"unit": "kg"}).status_code == 403, "complete: not the desk's"
    edited = desk.post(f"/api/v1/orders/{order['number']}/submit", json={"lines": [{"name": "另一种", "qty": 1}]})
    assert edited.json()["lines"][0]["sku"].startswith("P-")


def test_a_name_that_two_goods_go_by_is_left_to_a_person(client_of: Clients) -> None:
    admin = client_of("admin")
    for sku in ("A", "B"):
        _post(admin, "/goods", {"sku": sku, "name_zh": sku, "name_en": sku, "aliases": ["红薯"]})
    line = _order(admin, lines=[{"name": "红薯", "qty": 1}])["lines"][0]
    assert line["sku"] not in ("A", "B")
    admin.delete("/api/v1/goods/B")
    admin.delete(f"/api/v1/goods/{line['sku']}")
    assert _order(admin, lines=[{"name": "红薯", "qty": 1}])["lines"][0]["sku"] == "A"


@pytest.mark.requirement("SV-7", "KA-1")
def test_SV7_an_order_takes_class_and_channel_of_its_customer_unless_it_names_its_own(client_of: Clients) -> None:
    admin = client_of("admin")
    words = _get(admin, "/vocabulary")
    assert {"阿里巴巴诚信通", "淘宝", "金蝶", "E网通"} <= {word["zh"] for word in words["channels"]}
    assert {word["code"] for word in words["tiers"]} == {"economic", "group", "strategic", "important"}
    _post(admin, "/customers", {"id": "JD", "name": "京东", "customer_class": "project", "channel": "taobao"})
    _post(admin, "/customers", {"id": "BIG", "name": "大", "tier": "strategic", "vip": True})
    shown = {}
    for customer, said in (("JD", {}), ("JD", {"class": "own", "channel": "phone"}), ("BIG", {})):
        order = _order(admin, customer=customer, lines=[{"sku": "X", "qty": 1}], **said)
        admin.post(f"/api/v1/orders/{order['id']}/submit", json={})
        facts = _get(admin, f"/orders/{order['id']}/facts")
        body = next(fact["body"] for fact in facts if fact["kind"] == "order.submitted")
        shown[customer, bool(said)] = (body["class"], body["channel"], body["online"])
    assert shown == {
        ("JD", False): ("project", "taobao", True),
        ("JD", True): ("own", "phone", False),
        ("BIG", False): ("key_account", "web", False),
    }


@pytest.mark.requirement("LI-3")
def test_LI3_one_company_holds_several_of_the_five_roles(client_of: Clients) -> None:
    admin = client_of("admin")
    _post(admin, "/customers", {"id": "C1", "name": "一", "parties": ["customer", "carrier"]})
    _post(admin, "/customers", {"id": "C2", "name": "二", "parties": ["carrier", "supplier", "receiver", "object"]})
    _post(admin, "/customers", {"id": "C3", "name": "三"})
    _post(admin, "/customers", {"id": "C4", "name": "四", "parties": ["king"]}, 422)
    found = {
        party: [row["id"] for row in _get(admin, f"/customers?party={party}")["items"]]
        for party in ("customer", "receiver", "object", "supplier", "carrier")
    }
    assert found == {"customer": ["C1", "C3"], "receiver": ["C2"], "object": ["C2"], "supplier": ["C2"],
                     "carrier": ["C1", "C2"]}  # fmt: skip
    admin.patch("/api/v1/customers/C1", json={"parties": ["supplier"]})
    assert _get(admin, "/customers/C1")["parties"] == ["supplier"]


@pytest.mark.requirement("EO-4", "T2")
def test_EO4_the_branches_nearest_to_the_pickup_come_first_with_what_waits_there(client_of: Clients) -> None:
    admin, desk = client_of("admin"), client_of("call_centre")
    for each in (GZ1, SH2, SH1, NO_PLACE):
        _post(admin, "/branches", each)
    busy = _order(desk, lines=[{"sku": "X", "qty": 1}])
    desk.post(f"/api/v1/orders/{busy['id']}/submit", json={})
    desk.post(f"/api/v1/orders/{busy['id']}/assign", json={"branch": "SH2"})
    order = _order(desk, lines=[{"sku": "X", "qty": 1}])
    near = _get(desk, f"/orders/{order['number']}/branches")
    assert [(each["branch"]["id"], each["waiting"]) for each in near] == [
        ("SH1", 0), ("SH2", 1), ("GZ1", 0), ("XX1", 0),
    ]  # fmt: skip
    assert near[0]["distance_m"] == pytest.approx(2420, abs=5) and near[3]["distance_m"] is None
    admin.delete("/api/v1/branches/SH1")
    assert [each["branch"]["id"] for each in _get(desk, f"/orders/{order['id']}/branches?limit=1")] == ["SH2"]
    nowhere = _order(desk, lines=[{"sku": "X", "qty": 1}], **{"from": {"address": "somewhere"}})
    assert {each["distance_m"] for each in _get(desk, f"/orders/{nowhere['id']}/branches")} == {None}
    _get(client_of(("desk", "branch", "other")), f"/orders/{order['id']}/branches", 404)


def test_a_site_stands_for_its_place(client_of: Clients) -> None:
    admin = client_of("admin")
    _post(admin, "/branches", SH1)
    square = {"type": "polygon", "points": [[31.2, 121.4], [31.2, 121.5], [31.3, 121.5], [31.3, 121.4]]}
    site = {"code": "W", "name_zh": "仓", "name_en": "Yard", "kind": "origin", "shape": square}
    order = _order(admin, lines=[{"sku": "X", "qty": 1}], **{"from": {"site": _post(admin, "/sites", site)["id"]}})
    near = _get(admin, f"/orders/{order['id']}/branches")
    assert near[0]["distance_m"] == round(distance_m(31.25, 121.45, 31.20, 121.45))


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_distance_is_the_same_both_ways_and_never_beyond_half_the_earth(a: float, b: float, c: float, d: float) -> None:
    there = distance_m(a, b, c, d)
    assert 0 <= there <= EARTH_RADIUS_M * 3.1415927
    assert there == pytest.approx(distance_m(c, d, a, b), abs=1e-3)


def test_distance_of_known_places() -> None:
    # Shanghai - Beijing by great circle: 1,068 km
    assert distance_m(31.2304, 121.4737, 39.9042, 116.4074) == pytest.approx(1_067_310, rel=0.001)


@given(st.text(max_size=120))
def test_a_name_compares_equal_to_itself_however_it_is_spaced_and_never_grows_beyond_its_column(text: str) -> None:
    key = name_key(text)
    assert len(key) <= 360 and name_key(f"  {text}\t") == key


def test_who_may_write(client_of: Clients) -> None:
    admin = client_of("admin")
    _post(admin, "/goods", CUP)
    for role in ("dispatcher", "driver", "customer", "auditor"):
        client = client_of(role)
        _post(client, "/goods", CUP | {"sku": "N"}, 403)
        _post(client, "/customers", {"id": "N", "name": "n"}, 403)
        assert client.patch("/api/v1/goods/CUP", json={}).status_code == 403
    for role in ("desk", "call_centre"):
        client = client_of(role)
        _post(client, "/goods", CUP | {"sku": role})
        _post(client, "/branches", SH1, 403)
        assert client.delete("/api/v1/goods/CUP").status_code == 403


def test_a_customer_sees_its_own_file_only_and_a_branch_those_it_looks_after(client_of: Clients) -> None:
    admin = client_of("admin")
    for name, branch in (("A", "b1"), ("B", "b2"), ("C", None)):
        _post(admin, "/customers", {"id": name, "name": name, "branch": branch})
    seen = {
        grant: [row["id"] for row in _get(client_of(grant), "/customers")["items"]]
        for grant in (("customer", "customer", "A"), ("desk", "branch", "b2"), ("driver", "site", "s"))
    }
    assert list(seen.values()) == [["A"], ["B"], []]
    _get(client_of(("customer", "customer", "A")), "/customers/B", 404)


def test_two_people_at_once_one_is_told(client_of: Clients) -> None:
    admin = client_of("admin")
    _post(admin, "/branches", SH1)
    first = admin.patch("/api/v1/branches/SH1", json={"phone": "1"}, headers={"If-Match": "1"})
    second = admin.patch("/api/v1/branches/SH1", json={"phone": "2"}, headers={"If-Match": "1"})
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["changed"] == {"version": 2} and _get(admin, "/branches/SH1")["phone"] == "1"


def test_pages_follow_one_another_whatever_the_keys_are(client_of: Clients) -> None:
    admin = client_of("admin")
    skus = sorted(["a:b", "货号 1", "z/9", "0", "😀"])
    for sku in skus:
        _post(admin, "/goods", {"sku": sku, "name_zh": "n", "name_en": "n"})
    seen, cursor = [], ""
    while True:
        page = _get(admin, f"/goods?limit=2{cursor}")
        seen += [row["sku"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == skus and len(seen) == len(skus)
    _get(admin, "/goods?cursor=nonsense", 422)
    _get(admin, "/goods?cursor=Z29vZHM6eHg", 422)


@pytest.mark.parametrize(
    "path, body",
    [
        ("/branches", SH1 | {"lat": 91}),
        ("/branches", SH1 | {"lat": "north"}),
        ("/branches", SH1 | {"region": "  "}),
        ("/branches", SH1 | {"misspelt": 1}),
        ("/goods", CUP | {"price": -1}),
        ("/goods", CUP | {"currency": "yuan"}),
        ("/goods", CUP | {"name_zh": None}),
        ("/goods", CUP | {"sku": "a\x00b"}),
        ("/goods", CUP | {"aliases": ["x"] * 101}),
        ("/customers", {"id": "", "name": "n"}),
        ("/customers", {"id": "x" * 65, "name": "n"}),
    ],
)
def test_odd_input_is_refused_with_the_field(client_of: Clients, path: str, body: dict[str, Any]) -> None:
    problem = _post(client_of("admin"), path, body, 422)
    assert problem["code"] == "validation" and problem["detail"]


def test_regions_list_their_active_branches(client_of: Clients) -> None:
    admin = client_of("admin")
    for each in (SH1, SH2, GZ1):
        _post(admin, "/branches", each)
    assert _get(admin, "/regions") == [
        {"region": "沪南", "big_region": "华东", "branches": ["SH1", "SH2"]},
        {"region": "穗", "big_region": "华南", "branches": ["GZ1"]},
    ]


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_the_registers_work_on_both_databases(db: Database) -> None:
    with db.tx() as conn:
        service.create(conn, "branch", SH1, 1)
        service.create(conn, "goods", CUP, 1)
        told = service.intake(conn, {"customer": "ACME", "lines": [{"name": "杯子"}, {"name": "新"}]}, 2, "SH1")
    with db.tx() as conn:
        again = service.intake(conn, {"customer": "ACME", "lines": [{"name": "杯子"}, {"name": "新"}]}, 3, "SH1")
        ((near, metres),) = service.nearest(conn, 31.2, 121.45)
    assert told == again and told["lines"][0]["sku"] == "CUP"
    assert near["id"] == "SH1" and metres == 0


def test_the_facts_of_an_order_define_its_branches(client_of: Clients, db: Database) -> None:
    admin = client_of("admin")
    for each in (SH1, SH2, GZ1):
        _post(admin, "/branches", each | {"calendar": "east"})
    order = _order(admin, lines=[{"sku": "X", "qty": 1}])["id"]
    admin.post(f"/api/v1/orders/{order}/submit", json={})
    admin.post(f"/api/v1/orders/{order}/assign", json={"branch": "SH1"})
    talk = {"with": "them", "about": "order", "result": "ships"}
    assert admin.post(f"/api/v1/orders/{order}/accept", json={"branch": "SH1", "contact": talk}).is_success
    assert admin.post(f"/api/v1/orders/{order}/reroute", json={"to_branch": "SH2"}).is_success
    admin.delete("/api/v1/branches/SH1")
    with db.read() as conn:
        facts, _ = world.load(conn, order)
    defined = {fact.body["branch"]: fact for fact in facts if fact.kind == "branch.defined"}
    assert sorted(defined) == ["SH1", "SH2"]
    assert dict(defined["SH1"].body) == {"branch": "SH1", "region": "沪南", "big_region": "华东", "calendar": "east"}
    validate(defined["SH1"])
    shown = _get(admin, f"/orders/{order}/facts")
    assert not [fact for fact in shown if fact["kind"].endswith(".defined")]
