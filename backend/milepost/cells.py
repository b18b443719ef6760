"""Cells of a table that people open in a spreadsheet: what it would run is neutralised (W01)."""

import re

# What makes Excel, LibreOffice and WPS take a cell for a formula; the full-width signs too.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_CELL = 32_000

Cell = str | int | float


def safe(cell: Cell) -> Cell:
    """A cell that nothing runs: what begins like a formula gets an apostrophe before it; numbers stay numbers."""
    if not isinstance(cell, str):
        return cell
    plain = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", cell)[:_MAX_CELL]
    return f"'{plain}" if plain.startswith(_RUNS) else plain
