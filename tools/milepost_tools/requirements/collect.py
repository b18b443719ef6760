"""Ask pytest which tests there are and which ids they carry: nothing is run, every parameter is seen."""

import contextlib
import io
from pathlib import Path
from typing import Any

from milepost.errors import MilepostError, NotFound
from milepost_tools.requirements.model import case_ids

_MARKER = "requirement"


class NotCollected(MilepostError):
    """The tests could not be collected, so that nothing true can be said of them."""


def project() -> Path:
    """The root of the project that this package was installed from. Raises NotFound where it came without tests."""
    root = Path(__file__).parents[3]
    if not (root / "tests").is_dir():
        raise NotFound(f"no tests beside {root}; run this in a checkout of the project, or name it with --root")
    return root


def collect(root: Path) -> dict[str, list[str]]:
    """Node ids of the tests under `root`, by each id they are marked with and each case they are named by; one that is
    always skipped proves nothing.

    Raises NotCollected with what pytest says.
    """
    try:
        import pytest  # noqa: PLC0415  (in the extra `test`, which the service does without)
    except ImportError:
        raise NotCollected("pytest is not installed; `make test` sets it up") from None
    marked: dict[str, list[str]] = {}

    failed: list[str] = []

    class Collector:
        """Sees the tests once pytest has them all."""

        def pytest_collectreport(self, report: Any) -> None:
            """Note what could not be read."""
            if report.failed:
                failed.append(f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}")

        def pytest_collection_finish(self, session: Any) -> None:
            """Note what each test carries."""
            for item in session.items:
                if item.get_closest_marker("skip") is not None:
                    continue
                for case in case_ids(getattr(item, "originalname", None) or item.name):
                    marked.setdefault(case, []).append(item.nodeid)
                for mark in item.iter_markers(_MARKER):
                    for each in mark.args:
                        marked.setdefault(str(each), []).append(item.nodeid)

    said = io.StringIO()
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(root)]
    with contextlib.chdir(root), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main(options, plugins=[Collector()])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        told = "\n".join(failed) or said.getvalue().strip()[-2000:]
        raise NotCollected(f"pytest cannot collect the tests of {root}; mend them first:\n{told}")
    return marked
