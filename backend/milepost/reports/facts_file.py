"""A file of facts, one JSON object per line. What is wrong is named by line, all of it at once (issue: bad input)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from milepost.errors import MilepostError
from milepost.evidence.model import Fact
from milepost.reports.facts_line import parse_line

MAX_LINE_BYTES = 1_000_000
MAX_REFUSED = 100
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class FactsFile:
    """What a file says: its facts, and the lines that say nothing we can use (the first 100 of them)."""

    facts: list[Fact] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)  # {line, error}
    refused_count: int = 0
    lines: int = 0

    @property
    def latest(self) -> int | None:
        """The latest instant at which one of its facts happened or was received, UTC ms; None without facts."""
        return max((max(fact.at, fact.received_at or fact.at) for fact in self.facts), default=None)


def read_facts(stream: BinaryIO) -> FactsFile:
    """Every fact of a stream of lines. UTF-8; a byte order mark at its start and CR LF at line ends do no harm.

    Never raises for what stands in the file: a bad line becomes an entry of `refused`.
    """
    found = FactsFile()
    for number, raw, whole in _lines(stream):
        found.lines = number
        if not raw.strip():
            continue
        try:
            found.facts.append(parse_line(_text(raw, whole, number)))
        except MilepostError as error:
            _refuse(found, number, error.message)
        except _Unreadable as error:
            _refuse(found, number, str(error))
    return found


class _Unreadable(Exception):
    """The bytes of a line are no text of ours."""


def _refuse(found: FactsFile, number: int, error: str) -> None:
    found.refused_count += 1
    if len(found.refused) < MAX_REFUSED:
        found.refused.append({"line": number, "error": error})


def _text(raw: bytes, whole: bool, number: int) -> str:
    if not whole:
        raise _Unreadable(f"longer than {MAX_LINE_BYTES:,} bytes; one fact per line, and no fact is that long")
    if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Unreadable("the file is UTF-16; save it as UTF-8")
    if number == 1:
        raw = raw.removeprefix(_BOM)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Unreadable(
            f"byte {error.start + 1} is no UTF-8 (0x{raw[error.start]:02X}); save the file as UTF-8"
        ) from None


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """(number from 1, bytes, whole): a line that is too long is cut, its rest passed over unread."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 2):
        number += 1
        whole = len(raw.rstrip(b"\r\n")) <= MAX_LINE_BYTES
        tail = raw
        while not tail.endswith(b"\n") and (tail := stream.readline(MAX_LINE_BYTES)):
            whole = False
        yield number, raw, whole
