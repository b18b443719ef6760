"""A running service with pages and the live hub, and a browser to look at it."""

import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.app import create_api
from milepost.db import Database, metadata
from milepost.live.hub import LiveHub
from milepost.live.news import POLL_S, News
from milepost.live.targets import FleetTargets
from milepost.periodic import Periodic
from milepost.schema import load_tables
from milepost.settings import Settings
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms

sys.path.insert(0, str(Path(__file__).parent))

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "correct horse battery"


class House:
    """The service in this process: database, hub, telemetry, HTTP on a free port."""

    def __init__(self, folder: Path) -> None:
        load_tables()
        self.db = Database(f"sqlite:///{folder / 'milepost.db'}")
        metadata.create_all(self.db.engine)
        self.telemetry = SqliteTelemetry(folder / "telemetry.db")
        self.hub = LiveHub(FleetTargets(self.db))
        self.api = create_api(self.db, Settings(data_dir=folder))  # pyright: ignore[reportCallIssue]
        self.news = Periodic("live-news", POLL_S, News(self.db, self.hub.notify).poll)
        self.api.state.live = self.hub
        self.api.state.telemetry = self.telemetry
        self._port_socket = socket.socket()
        self._port_socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._port_socket.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(self.api, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._port_socket]}, daemon=True)

    def start(self) -> None:
        self.hub.start()
        self.news.start()
        self._thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join()
        self.news.stop()
        self.hub.stop()
        self.db.close()

    def person(self, login: str, *grants: Grant, name: str | None = None) -> str:
        """Make an account; returns its session token."""
        with self.db.tx() as conn:
            person_id = access.create_person(
                conn,
                login=login,
                name=name or login.title(),
                password_hash=access.hash_password(PASSWORD),
                grants=list(grants) or [Grant("dispatcher")],
                now=now_ms(),
            )
            return access.open_session(conn, person_id, now=now_ms(), life_ms=3_600_000)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One service for the tests of a file; what one file does to it, no other sees."""
    running = House(tmp_path_factory.mktemp("house"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def scene(house: House) -> Iterator[Any]:
    """A fleet that moves once a second, with the orders of its morning and somebody who may do everything."""
    from scene_orders import ROLES, morning  # noqa: PLC0415  (found through the path set above)
    from scene_shanghai import Scene  # noqa: PLC0415

    made: Any = Scene(house)
    made.past()
    made.desk = morning(made)
    made.token = house.person("dispatch01", *(Grant(role) for role in ROLES), name="调度 01")
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(1):
            made.drive()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield made
    stop.set()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium fonts-noto-cjk")
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # its Node has libraries of its own to find
        pytest.skip(f"Playwright's driver does not start ({error}): apt-get install libatomic1")
    found = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
    )
    yield found
    found.close()
    playwright.stop()


class Watched:
    """Pages that note every violation: foreign requests, CSP reports, script errors, dialogs."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.faults: list[str] = []

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(self.url + path)
        return page

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:")):
            self.faults.append(f"foreign request: {request.url}")

    def _console(self, message: Any) -> None:
        cut_off = "ERR_INTERNET_DISCONNECTED" in message.text  # the test has pulled the plug
        if (message.type == "error" and not cut_off) or "Content Security Policy" in message.text:
            self.faults.append(f"console: {message.text}")


@pytest.fixture
def visitor(house: House, browser: Browser) -> Iterator[Any]:
    """`visitor(token, lang="zh", dark=False)` → pages that must raise no fault of safety by the end of the test."""
    made: list[Watched] = []

    def make(token: str | None = None, *, lang: str = "zh", dark: bool = False, width: int = 1440, height: int = 900):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale="zh-CN" if lang == "zh" else "en-GB",
            color_scheme="dark" if dark else "light",
        )
        if token:
            context.add_cookies([{"name": "mp_session", "value": token, "url": house.url}])
        made.append(Watched(context, house.url))
        return made[-1]

    yield make
    for each in made:
        each.context.close()
    assert [fault for each in made for fault in each.faults] == []
