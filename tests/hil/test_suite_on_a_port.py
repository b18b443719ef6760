"""The suite of hil/tests through serial ports, as it runs on the table: the board is another process's."""

import os
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest

from milepost_hil.virtual.uart import UartLink

ROOT = Path(__file__).parents[2]
SUITE = [
    "hil/tests/test_boot.py::test_a_plain_board_answers_at_its_prompt",
    "hil/tests/test_boot.py::test_the_application_starts_and_leaves_at_ctrl_c",
    "hil/tests/test_gnss.py::test_sentences_become_fixes_at_the_broker",
    "hil/tests/test_link.py::test_what_piled_up_during_a_cut_arrives_in_order",
    "hil/tests/test_outbox.py",
    "hil/tests/test_tags.py",
]


def run(*words, timeout_s=110):
    return subprocess.run(  # noqa: PLW1510  (the status is what is tested)
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


@pytest.fixture
def adapter():
    """adapter(link) gives a serial port that is wired to the UART, like a USB adapter on the table."""
    masters = []

    def wire(link: UartLink) -> str:
        master, slave = os.openpty()
        tty.setraw(slave)
        masters.append((master, slave))

        def pump():
            try:
                while data := os.read(master, 4096):
                    link.write(data)
            except OSError:
                return

        threading.Thread(target=pump, daemon=True).start()
        return os.ttyname(slave)

    yield wire
    for pair in masters:
        for fd in pair:
            os.close(fd)


@pytest.mark.long
def test_the_suite_passes_on_a_board_behind_serial_ports(make, adapter):
    board = make()
    board.wait_for(b">>> ")
    done = run(
        *("--board", board.port, "--gnss-port", adapter(board.uart(1))),
        *("--bench-address", "127.0.0.1", "--wifi", "bench:bench-bench"),
        *SUITE,
    )
    assert done.returncode == 0, done.stdout[-30000:]
    assert "has no power (docs/hil.md, wiring)" in done.stdout
    assert "has no rfid (docs/hil.md, wiring)" in done.stdout
    assert "7 passed" in done.stdout, done.stdout[-2000:]


def test_without_further_ports_what_needs_only_the_console_still_runs(make):
    board = make()
    board.wait_for(b">>> ")
    done = run("--board", board.port, *SUITE)
    assert done.returncode == 0, done.stdout[-30000:]
    assert "1 passed" in done.stdout
    assert "has no network" in done.stdout


def test_a_failed_test_reports_the_console(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "def test_it(board):\n"
        "    board.install({'/boot.py': b'', '/main.py': b\"print('here I am')\"})\n"
        "    board.expect(rb'here I am')\n"
        "    raise SystemError\n"
    )
    done = run(str(tmp_path), "--rootdir", str(tmp_path))
    assert done.returncode == 1
    assert "board console" in done.stdout
    assert "ere I am" in done.stdout.split("board console")[1]
