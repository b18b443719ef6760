"""A CSV file that people made in a spreadsheet, as rows of texts. Pure.

UTF-8 with or without a byte order mark, UTF-16 with one, or GB 18030, which Excel writes on a Chinese Windows; comma,
semicolon or tab; heads in any case and order. Where semicolons part the cells and a number has a comma, commas are
decimal signs in the whole file and points part thousands. A cell keeps every sign it has: what a spreadsheet would run
is data here.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from milepost.errors import Invalid

MOST_ROWS = 5_000
MOST_CELL = 2_000
_DECIMAL = re.compile(r"-?\d+,\d+")
_GROUPED = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number in the file (the head is 1) and its cells by head; empty cells are left out.

    `comma`: commas are decimal signs in this file.
    """

    number: int
    cells: Mapping[str, str]
    comma: bool = False

    def figure(self, name: str) -> float:
        """A cell as a number. Raises ValueError naming the cell."""
        text = self.cells[name]
        if self.comma and _GROUPED.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{name}: {self.cells[name]!r} is no number") from None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line of a file."""

    line: int
    what: str


class Faulty(Invalid):
    """A file that was not taken in; `errors` lists {line, what}."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        shown = "; ".join(f"line {each.line}: {each.what}" for each in faults[:5])
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        super().__init__(
            f"{shown}{more}. Nothing was taken in; correct these lines and send the file again",
            errors=[{"line": each.line, "what": each.what} for each in faults],
        )


def lines_of(data: bytes, needed: Sequence[str], allowed: Sequence[str]) -> list[Line]:
    """The rows of a file. `needed`, `allowed`: heads that must and that may be there. Raises Faulty."""
    text = _text(data)
    head = text.lstrip("\ufeff").split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    try:
        rows = [(n, row) for n, row in _numbered(text, mark) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise Faulty([Fault(1, f"no CSV ({error})")]) from None
    if not rows:
        raise Faulty([Fault(1, f"the file is empty; its first line names the columns: {', '.join(needed)}")])
    heads = [cell.strip().lower() for cell in rows[0][1]]
    faults = [Fault(1, f"column {name} is missing") for name in needed if name not in heads]
    known = (*needed, *allowed)
    faults += [Fault(1, f"column {name!r} is none of {', '.join(known)}") for name in heads if name not in known]
    faults += [Fault(1, f"column {name} stands twice") for name in sorted({n for n in heads if heads.count(n) > 1})]
    if len(rows) - 1 > MOST_ROWS:
        faults.append(Fault(rows[MOST_ROWS + 1][0], f"more than {MOST_ROWS} rows; send them in parts"))
    if faults:
        raise Faulty(faults)
    comma = mark == ";" and any(_DECIMAL.fullmatch(cell.strip()) for _, row in rows[1:] for cell in row)
    made: list[Line] = []
    for number, row in rows[1:]:
        if len(row) > len(heads):
            faults.append(Fault(number, f"{len(row)} cells under {len(heads)} heads; a cell with a comma needs quotes"))
        cells = {name: cell.strip() for name, cell in zip(heads, row, strict=False) if cell.strip()}
        faults += [Fault(number, f"{name}: longer than {MOST_CELL}") for name in cells if len(cells[name]) > MOST_CELL]
        faults += [Fault(number, f"{name} is empty") for name in needed if name not in cells]
        made.append(Line(number, cells, comma))
    if faults:
        raise Faulty(faults)
    return made


def _numbered(text: str, mark: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=mark, strict=True)
    found, start = [], 1
    for row in reader:
        found.append((start, row))
        start = reader.line_num + 1
    return found


def _text(data: bytes) -> str:
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise Faulty([Fault(1, "no UTF-8, UTF-16 or GB 18030 text; save the sheet as CSV UTF-8")])
