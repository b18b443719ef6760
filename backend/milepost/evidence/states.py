"""The states of one detector for many targets within one transaction: one query in, two statements out.

A hundred vehicles report in one hand-over; a query each cost more than judging their fixes.
"""

from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, insert, select, update

from milepost.evidence.tables import detector_state

_AT_ONCE = 500  # targets in one query: every database takes so many parameters


class States:
    """What a detector remembers. `get` and `put` cost no query; `keep` writes what was put."""

    def __init__(self, conn: Connection, detector: str, targets: Iterable[str]) -> None:
        """Load the states of `targets`; others may be put, but must not exist yet.

        On PostgreSQL their rows are locked, in one order: two processes that read the same device at once (a takeover,
        the spool of a dead worker) take turns, else the second would forget what the first has seen.
        """
        self._conn = conn
        self._detector = detector
        self._texts: dict[str, str] = {}
        self._put: dict[str, Any] = {}
        wanted = sorted(set(targets))
        table = detector_state.c
        for start in range(0, len(wanted), _AT_ONCE):
            where = (table.detector == detector, table.target.in_(wanted[start : start + _AT_ONCE]))
            states = select(table.target, table.state).where(*where).order_by(table.target)
            rows = conn.execute(states.with_for_update())
            self._texts.update({row.target: row.state for row in rows})

    def get(self, target: str) -> Any | None:
        """The state of one target, or None."""
        if target in self._put:
            return self._put[target]
        text = self._texts.get(target)
        return None if text is None else from_json(text)

    def put(self, target: str, state: Any) -> None:
        """Remember a state; it is written by `keep`."""
        self._put[target] = state

    def keep(self) -> None:
        """Write what was put, in the transaction of the connection."""
        old: list[dict[str, str]] = []
        new: list[dict[str, str]] = []
        for target, state in sorted(self._put.items()):
            text = to_json(state).decode()  # a seventh of the time of the standard library's
            if target not in self._texts:
                new.append({"detector": self._detector, "target": target, "state": text})
            elif text != self._texts[target]:
                old.append({"its": target, "text": text})
            self._texts[target] = text
        if old:
            table = detector_state.c
            where = (table.detector == self._detector, table.target == bindparam("its"))
            self._conn.execute(update(detector_state).where(*where).values(state=bindparam("text")), old)
        if new:
            self._conn.execute(insert(detector_state), new)
        self._put.clear()
