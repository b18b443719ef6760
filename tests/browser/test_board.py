"""The live board in a real browser, fed with real batches."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from scene_shanghai import PLATES, Scene

pytestmark = pytest.mark.browser


def ready(page: Any) -> None:
    """Wait until the whole fleet is listed."""
    expect(page.locator("[data-filter=''] b")).to_have_text(str(len(PLATES)))
    expect(page.locator("#conn")).to_have_class(re.compile("ok"))


def row(page: Any, plate: str) -> Any:
    """The row of a vehicle in the list."""
    return page.locator(".v:not([hidden])", has=page.get_by_text(plate, exact=True))


def test_vehicles_move_on_the_map_and_in_the_panel(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live?v=沪A·3K921")
    ready(page)
    panel = page.locator("#panel")
    expect(panel.locator("h2")).to_have_text("沪A·3K921")
    expect(panel.locator("[data-live=state]")).to_have_text("行驶")
    expect(panel.locator(".road.strip")).to_have_count(3)
    before = panel.locator("[data-live=position]").text_content()
    drawn = page.locator("canvas.fleet").evaluate("canvas => canvas.toDataURL()")
    expect(panel.locator("[data-live=position]")).not_to_have_text(before, timeout=5_000)
    page.wait_for_function("old => document.querySelector('canvas.fleet').toDataURL() !== old", arg=drawn)


def test_the_worst_stands_first_and_says_why(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live")
    ready(page)
    expect(page.locator(".v").first.locator("[data-part=why]")).to_have_text("没装齐就走了")
    expect(row(page, "皖B·08K71").locator("[data-part=why]")).to_have_text("件上错了车")
    expect(page.locator("[data-filter=alarm] b")).to_have_text("2")


def test_filters_and_search_narrow_list_and_address_and_a_reload_shows_the_same(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live")
    ready(page)
    page.locator("[data-filter=offline]").click()
    expect(page.locator(".v:not([hidden])")).to_have_count(2)
    assert "f=offline" in page.url
    page.locator("[data-filter='']").click()
    page.locator("#search").fill("SO- 门店 022")
    expect(page.locator(".v:not([hidden]) [data-part=plate]")).to_have_text(["皖B·08K71", "沪A·3K921"])
    page.reload()
    expect(page.locator("#search")).to_have_value("SO- 门店 022")
    expect(page.locator(".v:not([hidden])")).to_have_count(2)
    page.locator("#search").fill("nothing like this")
    expect(page.locator("#no-rows")).to_be_visible()


def test_everything_can_be_done_from_the_keyboard(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live")
    ready(page)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("7M250")
    expect(page.locator(".v:not([hidden])")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_have_text("苏E·7M250")
    page.keyboard.press("f")
    expect(page.locator("#lock")).to_be_visible()
    expect(page.locator("#locked-plate")).to_have_text("苏E·7M250")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("[")
    expect(page.locator(".list")).to_be_hidden()
    page.keyboard.press("[")
    page.keyboard.press("Escape")
    expect(page.locator("#panel .pick")).to_be_visible()
    assert "v=" not in page.url


def test_a_locked_vehicle_stays_in_the_middle_until_the_map_is_dragged(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live?v=沪A·3K921")
    ready(page)
    page.locator("#lock-this").click()
    first = re.search(r"c=([^&]+)", page.url)
    page.wait_for_function("old => !location.search.includes(old)", arg=first and first[1], timeout=6_000)
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 380, steps=5)
    page.mouse.up()
    expect(page.locator("#lock")).to_be_hidden()


def test_silence_is_shown_without_a_message(scene: Scene, visitor: Any) -> None:
    """The clock goes on and nothing comes: all turn silent by themselves, and the page says that it is cut off."""
    look = visitor(scene.token)
    look.context.clock.install()
    page = look.open("/live")
    ready(page)
    look.context.set_offline(True)
    page.clock.fast_forward("03:30")
    page.clock.run_for(3_000)
    expect(page.locator("#banner")).to_be_visible()
    expect(page.locator("#conn")).to_have_class(re.compile("off"))
    expect(page.locator("[data-filter=moving] b")).to_have_text("0")


def test_a_network_without_sockets_is_served_by_polling_and_says_so(scene: Scene, visitor: Any) -> None:
    look = visitor(scene.token, lang="en")
    look.context.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({ code: 1006 }), 5); } };"
    )
    page = look.open("/live")
    expect(page.locator("[data-filter=''] b")).to_have_text(str(len(PLATES)))
    expect(page.locator("#banner")).to_contain_text("blocks the live channel")
    expect(page.locator("#conn")).to_contain_text("Delayed")


def test_both_languages_and_both_themes_without_a_script_to_choose_them(scene: Scene, visitor: Any) -> None:
    page = visitor(scene.token).open("/live")
    expect(page.locator("nav a.on")).to_have_text("实时")
    page.get_by_role("link", name="EN").click()
    expect(page.locator("nav a.on")).to_have_text("Live")
    page.goto(page.url.split("?")[0])
    expect(page.locator("html")).to_have_attribute("lang", "en")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for _ in range(2):  # the system's, light, dark
        page.locator("form[action='/preferences'] button").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_picture_of_the_board(scene: Scene, visitor: Any, tmp_path: Path, lang: str) -> None:
    """A whole scene fits the page; with MILEPOST_PICTURES=1 the English one becomes the picture of the README."""
    page = visitor(scene.token, lang=lang).open("/live?v=沪A·3K921&z=10.75&c=31.262,121.392")
    ready(page)
    expect(page.locator("#panel .road.strip")).to_have_count(3)
    page.wait_for_timeout(1_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture = page.screenshot(path=tmp_path / f"board.{lang}.png")
    if os.environ.get("MILEPOST_PICTURES") == "1" and lang == "en":
        target = Path(__file__).parents[2] / "docs" / "img"
        target.mkdir(parents=True, exist_ok=True)
        (target / "board.png").write_bytes(picture)
