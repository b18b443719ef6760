"""What a demo run saw, as tables for people and as one JSON object for machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from milepost_tools.demo.ledger import Account
from milepost_tools.demo.verdict import Mile, Mishap, ok


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a run; `failure` says what ended it early (empty: nothing did)."""

    orders: int
    miles: Sequence[Mile]
    mishap: Mishap | None
    accounts: Sequence[Account]
    first_fix_s: float | None
    seconds: float
    failure: str = ""

    @property
    def ok(self) -> bool:
        """The verdict."""
        return not self.failure and ok(self.miles, self.orders, self.mishap, self.accounts)

    def as_json(self) -> dict[str, Any]:
        """The object of `milepost demo --check --json`."""
        return {
            "ok": self.ok,
            "orders": self.orders,
            "stages": sum(not mile.wrong for mile in self.miles),
            "records_sent": sum(account.sent for account in self.accounts),
            "records_stored": sum(account.stored for account in self.accounts),
            "lost": sum(account.lost for account in self.accounts),
            "duplicated": sum(account.duplicated for account in self.accounts),
            "seconds": round(self.seconds, 1),
            "first_fix_s": None if self.first_fix_s is None else round(self.first_fix_s, 1),
            "wrong_truck": None if self.mishap is None else asdict(self.mishap),
            "devices": [asdict(account) for account in self.accounts],
            "miles": [asdict(mile) for mile in self.miles],
            "failure": self.failure,
        }

    def tables(self) -> Group:
        """For a terminal."""
        return Group(_miles(self.miles), _accounts(self.accounts), self._last_line())

    def _last_line(self) -> str:
        mishap = self.mishap
        if mishap is None:
            wrong = "no pallet went wrong"
        else:
            wrong = (
                f"{mishap.order}: a pallet on the wrong truck was {'caught' if mishap.caught else 'NOT caught'} "
                f"and {'put right' if mishap.healed else 'NOT put right'}"
            )
        fix = "never" if self.first_fix_s is None else f"after {self.first_fix_s:.1f} s"
        verdict = "all proven" if self.ok else f"NOT proven{': ' + self.failure if self.failure else ''}"
        return f"{wrong}; trucks on the board {fix}; {self.seconds:.0f} s; {verdict}"


def _miles(seen: Sequence[Mile]) -> Table:
    table = Table("order", "mile", "at (UTC)", "grade", "source", "facts", "wrong", title="Mileposts")
    last = None
    for mile in seen:
        if last not in (None, mile.order):
            table.add_section()
        table.add_row(
            "" if mile.order == last else mile.order,
            f"{mile.n} {mile.stage}",
            (mile.at or "")[11:23],
            mile.grade or "",
            mile.source or "",
            str(mile.facts or ""),
            mile.wrong,
        )
        last = mile.order
    return table


def _accounts(accounts: Sequence[Account]) -> Table:
    table = Table("device", "stream", "records sent", "stored", "lost", "duplicated", title="Books of the devices")
    for account in accounts:
        figures = (account.stream, account.sent, account.stored, account.lost, account.duplicated)
        table.add_row(account.device, *map(str, figures))
    return table
