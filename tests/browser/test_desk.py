"""The desk, the lists, a new order in a real browser: with scripts time runs by itself, without them all works."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from milepost.masterdata import service as masterdata
from milepost.times import now_ms

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def waiting(scene: Any) -> Any:
    """Orders that wait at the desk: one without a branch, one at the nearest branch."""
    with scene.house.db.tx() as conn:
        for key, zh, en, lat, lng in (
            ("ZJ", "张江", "Zhangjiang", 31.205, 121.59),
            ("BC", "北蔡", "Beicai", 31.18, 121.54),
        ):
            values = {"id": key, "name_zh": zh, "name_en": en, "region": "Pudong", "big_region": "Shanghai",
                      "calendar": "default", "lat": lat, "lng": lng, "active": True}  # fmt: skip
            masterdata.create(conn, "branch", values, now_ms())

    def ask(branch: str | None) -> str:
        made = scene.desk.post(
            "/orders", type="consignment", customer="客户巳", channel="phone", lines=[{"name": "纸箱", "qty": 5}],
            dates={}, pickup="asap", contact={"name": "王", "phone": "138"}, branch=branch,
            to={"name": "李", "address": "y"}, **{"from": {"name": "赵", "address": "x", "lat": 31.2, "lng": 121.6}},
        )  # fmt: skip
        scene.desk.post(f"/orders/{made['id']}/submit")
        return made["number"]

    return ask


@pytest.fixture
def plain(scene: Any, browser: Any) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": "mp_session", "value": scene.token, "url": scene.house.url}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def test_an_order_for_a_caller_is_made_assigned_and_accepted_without_scripts(
    scene: Any, waiting: Any, plain: Page
) -> None:
    page, url = plain, scene.house.url
    page.goto(f"{url}/desk")
    page.get_by_role("link", name="Order for a caller").click()
    page.get_by_label("Kind of order").select_option("consignment")
    expect(page.get_by_label("Channel")).to_have_value("phone")
    page.get_by_label("Customer needed").fill("客户午")
    page.get_by_label("Contact", exact=True).fill("Wang")
    page.get_by_label("Row 1: Name").fill("cartons")
    page.get_by_label("Row 1: Quantity").fill("five")
    for label, text in (("Shipper", "Zhao"), ("Shipper's address", "Road 1"), ("Consignee", "Li"),
                        ("Consignee's address", "Road 2")):  # fmt: skip
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Make and submit").click()
    expect(page.get_by_role("alert")).to_contain_text("what you typed is still here")
    wrong = page.get_by_label("Row 1: Quantity")
    expect(wrong).to_have_value("five")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    wrong.fill("5")
    page.get_by_role("button", name="Make and submit").click()
    expect(page.get_by_role("status").first).to_have_text("Done: Make the order.")
    number = page.locator("h1").inner_text()

    page.goto(f"{url}/desk?order={number}")
    page.locator("#act-assign > summary").click()
    page.locator("#act-assign").get_by_label("Zhangjiang").check()
    page.locator("#act-assign > form > .btn").click()
    expect(page.get_by_role("status").first).to_contain_text("Done: Assign")
    page.locator("#act-contact > summary").click()
    page.locator("#act-contact").get_by_label("Spoken with").fill("Wang")
    page.locator("#act-contact").get_by_label("About").fill("ships?")
    page.locator("#act-contact").get_by_label("Result").fill("yes, 5 pieces")
    page.locator("#act-contact > form > .btn").click()
    expect(page.locator("#side .calls")).to_contain_text("yes, 5 pieces")
    expect(page.locator("#side .chk .ok")).to_have_count(3)
    expect(page.locator("#side .chk .no")).to_contain_text("A phone number")  # none was asked for
    page.locator("#act-accept > summary").click()
    page.locator("#act-accept > form > .btn").click()
    expect(page.get_by_role("status").first).to_contain_text("Done: Accept")
    expect(page.locator("#side .oh2")).to_contain_text("Accepted")


def test_time_left_runs_by_itself_and_the_rule_shows_on_hover(scene: Any, waiting: Any, visitor: Any) -> None:
    number = waiting("ZJ")
    page = visitor(scene.token, lang="en").open("/desk")
    row = page.locator(f"#o-{number}")
    left = row.locator(".cd b")
    # Whatever the hour at which this runs: let it be due in a minute and a half.
    row.locator(".cd").evaluate("e => { e.dataset.due = String(Number(document.body.dataset.now) + 90_000); }")
    expect(left).to_have_text(re.compile(r"^1:[012]\d$"), timeout=5_000)
    expect(row.locator(".cd")).to_have_class(re.compile("near"))
    first = left.inner_text()
    expect(left).not_to_have_text(first, timeout=5_000)
    expect(row.locator(".tip")).to_be_hidden()
    row.locator(".ck").hover()
    expect(row.locator(".tip")).to_contain_text("N-01")
    assert row.locator(".rest").get_attribute("width") != "0%"


def test_the_desk_follows_what_others_do_and_leaves_forms_alone(scene: Any, waiting: Any, visitor: Any) -> None:
    number, other = waiting(None), waiting("ZJ")
    page = visitor(scene.token, lang="en").open(f"/desk?order={number}")
    expect(page.locator("#conn")).to_have_class(re.compile("ok"))
    scene.desk.post(f"/orders/{number}/assign", branch="BC")
    expect(page.locator(f"#o-{number}")).to_contain_text("Beicai", timeout=10_000)
    page.locator("#act-contact > summary").click()
    page.locator("#act-contact").get_by_label("Result").fill("half a sent")
    scene.desk.post(f"/orders/{other}/contact", result="ok", about="x", **{"with": "y"})
    page.wait_for_timeout(1500)
    expect(page.locator("#act-contact").get_by_label("Result")).to_have_value("half a sent")


def test_the_desk_is_worked_by_keyboard(scene: Any, waiting: Any, visitor: Any) -> None:
    waiting("ZJ")
    page = visitor(scene.token, lang="en").open("/desk")
    page.keyboard.press("j")
    chosen = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    expect(page.locator("#side h2")).to_have_text(chosen)
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_have_count(0)


def test_filters_of_the_desk_take_effect_when_chosen(scene: Any, waiting: Any, visitor: Any) -> None:
    mine, others = waiting("BC"), waiting("ZJ")
    page = visitor(scene.token, lang="en").open("/desk")
    expect(page.locator(f"#o-{others}")).to_be_visible()
    page.get_by_label("Branch").select_option("BC")
    expect(page.locator(f"#o-{mine}")).to_be_visible()
    expect(page.locator(f"#o-{others}")).to_have_count(0)
    assert "branch=BC" in page.url


def test_lists_of_orders_filter_select_and_find_without_scripts(scene: Any, waiting: Any, plain: Page) -> None:
    number = waiting("ZJ")
    plain.goto(f"{scene.house.url}/orders")
    plain.locator("details.filters > summary").click()
    plain.locator("select[name=branch]").select_option("ZJ")
    plain.get_by_label("Sorted by").select_option("due")
    plain.get_by_role("button", name="Apply").click()
    expect(plain.locator("tbody")).to_contain_text(number)
    expect(plain.locator(".say")).to_contain_text("Zhangjiang")
    plain.get_by_role("link", name=f"Details {number}").click()
    expect(plain.locator("#side h2")).to_have_text(number)
    plain.locator("#side a.icon").click()
    expect(plain.locator("#side")).to_have_count(0)


@pytest.mark.parametrize("path", ["/desk", "/orders?show=all", "/orders/new", "order"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_its_window(scene: Any, visitor: Any, path: str, width: int) -> None:
    address = f"/orders/{scene.desk.made[0]['number']}" if path == "order" else path
    page = visitor(scene.token, width=width, height=844).open(address)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_paper_has_no_bars_and_a_code_that_leads_back(scene: Any, visitor: Any) -> None:
    page = visitor(scene.token, lang="en").open(f"/orders/{scene.desk.made[0]['number']}")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".topbar")).to_be_hidden()
    expect(page.locator("#acts")).to_be_hidden()
    expect(page.locator(".paper-code svg")).to_be_visible()
    expect(page.locator(".paper-code")).to_contain_text(f"/orders/{scene.desk.made[0]['number']}")
