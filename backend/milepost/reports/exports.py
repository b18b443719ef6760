"""Tables of the reports as CSV and XLSX, in either language. What a spreadsheet would run is neutralised (W01)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from milepost.cells import Cell, safe
from milepost.reports.kpi import RATIOS, Group
from milepost.reports.proposals import Proposal
from milepost.reports.texts import text

Sheet = tuple[list[str], list[list[Cell]]]  # heads, rows
_COUNTS = ("orders", "received", "accepted", "cancelled", "complaints")
_WIDEST = 40


def kpi_sheet(rows: Iterable[Mapping[str, Any]], group_by: Sequence[Group], language: str) -> Sheet:
    """The figures, one row per group: numerator and denominator stand beside each per cent."""
    heads = [text(f"group.{name}", language) for name in group_by] or [text("all", language)]
    heads += [text(f"count.{name}", language) for name in _COUNTS]
    for name, rule in RATIOS.items():
        title = f"{text(f'ratio.{name}', language)} {rule}"
        heads += [f"{title} {text(part, language)}" for part in ("numerator", "denominator")] + [f"{title} %"]
    cells: list[list[Cell]] = []
    for row in rows:
        line: list[Cell] = [row["group"][name] or "–" for name in group_by] or [text("all", language)]
        line += [row[name] for name in _COUNTS]
        for name in RATIOS:
            ratio = row["ratios"][name]
            value = text("none", language) if ratio["percent"] is None else ratio["percent"]
            line += [ratio["numerator"], ratio["denominator"], value]
        cells.append(line)
    return heads, cells


def proposals_sheet(proposals: Iterable[Proposal], language: str) -> Sheet:
    """Proposals with the article cited and what they rest on."""
    names = ("id", "period", "rule", "article", "what", "who", "branch", "region", "order", "score", "points",
             "amount", "status", "evidence")  # fmt: skip
    cells: list[list[Cell]] = []
    for each in proposals:
        row = each.as_dict()
        who = row["who"]
        line = (
            row["id"], row["period"], row["rule"], row["article"], row["text"][language],
            text(f"role.{who['role']}", language), who["branch"], who["region"] or who["big_region"], row["order"],
            row["score"], row["points"], row["amount"], text(f"status.{row['status']}", language),
            " ".join(row["evidence"]),
        )  # fmt: skip
        cells.append(["" if cell is None else cell for cell in line])
    return [text(name, language) for name in names], cells


def to_csv(sheet: Sheet) -> bytes:
    """UTF-8 with a byte order mark, which Excel needs to see that it is UTF-8; CR LF (RFC 4180)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    heads, rows = sheet
    writer.writerows([safe(cell) for cell in row] for row in [heads, *rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def to_xlsx(sheet: Sheet, title: str) -> bytes:
    """One worksheet with a frozen bold head. `title`: at most 31 characters."""
    from openpyxl import Workbook  # noqa: PLC0415  (most services start more often than they write a workbook)
    from openpyxl.styles import Font  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook()
    page = book.active
    assert page is not None
    page.title = title[:31]
    heads, rows = sheet
    for n, row in enumerate([heads, *rows], 1):
        for column, value in enumerate(row, 1):
            cell = page.cell(n, column, safe(value))
            if isinstance(value, str):
                cell.data_type = "s"  # never a formula, whatever it begins with
            if n == 1:
                cell.font = Font(bold=True)
    page.freeze_panes = "A2"
    for column, head in enumerate(heads, 1):
        longest = max([len(head), *(len(str(row[column - 1])) for row in rows[:200])])
        page.column_dimensions[get_column_letter(column)].width = min(longest + 4, _WIDEST)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
