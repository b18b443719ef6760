"""Orders made of orders, links, and the list of the desk (REQUIREMENTS LI-5…7, OD-3, OD-10, EX-3, EX-12, OT-16)."""

from pathlib import Path
from typing import Any

import pytest

from milepost.orders.handbook import written


@pytest.mark.requirement("LI-7")
def test_LI7_an_order_is_decomposed_into_several_that_hold_what_it_held(field: Any):
    lines = [{"line": "1", "sku": "CUP", "qty": 10}, {"line": "2", "sku": "POT", "qty": 4}]
    order = field.requested(lines=lines)
    field.post("customer", f"/orders/{order}/submit", branch="b1")
    parts = [
        {"lines": [{"line": "1", "qty": 4}], "to": {"address": "West Gate"}},
        {"lines": [{"line": "1", "qty": 1}, {"line": "2", "qty": 4}]},
    ]
    split = field.post("desk", f"/orders/{order}/split", 201, parts=parts)
    whole, first, second = split["order"], *split["parts"]
    assert [(line["sku"], line["ordered"]) for line in whole["lines"]] == [("CUP", 5)]
    assert [(line["sku"], line["ordered"]) for line in first["lines"]] == [("CUP", 4)]
    assert [(line["sku"], line["ordered"]) for line in second["lines"]] == [("CUP", 1), ("POT", 4)]
    assert (first["state"], first["branch"], first["to"]) == ("assigned", "b1", {"address": "West Gate"})
    assert (second["to_site"], second["customer"]) == (field.shop, "c1")
    whole = field.get(f"/orders/{order}")
    assert [(link["other"], link["relation"]) for link in whole["links"]] == [
        (first["id"], "split"), (second["id"], "split"),
    ]  # fmt: skip
    assert [(link["other"], link["relation"]) for link in field.get(f"/orders/{first['id']}")["links"]] == [
        (order, "split_of")
    ]


@pytest.mark.requirement("LI-7", "LI-6")
@pytest.mark.parametrize(
    "parts, says",
    [
        ([{"lines": [{"line": "1", "qty": 3}]}], "nothing would be left"),
        ([{"lines": [{"line": "9", "qty": 1}]}], "no line '9'"),
        ([{"lines": [{"line": "1", "qty": 2}]}, {"lines": [{"line": "1", "qty": 2}]}], "has 1 left"),
    ],
)
def test_LI7_what_cannot_be_parted_is_named_and_nothing_is_made(field: Any, parts: list[Any], says: str):
    order = field.requested()
    assert says in field.post("desk", f"/orders/{order}/split", 422, parts=parts)["detail"]
    assert len(field.get("/orders")["items"]) == 1
    assert field.post("customer", f"/orders/{order}/split", 403, parts=parts)["code"] == "forbidden"


@pytest.mark.requirement("LI-6", "X-6")
def test_LI6_what_is_locked_or_has_units_is_not_parted(field: Any):
    part = [{"lines": [{"line": "1", "qty": 1}]}]
    assert field.post("desk", f"/orders/{field.confirmed()}/split", 409, parts=part)["guard"] == "unlocked"
    order = field.requested()
    field.post("desk", f"/orders/{order}/units", units=[{"pieces": 3}])
    assert "units are listed" in field.post("desk", f"/orders/{order}/split", 409, parts=part)["detail"]


@pytest.mark.requirement("OD-3", "EX-3", "EX-12", "EX-1")
def test_OD3_missing_goods_come_in_a_supplementary_order_that_is_linked(field: Any):
    order = field.confirmed()
    field.post("keeper", f"/orders/{order}/line-short", line="1", qty=1)
    more = field.post("desk", f"/orders/{order}/append", 201, lines=[{"sku": "CUP", "qty": 1}])
    assert (more["state"], more["branch"], more["lines"][0]["ordered"], more["to_site"]) == (
        "assigned", "b1", 1, field.shop,
    )  # fmt: skip
    assert more["links"][0]["relation"] == "supplementary_of" and more["links"][0]["other"] == order
    first = field.get(f"/orders/{order}")
    assert first["links"][0]["other"] == more["id"]
    assert [(e["ex"], e["closed_at"] is not None) for e in first["exceptions"]] == [("EX-1", True)]


@pytest.mark.requirement("LI-5")
def test_LI5_a_copy_is_a_new_request_of_the_same(field: Any):
    order = field.confirmed()
    again = field.post("customer", f"/orders/{order}/copy", 201, key="copy-1")
    assert (again["state"], again["links"], again["lines"][0]["ordered"]) == ("requested", [], 3)
    assert field.post("customer", f"/orders/{order}/copy", 201, key="copy-1")["id"] == again["id"]
    assert again["number"] != field.get(f"/orders/{order}")["number"]


def test_a_link_is_told_to_both_and_only_of_what_is_there(field: Any):
    one, two = field.requested(), field.requested()
    number = field.get(f"/orders/{two}")["number"]
    field.post("desk", f"/orders/{one}/link", other=number, relation="replacement")
    assert field.get(f"/orders/{two}")["links"][0]["relation"] == "replacement_of"
    assert field.post("desk", f"/orders/{one}/link", 404, other="SO-0", relation="split")["code"] == "not_found"
    assert field.post("desk", f"/orders/{one}/link", 422, other=one, relation="split")["code"] == "validation"


@pytest.mark.requirement("OD-10", "OT-16", "SV-7")
@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_OD10_the_desk_finds_orders_by_what_people_know_of_them(field: Any):
    field.post("admin", "/goods", 201, sku="FAN-1", name_zh="鼓风机", name_en="blower", unit="台", aliases=["风鼓"])
    one = field.requested(
        channel="phone", contact={"name": "Old Street", "phone": "5550100"}, lines=[{"sku": "FAN-1", "qty": 1}],
        dates={"ship": "2026-03-05"}, **{"class": "project"},
    )  # fmt: skip
    two = field.requested(to={"name": "West Gate", "address": "12 Canal Side"}, dates={"ship": "2026-03-01"})
    field.post("customer", f"/orders/{two}/submit", branch="b1")
    field.post("desk", f"/orders/{two}/hold", hold="data", reason="look")

    def found(query: str) -> list[str]:
        return [{one: "one", two: "two"}[item["id"]] for item in field.get(f"/orders?{query}")["items"]]

    assert found("q=5550100") == found("q=old street") == found("q=风鼓") == found("q=fan-1") == ["one"]
    assert found("q=canal") == found("branch=b1") == found("state=submitted,assigned") == ["two"]
    assert found("channel=phone") == found("class=project") == found("state=requested") == ["one"]
    assert found("exceptions=true") == ["two"] and found("exceptions=false") == ["one"]
    assert found("ship_from=2026-03-02") == ["one"] and found("ship_to=2026-03-01") == ["two"]
    assert found("sort=ship") == found("sort=-created") == ["two", "one"]
    assert found("sort=-ship") == found("sort=created") == found("sort=number") == ["one", "two"]
    assert found("created_from=2020-01-01T00:00:00Z&customer=c1&type=goods") == ["two", "one"]
    assert found("created_to=2020-01-01T00:00:00%2B08:00") == []
    for wrong in (
        "state=lost",
        "sort=colour",
        "created_from=today",
        "ship_to=2026-02-30",
        "q=%00",
        "class=" + "x" * 81,
    ):
        assert field["desk"].get(f"/api/v1/orders?{wrong}").status_code == 422, wrong


@pytest.mark.parametrize("sort", ["created", "-updated", "number", "-ship", "customer", "-state"])
def test_pages_of_any_sort_show_every_order_once(field: Any, sort: str):
    ids = [field.post("desk", "/orders", 201, type="goods", customer=f"客户{n % 2}")["id"] for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = field.get(f"/orders?limit=2&sort={sort}" + (f"&cursor={cursor}" if cursor else ""))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(ids)
    first = field.get(f"/orders?limit=2&sort={sort}")["next"]
    assert field["desk"].get(f"/api/v1/orders?sort=-number&cursor={first}").status_code == 422


def test_the_page_of_steps_is_the_table():
    """docs/orders.md: after a change of the table run `python -m milepost.orders.handbook docs/orders.md`."""
    page = (Path(__file__).parents[3] / "docs" / "orders.md").read_text("utf-8")
    assert written(page) == page
