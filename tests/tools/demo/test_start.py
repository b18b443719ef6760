"""`milepost demo` as people start it: up to the trucks on the board, and down again without a trace."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

_START_S = 90  # four seconds on a quiet machine; tests run beside it


@pytest.mark.timeout(150)
def test_the_demo_shows_its_trucks_and_ends_at_the_first_signal(tmp_path: Path) -> None:
    words = [str(Path(sys.executable).with_name("milepost")), "demo", "--data", str(tmp_path / "demo"), "--port", "0"]
    log = tmp_path / "demo.log"
    with log.open("w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + _START_S
        while "all trucks on the board" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        assert found is not None, log.read_text()
        with httpx.Client(base_url=found[0], trust_env=False) as browser:
            browser.post("/sign-in", data={"login": "demo", "password": "milepost-demo"})
            page = browser.get("/live?lang=en")
            assert page.status_code == 200 and "board.js" in page.text
            board = browser.get("/api/v1/live").json()
            assert len([row for row in board["v"] if row[1] is not None]) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()[-3000:]
        assert "stopped" in log.read_text()
        assert _left(process.pid) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _left(session: int) -> list[str]:
    """Programs of that session that still run: broker and boards end with the demo."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120])
        except (OSError, ValueError, IndexError):
            continue
    return found
