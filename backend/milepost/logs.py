"""One way to log for every verb: lines for people, or one JSON object a line for collectors.

A message says what happened in words; what a collector searches by (device, stream, first_seq, …) goes beside it as
fields: `log.debug("spooled", extra=about(device=device))`. Neither ever holds a secret or the bytes of a message.
"""

import json
import logging
import re
import sys
import time
from typing import Any, TextIO

from milepost.times import to_rfc3339

LEVELS = ("debug", "info", "warning", "error")
_OURS = ("milepost", "milepost_tools", "milepost_hil")
_USER = re.compile(r"(\w://[^\s/:@]*):[^\s/@]+@")  # mqtt://user:password@host, as errors of libraries quote it


def set_up(form: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all log lines to `stream` (default standard error); calling it again changes form and level.

    `form`: text or json; `level`: one of LEVELS, for our own parts. Libraries are heard from warning on.
    """
    handler = _Stderr() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(Json() if form == "json" else Text())
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each.formatter, (Json, Text))]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


def about(**fields: Any) -> dict[str, Any]:
    """Fields for the `extra` of a log call: device, stream, first_seq, count, sink, part, …"""
    return {"fields": fields}


class Text(logging.Formatter):
    """`2026-03-02T04:05:06.007Z INFO ingest.screen: what happened (device=…, stream=…)`"""

    def format(self, record: logging.LogRecord) -> str:
        fields = ", ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        line = f"{_at(record)} {record.levelname} {_place(record)}: {_words(record)}{f' ({fields})' if fields else ''}"
        return f"{line}\n{_trouble(self, record)}" if record.exc_info else line


class Json(logging.Formatter):
    """One object a line: at, level, place, text, the fields, and error with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        line = {**fields, "at": _at(record), "level": record.levelname.lower(), "place": _place(record)}
        line["text"] = _words(record)
        if record.exc_info:
            line["error"] = _trouble(self, record)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment: tests and tools put others in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class Sparing:
    """Lets through so many lines a minute, and counts the rest: nobody floods the log with what he sends."""

    def __init__(self, a_minute: int) -> None:
        self._most = a_minute
        self._minute = -1
        self._said = 0

    def may(self) -> bool:
        """True when one more line is welcome now."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._said = minute, 0
        self._said += 1
        return self._said <= self._most


def _at(record: logging.LogRecord) -> str:
    return to_rfc3339(int(record.created * 1000)) or ""


def _place(record: logging.LogRecord) -> str:
    return record.name.removeprefix("milepost.")


def _words(record: logging.LogRecord) -> str:
    return _USER.sub(r"\1:…@", record.getMessage())


def _trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert record.exc_info is not None
    return _USER.sub(r"\1:…@", formatter.formatException(record.exc_info))
