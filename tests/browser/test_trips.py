"""Trips, the loading check and picking in a real browser: without scripts all works, with them nothing breaks."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(scene: Any, browser: Any) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": "mp_session", "value": scene.token, "url": scene.house.url}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def test_a_trip_is_planned_filled_loaded_and_signed_without_scripts(scene: Any, plain: Page) -> None:
    made = scene.desk.order("客户申", "S31", None, goods=[("纸箱", 2)])
    scene.desk.bill(made)
    page, url = plain, scene.house.url
    page.goto(f"{url}/trips")
    page.get_by_role("link", name="Plan a trip").click()
    page.get_by_label("Trip number").fill("T-browser")
    page.get_by_label("Kind").select_option("direct")
    page.get_by_label("Stop 1", exact=True).select_option("DC1")
    page.get_by_label("Stop 2", exact=True).select_option("S31")
    page.get_by_label("Vehicle", exact=True).select_option(scene.vehicles[20]["plate"])
    page.get_by_label("Driver").select_option(scene.drivers[4])
    page.get_by_role("button", name="Make the trip").click()
    expect(page.get_by_role("heading", name="T-browser")).to_be_visible()
    page.get_by_role("checkbox", name=made["number"]).check()
    page.get_by_role("button", name="Put on the list").click()
    expect(page.get_by_text("0 / 2").first).to_be_visible()

    page.get_by_role("link", name="Loading check").click()
    field = page.get_by_label("Scan a tag, or type a unit")
    expect(field).to_be_focused()
    for n, unit in enumerate(made["units"], 1):
        # A scanner types the tag and presses Enter; the field has the focus again by itself.
        page.keyboard.type(unit["epcs"][0])
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"{made['number']} #{n} is aboard")).to_be_visible()
    expect(page.get_by_text("complete", exact=True)).to_be_visible()
    page.locator("#sign > summary").click()
    page.get_by_label("Pieces taken over").fill("2")
    page.get_by_role("button", name="Sign: take the load over").click()
    expect(page.get_by_text("driver signed for 2 pieces")).to_be_visible()


def test_the_pick_list_is_ticked_and_scanned_without_scripts(scene: Any, plain: Page) -> None:
    made = scene.desk.order("客户酉", "S08", None, goods=[("奶", 2), ("面", 1)])
    page, url = plain, scene.house.url
    page.goto(f"{url}/picking")
    page.get_by_role("link", name=made["number"]).click()
    page.get_by_role("button", name="Issue the pick list").click()
    page.get_by_role("checkbox", name="#1").check()
    page.get_by_role("checkbox", name="#3").check()
    page.get_by_role("button", name="Mark the ticked as picked").click()
    expect(page.get_by_text("2 / 3", exact=True)).to_be_visible()
    page.get_by_label("Scan a tag").fill(made["units"][1]["epcs"][0])
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{made['number']} #2 is picked")).to_be_visible()
    expect(page.get_by_text("3 / 3", exact=True)).to_be_visible()
    expect(page.locator("header .lab.accent")).to_have_text("Ready")


def test_what_lies_wrong_is_named_on_the_trip_and_in_the_list(scene: Any, visitor: Any) -> None:
    page = visitor(scene.token, lang="en").open("/trips?day=all")
    row = page.get_by_role("row").filter(has_text="T-1126-09")
    expect(row).to_contain_text("9 / 12")
    expect(row).to_contain_text("over")
    row.get_by_role("link", name="9 / 12").click()
    expect(page.get_by_role("alert").filter(has_text="Aboard, but not on the list")).to_contain_text("T-1126-04")
    page.get_by_role("link", name="Screen of door 2").click()
    page.wait_for_url("**/doors/**")


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize(
    "path", ["/trips?day=all", "/trips/new", "/trips/T-1126-09", "/trips/T-1126-09/load", "/picking"]
)
def test_no_page_is_wider_than_its_window(scene: Any, visitor: Any, path: str, width: int) -> None:
    page = visitor(scene.token, width=width).open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_pick_list_prints_on_a4_without_bars_and_forms(scene: Any, visitor: Any) -> None:
    made = scene.desk.order("客户戌", "S08", None, goods=[("奶", 2)])
    scene.desk.post(f"{made['path']}/pick-list", list="P-9")
    page = visitor(scene.token, lang="en").open(f"/orders/{made['number']}/pick")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".topbar")).to_be_hidden()
    expect(page.locator("form.scan")).to_be_hidden()
    expect(page.locator(".paper-code svg")).to_be_visible()
    expect(page.get_by_text("Picked by")).to_be_visible()
