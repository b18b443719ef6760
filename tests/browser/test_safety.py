"""W01: names that are markup are shown as typed on every page; no script runs, nothing comes from elsewhere."""

from typing import Any

import pytest
from playwright.sync_api import expect
from scene_shanghai import Scene
from sqlalchemy import update

from milepost.fleet.tables import driver, site, vehicle

pytestmark = pytest.mark.browser
BAD = "<img src=x onerror=alert(1)>\"'`{{7*7}}<script>alert(2)</script>"


@pytest.fixture(scope="module")
def named(scene: Any) -> Any:
    """One truck, site, driver, customer and goods whose names are markup, as an import may bring them."""
    trip = scene.desk.trip(20, ["S05"], "T<b>1</b>")
    made = scene.desk.order("C<i>x</i>", "S05", trip, goods=[(BAD, 2)])
    scene.desk.bill(made)
    scene.desk.load(made, 20, made["units"])
    with scene.house.db.tx() as conn:
        conn.execute(update(vehicle).where(vehicle.c.id == scene.vehicles[20]["id"]).values(plate="<b>沪</b>&amp;1"))
        conn.execute(update(site).where(site.c.id == scene.sites["S31"]).values(name_zh=BAD[:60], name_en=BAD[:60]))
        conn.execute(update(driver).where(driver.c.id == scene.drivers[8]).values(name=BAD[:60]))
    return made


def test_W01_names_that_are_markup_are_shown_as_typed(named: dict[str, Any], scene: Scene, visitor: Any) -> None:
    """The fixture `visitor` fails on any dialog, CSP report, script error or foreign request."""
    for lang in ("zh", "en"):
        look = visitor(scene.token, lang=lang)  # pyright: ignore[reportAttributeAccessIssue]
        page = look.open("/live?v=<b>沪</b>%26amp;1")
        expect(page.locator("#panel h2")).to_have_text("<b>沪</b>&amp;1")
        expect(page.locator("#panel")).to_contain_text(BAD[:60])  # the driver
        expect(page.locator("#panel")).to_contain_text("C<i>x</i>")
        page.locator("#search").fill("<b>")
        expect(page.locator(".v:not([hidden]) [data-part=plate]")).to_have_text(["<b>沪</b>&amp;1"])
        page = look.open(f"/orders/{named['number']}")
        expect(page.locator("main")).to_contain_text(BAD)
        expect(page.locator("main")).to_contain_text("C<i>x</i>")
        expect(page.locator("main")).to_contain_text("T<b>1</b>")
        for path in ("/orders?show=all", "/fleet", "/inbox", "/doors", "/orders?q=<script>alert(3)</script>"):
            page = look.open(path)
            made = "main img, main script, main b > b, main i > i"
            assert page.locator(made).count() == 0
        expect(look.open("/orders?show=all").locator("tbody")).to_contain_text("C<i>x</i>")


def test_an_address_that_is_markup_stays_text(scene: Scene, visitor: Any, browser: Any) -> None:
    context = browser.new_context()
    context.add_cookies([{"name": "mp_session", "value": scene.token, "url": scene.house.url}])  # pyright: ignore[reportAttributeAccessIssue]
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    address = "/orders/%3Cimg%20src=x%20onerror=alert(1)%3E?stage=%22%3E%3Cscript%3Ealert(2)"
    answer = page.goto(scene.house.url + address)
    assert answer is not None and answer.status == 404
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert dialogs == []
    context.close()
