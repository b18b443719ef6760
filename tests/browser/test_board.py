"""The live board in a real browser, fed with real batches."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from scene_orders import morning
from scene_shanghai import PLATES, Scene

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene(house: Any) -> Iterator[Scene]:
    """A fleet that moves once a second for as long as the module runs."""
    made = Scene(house)
    made.past()
    made.desk = morning(made)  # pyright: ignore[reportAttributeAccessIssue]
    made.token = house.person("dispatch01", name="调度 01")  # pyright: ignore[reportAttributeAccessIssue]
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(1):
            made.drive()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield made
    stop.set()
    thread.join()


def ready(page: Any) -> None:
    """Wait until the whole fleet is listed."""
    expect(page.locator("[data-filter=''] b")).to_have_text(str(len(PLATES)))
    expect(page.locator("#conn")).to_have_class(re.compile("ok"))


def test_board(scene: Scene, visitor: Any, tmp_path: Path) -> None:
    page = visitor(scene.token).open("/live")
    ready(page)
    page.screenshot(path=os.environ.get("SHOT", str(tmp_path / "board.png")))


def test_shots(scene: Scene, visitor: Any) -> None:
    out = os.environ.get("SHOTS")
    if not out:
        pytest.skip("only for looking")
    token = scene.token  # pyright: ignore[reportAttributeAccessIssue]
    first = scene.desk.made[0]["number"]  # pyright: ignore[reportAttributeAccessIssue]
    for lang, dark in (("zh", False), ("en", True)):
        look = visitor(token, lang=lang, dark=dark)
        page = look.open("/live?v=沪A·3K921")
        ready(page)
        page.wait_for_timeout(1500)
        page.screenshot(path=f"{out}/board.{lang}.png")
        for name, path in (("order", f"/orders/{first}?stage=loaded"), ("orders", "/orders?show=all"), ("inbox", "/inbox"), ("fleet", "/fleet"), ("doors", "/doors")):
            page = look.open(path)
            if name == "order":
                page.locator("details.fact summary").nth(3).click()
            page.wait_for_timeout(300)
            page.screenshot(path=f"{out}/{name}.{lang}.png")
        tablet = visitor(token, lang=lang, dark=dark, width=1280, height=800)
        page = tablet.open(f"/doors/{scene.doors[1]}")
        page.wait_for_timeout(300)
        page.screenshot(path=f"{out}/door.{lang}.png")
        page.screenshot(path=f"{out}/door.wrong.{lang}.png")
        if page.locator("#put-down").count():
            page.locator("#put-down").click()
            page.wait_for_timeout(300)
            page.screenshot(path=f"{out}/door.{lang}.png")
    page = visitor(None).open("/sign-in")
    page.screenshot(path=f"{out}/signin.png")
