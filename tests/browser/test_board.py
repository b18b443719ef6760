"""The live board in a real browser, fed with real batches."""

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from scene_shanghai import PLATES, Scene

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene(house: Any) -> Iterator[Scene]:
    """A fleet that moves once a second for as long as the module runs."""
    made = Scene(house)
    made.past()
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
