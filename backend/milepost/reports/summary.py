"""What a person sees of `milepost judge` on a terminal."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from milepost.reports.texts import text

_MOST_ROWS = 40
_JUDGED = ("met", "early", "late", "excused")


def show(
    result: dict[str, Any], language: str, names: Callable[[str], str], until: str, console: Console | None = None
) -> None:
    """Print what `judge_all` found: orders, broken promises, figures, proposals.

    `names`: the words of states and stages in that language, by key (`ostate.signed`, `stage.signed`);
    `until`: the instant of judging in the company's zone.
    """
    out = console or Console(highlight=False)
    policy = ", ".join(result["policy"]["versions"])
    out.print(
        escape(text("until", language, until=until, orders=len(result["orders"]), policy=policy)),
        style="bold",
    )
    _orders(out, result["orders"], language, names)
    _late(out, [*result["orders"], {"order": "", "clocks": result["loose_clocks"]}], language)
    _figures(out, result["kpi"]["all"]["ratios"], language)
    _proposals(out, result["proposals"], language)


def _table(out: Console, title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], language: str) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(text(name, language), overflow="fold")
    for row in rows[:_MOST_ROWS]:
        table.add_row(*(escape(cell) for cell in row))
    out.print(table)
    if len(rows) > _MOST_ROWS:
        out.print(escape(text("more", language, n=len(rows) - _MOST_ROWS)))


def _orders(out: Console, orders: list[dict[str, Any]], language: str, names: Callable[[str], str]) -> None:
    rows: list[tuple[str, ...]] = []
    for order in orders:
        verdicts = Counter(clock["verdict"] for clock in order["clocks"] if clock["klass"] != "reminder")
        judged = sum(verdicts[name] for name in _JUDGED)
        still = sum(1 for each in order["exceptions"] if each["closed_at"] is None)
        current = names(f"stage.{order['current']}") if order["current"] else "–"
        rows.append((
            order["order"], names(f"ostate.{order['state']}"), current, order["branch"] or "–", order["d0"] or "–",
            f"{verdicts['met']}/{judged}", str(verdicts["open"]), str(still) if still else "–",
        ))  # fmt: skip
    columns = ("order", "state", "stage", "branch", "day", "kept", "running", "exceptions")
    _table(out, text("orders", language), columns, rows, language)


def _late(out: Console, orders: list[dict[str, Any]], language: str) -> None:
    rows = [
        (order["order"], clock["clock"], clock["owner"] or "–", clock["explanation"][language])
        for order in orders
        for clock in order["clocks"]
        if clock["verdict"] in ("late", "excused") and clock["klass"] != "reminder"
    ]
    if not rows:
        out.print(text("none_late", language), style="green")
        return
    _table(out, text("late", language), ("order", "rule", "branch", "why"), rows, language)


def _figures(out: Console, ratios: dict[str, Any], language: str) -> None:
    rows = [
        (each["rule"], text(f"ratio.{name}", language), f"{each['numerator']}/{each['denominator']}",
         text("none", language) if each["percent"] is None else f"{each['percent']:.2f} %")
        for name, each in ratios.items()
    ]  # fmt: skip
    _table(out, text("figures", language), ("rule", "figure", "count", "percent"), rows, language)


def _proposals(out: Console, proposals: list[dict[str, Any]], language: str) -> None:
    if not proposals:
        return
    rows: list[tuple[str, ...]] = []
    for each in proposals:
        who = each["who"]
        place = who["branch"] or who["region"] or who["big_region"] or ""
        amount = "–" if each["amount"] is None else f"{each['amount']:.2f}"
        rows.append((
            each["period"], each["rule"], f"{text('role.' + who['role'], language)} {place}".strip(),
            each["text"][language], amount, text(f"status.{each['status']}", language),
        ))  # fmt: skip
    _table(out, text("proposals", language), ("period", "rule", "who", "what", "amount", "status"), rows, language)
