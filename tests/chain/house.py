"""The service as people run it: `milepost serve` in a process of its own, on a folder and ports that stay."""

import os
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.db import Database
from milepost.times import now_ms
from milepost_tools.demo.client import Client, at
from milepost_tools.served import Served, until

PASSWORD = "correct horse battery"
_START_S = 40


class House:
    """`start`, `kill` and `start` again: data, HTTP port and broker port are the same ones."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "service"
        self.url = ""
        self.broker = ("", 0)
        words = ["serve", "--data", str(self.data), "--port", str(_free_port())]
        self._served = Served(words, folder / "serve.log", start_s=_START_S, with_thread=True)

    def start(self) -> None:
        """Start the service; returns when it has said where it is. Raises RuntimeError with its log."""
        self._served.start()
        said = self._served.where
        self.url = said["url"]
        host, port = said["broker"].removeprefix("mqtt://").split(":")
        if self.broker[1]:
            assert self.broker == (host, int(port)), "the broker came back on another port"
        self.broker = (host, int(port))

    def kill(self) -> None:
        """End it as the kernel's out-of-memory killer would; its broker dies with it."""
        self._served.kill()

    def stop(self) -> None:
        """End it as an operator would."""
        self._served.stop(30)

    def log(self) -> str:
        """What the service wrote to its standard error."""
        return self._served.log()

    # --- its broker --------------------------------------------------------------------------------

    def broker_pid(self) -> int | None:
        """The nats-server that this service runs, None while there is none."""
        for task in Path(f"/proc/{self._served.pid}/task").iterdir():
            for word in (task / "children").read_text().split():
                try:
                    if "nats-server" in Path(f"/proc/{word}/cmdline").read_text():
                        return int(word)
                except OSError:
                    continue
        return None

    def kill_broker(self, *, forget: bool = False, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Kill the broker; the service starts it again. forget: its sessions and retained messages are gone too.

        meanwhile(): runs while the service stands still and the broker still takes (and acknowledges) what comes.
        """
        pid = until(self.broker_pid, 10)
        # The service stands still meanwhile, so that it cannot start the next broker on the data we take away.
        self._served.freeze()
        try:
            meanwhile()
            os.kill(pid, signal.SIGKILL)
            if forget:
                until(lambda: not _runs(pid), 10)
                shutil.rmtree(self.data / "broker" / "data")
        finally:
            self._served.thaw()
        until(lambda: self.broker_pid() not in (None, pid), 20)

    # --- people ------------------------------------------------------------------------------------

    def hire(self, login: str, *roles: str) -> Client:
        """An account of the whole company, signed in."""
        db = Database(f"sqlite:///{self.data / 'milepost.db'}")
        try:
            with db.tx() as conn:
                grants = [Grant(role) for role in roles]
                stored = access.hash_password(PASSWORD)
                access.create_person(conn, login=login, name=login, password_hash=stored, grants=grants, now=now_ms())
        finally:
            db.close()
        return Client(at(self.url), login, PASSWORD)

    def browser(self, login: str) -> httpx.Client:
        """A client that has signed in on the page, as a browser does."""
        client = at(self.url)
        answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.text[:500]
        return client

    # --- what no API tells -------------------------------------------------------------------------

    def held(self, device: str) -> set[tuple[int, int]]:
        """(stream, seq) of records that are safe in the spool and wait for a clock step of their boot."""
        with sqlite3.connect(f"file:{self.data / 'spool.db'}?mode=ro", uri=True, timeout=10) as conn:
            return set(conn.execute("SELECT stream, seq FROM held WHERE device = ?", (device,)))


def put(person: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """PUT /api/v1 + path as this person."""
    answer = person._http.put(f"/api/v1{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


def readings(person: Client, device: str, kind: str | None = None) -> list[dict[str, Any]]:
    """Everything the history API has of a device in the last two days, page by page."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {
        "from": _rfc3339(now_ms() - 172_800_000),
        "to": _rfc3339(now_ms() + 600_000),
        "limit": 1000,
    }
    if kind:
        query["kind"] = kind
    while True:
        page = person.get(f"/devices/{device}/readings", **query)
        found += page["items"]
        if page["next"] is None:
            return found
        query["after"] = page["next"]


def events(person: Client, device: str, code: str) -> list[dict[str, Any]]:
    """Arguments of a device's events of one code, by time."""
    return [item["body"]["args"] for item in readings(person, device, "event") if item["body"]["code"] == code]


def seqs(items: Sequence[dict[str, Any]], stream: int) -> list[int]:
    """Sequence numbers of one stream, sorted, with repeats if there were any."""
    split = [item["id"].split("/") for item in items]
    return sorted(int(seq) for _, number, seq in split if int(number) == stream)


def _rfc3339(utc_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(utc_ms // 1000)) + f".{utc_ms % 1000:03d}Z"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _runs(pid: int) -> bool:
    """A zombie does not: its files are closed. (Its parent, stopped, cannot take it away.)"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
