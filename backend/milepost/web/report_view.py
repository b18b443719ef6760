"""Figures and proposals as their pages show them. Pure but for the names that are handed in."""

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from milepost.reports.proposals import Proposal
from milepost.reports.texts import text

Row = dict[str, Any]
# What stands together: the source's own figure first, then the one that counts all.
PAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("accept", ("timely", "timely_received", "assigned")),
    ("cancel", ("entry", "entry_in_time")),
    ("success", ("success", "success_agreed")),
    ("pickup", ("pickup_target", "pickup")),
    ("road", ("tracking", "delivery")),
    ("papers", ("signoff", "receipt")),
)
COUNTS = ("orders", "received", "accepted", "cancelled", "complaints")
RATIO_NAMES = tuple(name for _, names in PAIRS for name in names)
HONEST = frozenset({"timely_received", "success_agreed", "entry_in_time"})
_BAR = 100


def ratios(row: Mapping[str, Any], language: str) -> list[tuple[str, list[Row]]]:
    """The figures of one group in their pairs: {name, title, rule, percent, n, of, bar, target, reached}.

    `percent` is a text with 2 decimals, None where there is nothing to divide; `bar` 0…100.
    """
    return [(group, [_ratio(name, row["ratios"][name], language) for name in names]) for group, names in PAIRS]


def cells(row: Mapping[str, Any], language: str) -> list[Row]:
    """The same in one line, for a table."""
    return [_ratio(name, row["ratios"][name], language) for name in RATIO_NAMES]


def group_words(
    row: Mapping[str, Any], group_by: Sequence[str], names: Mapping[str, Callable[[str | None], str]]
) -> list[str]:
    """What a row of the table is about, in words. `names`: per kind of group, how a value is called."""
    return [names.get(name, _plain)(row["group"][name]) for name in group_by]


def months(today: date, count: int = 12) -> list[str]:
    """This month and those before it, as 2026-03."""
    found = [(today.year, today.month)]
    while len(found) < count:
        year, month = found[-1]
        found.append((year - 1, 12) if month == 1 else (year, month - 1))
    return [f"{year:04}-{month:02}" for year, month in found]


def spans(today: date) -> dict[str, tuple[date, date]]:
    """Usual spans of business days: today, this month, the month before."""
    year, month = (today.year - 1, 12) if today.month == 1 else (today.year, today.month - 1)
    return {
        "today": (today, today),
        "month": (today.replace(day=1), today),
        "last_month": (date(year, month, 1), date(year, month, monthrange(year, month)[1])),
    }


def proposal(each: Proposal, language: str, branches: Mapping[str, str]) -> Row:
    """A proposal in words: what, about whom, what would follow."""
    row = each.as_dict()
    who = row["who"]
    place = branches.get(who["branch"] or "", who["branch"]) or who["region"] or who["big_region"] or "–"
    return {
        **row,
        "what": row["text"][language],
        "role": text(f"role.{who['role']}", language),
        "place": place,
        "status_text": text(f"status.{row['status']}", language),
        "money": None if row["amount"] is None else f"{row['amount']:,.2f} {row['currency']}",
    }


def _ratio(name: str, ratio: Mapping[str, Any], language: str) -> Row:
    percent = ratio["percent"]
    return {
        "name": name,
        "title": text(f"ratio.{name}", language),
        "rule": ratio["rule"],
        "percent": None if percent is None else f"{percent:.2f}",
        "n": ratio["numerator"],
        "of": ratio["denominator"],
        "bar": 0 if percent is None else round(percent * _BAR / 100, 1),
        "target": ratio.get("target"),
        "reached": ratio.get("reached"),
    }


def _plain(value: str | None) -> str:
    return value or "–"
