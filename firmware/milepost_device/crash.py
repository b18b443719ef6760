"""What is kept about crashes of the application: the last traceback, and how many came fast in a row."""

import io
import os
import sys

from micropython import const

from milepost_device import config

FILE = "/crash.json"
FAST_LIMIT = const(5)  # crashes, each within FAST_S of the start, that lead to safe mode
FAST_S = const(60)
_TRACE = const(400)  # characters


def note(error: BaseException, uptime_s: int, path: str = FILE) -> int:
    """Store the traceback of `error`; the number of fast crashes in a row, this one included."""
    text = io.StringIO()
    sys.print_exception(error, text)  # pyright: ignore[reportArgumentType]
    trace_text: str = text.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    fast = count(path) + 1 if uptime_s < FAST_S else 0
    config.save(path, {"fast": fast, "trace": trace_text[-_TRACE:]})
    return fast


def count(path: str = FILE) -> int:
    """Fast crashes in a row so far."""
    fast = (config.load(path) or {}).get("fast")
    return fast if isinstance(fast, int) else 0


def trace(path: str = FILE) -> str:
    """Traceback that has not been reported yet, or an empty text."""
    text = (config.load(path) or {}).get("trace")
    return text if isinstance(text, str) else ""


def reported(path: str = FILE) -> None:
    """The traceback is durable in the outbox: forget it, keep the count."""
    if trace(path):
        config.save(path, {"fast": count(path)})


def healthy(path: str = FILE) -> None:
    """The application has run long enough: fast crashes before no longer count."""
    try:
        os.stat(path)
    except OSError:
        return
    os.remove(path)
