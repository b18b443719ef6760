"""Telling people of incidents of devices and hosts: once when one begins, once when it is over."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.notify import repository
from milepost.notify.model import Notice, notice_id
from milepost.notify.names import fill
from milepost.notify.rules import Rule
from milepost.notify.service import rows_of, who_was_told

Row = dict[str, Any]
_NO_ORDER = ""  # messages about an order bear its number


def tell(
    conn: Connection, rule: Rule, cause: str, opening: str, fields: Mapping[str, Any], now: int, *,
    branch: str | None, site: str | None, over: bool = False,
) -> int:  # fmt: skip
    """Put into the outbox what an incident makes due, or its end (`over`); returns how many notices are new.

    `opening`: which incident of its cause: one that flaps stays one and is told once. `fields`: of the texts, ids where
    people know names; `branch`, `site`: where it is, None for what belongs to the whole company; `now`: UTC ms.
    """
    places = {"branch": branch, "site": site}
    template = f"{rule.id}.{'over' if over else 'staff'}"
    due: list[Notice] = []
    for to in rule.told:
        kind, place = (to.scope, places[to.scope]) if places.get(to.scope) else ("company", "")
        key = notice_id(None, f"{cause}/{opening}", template, to.role, to.scope)
        urgency = "wait" if over else rule.urgency
        due.append(Notice(key, None, cause, rule.ex, None, template, to.role, kind, place or "", urgency, fields, now))
    known = repository.known_of_causes(conn, [cause])
    fresh = [notice for notice in due if notice.id not in known]
    rows: list[Row] = []
    for notice, named in zip(fresh, fill(conn, [dict(notice.data) for notice in fresh]), strict=True):
        rows += rows_of(notice, named, _NO_ORDER, site=site, branch=branch, now=now)
    repository.add(conn, rows)
    return len(fresh)


def told(conn: Connection, causes: Iterable[str]) -> dict[str, list[Row]]:
    """Who was told of each of these causes, as `notify.service.told` says it of orders; the oldest first."""
    found: dict[str, list[Row]] = {}
    for row, entry in who_was_told(conn, repository.of_causes(conn, causes)):
        found.setdefault(row["cause"], []).append(entry)
    return found
