"""Device modules are proved twice: in CPython and, by scripts/, in real MicroPython."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from milepost_tools.device_python import run_script

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE / "scripts")]


@pytest.fixture(scope="session")
def device_run() -> Callable[[str, Sequence[str]], list[str]]:
    """Run scripts/NAME under MicroPython with arguments and return the lines it printed."""

    def run(name: str, args: Sequence[str] = (), timeout_s: float = 60) -> list[str]:
        return run_script(_HERE / "scripts" / name, args, timeout_s=timeout_s, heap="32M").splitlines()

    return run
