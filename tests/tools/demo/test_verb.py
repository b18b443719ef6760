"""The command line of the demo and the shape of its report."""

import io
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from milepost_tools.demo import check as check_module
from milepost_tools.demo.check import check
from milepost_tools.demo.ledger import Account
from milepost_tools.demo.report import Report
from milepost_tools.demo.verb import demo
from milepost_tools.demo.verdict import STAGES, Mile, Mishap

MILES = [Mile(f"D-{order}", n, key, "2026-01-01T00:00:00.000Z", "A", "rfid", 2, "")
         for order in range(3) for n, key in enumerate(STAGES, start=1)]  # fmt: skip
GOOD = Report(3, MILES, Mishap("D-1", "u", True, True), [Account("d", 1, 9, 9, 0, 0)], 4.2, 99.0)


def test_the_json_line_holds_what_is_demanded() -> None:
    said = GOOD.as_json()
    assert said["ok"] is True
    assert (said["orders"], said["stages"]) == (3, 27)
    assert (said["records_sent"], said["records_stored"], said["lost"], said["duplicated"]) == (9, 9, 0, 0)
    assert said["seconds"] == 99.0


def test_a_failure_is_never_ok() -> None:
    assert not Report(3, MILES, GOOD.mishap, GOOD.accounts, 4.2, 99.0, failure="late").ok


def test_the_tables_name_every_mile_and_device() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(GOOD.tables())
    text = console.export_text()
    assert all(key in text for key in STAGES)
    assert "all proven" in text


def test_json_without_check_is_a_usage_error() -> None:
    assert CliRunner().invoke(demo, ["--json"]).exit_code == 2


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    done = CliRunner().invoke(demo, ["--data", str(tmp_path)])
    assert done.exit_code == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "x"


def test_what_cannot_start_is_reported_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_self: object) -> None:
        raise OSError("no port left")

    monkeypatch.setattr(check_module.Demo, "_start", start)
    report = check(tmp_path, 7, 30, lambda _text: None, time.monotonic())
    assert not report.ok
    assert "no port left" in report.as_json()["failure"]
