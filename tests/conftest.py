"""Fixtures that every part uses."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Machines that run tests are shared: how long one example takes says nothing about the rule it proves.
settings.register_profile("milepost", deadline=None)
settings.load_profile("milepost")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the third-party data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("MILEPOST_CORPUS", ROOT.parent / "shared" / "data"))
    if not (folder / "cases.jsonl").exists():
        pytest.skip(f"no third-party data in {folder}; set MILEPOST_CORPUS")
    return folder


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Under CI nothing may be skipped but what needs third-party data: a missing tool must not look like a success."""
    if os.environ.get("CI") == "true" and report.skipped and "corpus" not in report.keywords:
        _skipped.append(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail the run when something was skipped that CI may not skip."""
    yield
    if _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter) -> None:
    """Name what was skipped."""
    if _skipped:
        terminalreporter.section("skipped although CI=true")
        for nodeid in _skipped:
            terminalreporter.line(nodeid)
