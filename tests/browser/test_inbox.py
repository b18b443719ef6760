"""Inbox, messages, figures and settings in a real browser: with scripts and without, wide and narrow."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from milepost.access.model import Grant

pytestmark = pytest.mark.browser
PAGES = ("/inbox", "/inbox?show=closed", "/messages?which=all", "/reports?from=&to=", "/reports/proposals", "/settings",
         "/settings/policies", "/settings/policies/new", "/settings/calendars", "/settings/calendars/A",
         "/settings/customers", "/settings/customers/new", "/settings/texts", "/settings/people")  # fmt: skip


@pytest.fixture(scope="module")
def boss(scene: Any) -> str:
    """Session of somebody who may open every page."""
    from scene_orders import ROLES  # noqa: PLC0415

    return scene.house.person("boss01", *(Grant(role) for role in (*ROLES, "admin")), name="主管 01")


@pytest.fixture
def plain(scene: Any, boss: str, browser: Any) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": "mp_session", "value": boss, "url": scene.house.url}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.mark.parametrize(("width", "lang"), [(1440, "en"), (390, "zh")])
def test_no_page_is_wider_than_its_window_and_none_breaks_its_rules(
    boss: str, scene: Any, visitor: Any, width: int, lang: str
) -> None:
    look = visitor(boss, lang=lang, width=width, height=844, dark=width < 800)
    for path in PAGES:
        page = look.open(path)
        assert page.locator("h1").count() == 1, path
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, path
        page.close()


def test_an_item_is_opened_and_closed_by_key_and_put_off(boss: str, visitor: Any) -> None:
    page = visitor(boss, lang="en").open("/inbox")
    page.locator("tbody a.plate").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    side = page.locator("#side")
    expect(side).to_be_visible()
    expect(page.locator("tr.sel")).to_have_count(1)
    page.locator("#snooze summary").click()
    page.locator("#snooze").get_by_role("button", name="in an hour").click()
    expect(page.get_by_role("status").filter(has_text="it comes back by itself")).to_be_visible()
    expect(page.locator("tbody.snoozed")).to_contain_text("back at")
    page.keyboard.press("Escape")
    expect(side).to_have_count(0)


def test_without_scripts_an_item_is_taken_a_refusal_keeps_what_was_typed_and_a_word_resolves_it(
    scene: Any, plain: Page
) -> None:
    number = scene.desk.made[-1]["number"]
    scene.desk.post(f"/orders/{number}/raise", ex="EX-26", stage="in_transit", cause="road closed")
    plain.goto(f"{scene.house.url}/inbox?lang=en")
    row = plain.locator("tr", has_text="road closed")
    row.get_by_role("button", name="Take it").click()
    expect(plain.get_by_role("status").first).to_contain_text("Taken; it is yours now.")
    expect(plain.locator("#side")).to_contain_text("road closed")
    plain.locator("#snooze summary").click()
    plain.get_by_label("Until").fill("2031-01-01T08:00")
    plain.locator("#snooze").get_by_role("button", name="Snooze", exact=True).click()
    expect(plain.get_by_role("alert")).to_contain_text("31 days")
    expect(plain.get_by_label("Until")).to_have_value("2031-01-01T08:00")
    plain.goto(f"{scene.house.url}/inbox?lang=en")
    plain.locator("tr", has_text="road closed").locator("a.plate").click()
    plain.locator("#resolve summary").click()
    plain.get_by_label("Why it is dealt with").fill("the road is open again")
    plain.locator("#resolve").get_by_role("button", name="Resolve").click()
    expect(plain.get_by_role("status").first).to_contain_text("Resolved")
    expect(plain.locator("tbody.just")).to_contain_text("the road is open again")


def test_without_scripts_a_day_of_the_calendar_is_chosen_and_changed(scene: Any, plain: Page) -> None:
    plain.goto(f"{scene.house.url}/settings/calendars/B?year=2027&lang=en")
    plain.get_by_label("2027-03-03: worked").click()
    expect(plain.get_by_label("Day", exact=True)).to_have_value("2027-03-03")
    plain.get_by_label("off", exact=True).check()
    plain.get_by_label("Reason").fill("stocktaking")
    plain.get_by_role("button", name="Save the day").click()
    expect(plain.get_by_role("status").first).to_contain_text("saved")
    expect(plain.get_by_label("2027-03-03: off")).to_have_class("d off own special")
