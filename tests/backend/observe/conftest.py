"""A whole service in this process, so that its parts can be broken one by one; and one who asks it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from milepost.app import Service
from milepost.observe import observed
from milepost.settings import Settings

from ..ingest.conftest import Device, until

FAST_S = 0.2


class Asked:
    """A running service and what it answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        monkeypatch.setattr(observed, "EVERY_S", FAST_S)
        self.service = Service(Settings(data_dir=folder, http_port=0, **settings))  # pyright: ignore[reportCallIssue]
        self.service.start()
        host, port = self.service.broker_address.removeprefix("mqtt://").split(":")
        self.host, self.port = host, int(port)
        self.http = httpx.Client(base_url=self.service.url, trust_env=False, timeout=20)
        self._devices: list[Device] = []

    def device(self, name: str) -> Device:
        """A device with an account, connected."""
        assert self.service.accounts is not None
        self.service.accounts.put(name, "device-password")
        self._devices.append(Device(self, name))  # pyright: ignore[reportArgumentType]
        return self._devices[-1]

    def ready(self) -> dict[str, dict[str, Any]]:
        """Each check of /readyz; the status code must say the same."""
        answer = self.http.get("/readyz")
        checks = answer.json()["checks"]
        well = all(each["ok"] for each in checks.values())
        assert (answer.status_code, answer.json()["status"]) == ((200, "ok") if well else (503, "failed"))
        return checks

    def failing(self) -> set[str]:
        """Names of the checks that fail now."""
        return {name for name, each in self.ready().items() if not each["ok"]}

    def close(self) -> None:
        for each in self._devices:
            each.close()
        self.http.close()
        self.service.stop()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """One service for all tests of a file; a test that breaks something heals it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        running = Asked(tmp_path_factory.mktemp("observe"), monkeypatch)
        until(lambda: not running.failing())
        yield running
        running.close()
