"""The one way to read a table that not everybody may see whole.

A subject names, per kind of scope, the column that holds its id; `readable` turns a person's grants into the WHERE
clause. During an HTTP request a guard on the engine refuses every SELECT that touches such a table without having
come through `readable`, so a query that goes around it fails in the first test that runs it, and fails closed.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, event, false, or_, select
from sqlalchemy.sql import visitors

from milepost.access.model import SCOPE_KINDS, Principal

# A column that holds a scope's id, or what is true of a row that lies in one of several.
Within = ColumnElement[Any] | Callable[[list[str]], ColumnElement[bool]]
_tables: dict[Table, dict[str, Within]] = {}
_in_request: ContextVar[bool] = ContextVar("milepost_in_request", default=False)
_MARK = "milepost_scoped"


class UnscopedQuery(RuntimeError):
    """A query read a scoped table without going through `readable`: a defect, never a person's mistake."""


def scoped(table: Table, **columns: Within) -> Table:
    """Put `table` under scopes. `columns` maps a kind of scope (branch, site, carrier, customer, vehicle) to the
    column, or the expression over the table's columns, that holds its id; or, where a row lies in several of them, to a
    function from ids to the condition. Kinds left out see nothing of it."""
    unknown = set(columns) - set(SCOPE_KINDS)
    if unknown:
        raise ValueError(f"unknown kinds of scope: {sorted(unknown)}")
    _tables[table] = columns
    return table


def readable(
    principal: Principal, table: Table, *columns: ColumnElement[Any], also: Iterable[Table] = ()
) -> Select[Any]:
    """A SELECT of `columns` (default: all of `table`) over the rows that `principal` may see.

    `also`: further scoped tables that the statement will join; each brings its own condition.
    """
    tables = (table, *also)
    statement = select(*(columns or table.c)).select_from(table)
    for each in tables:
        condition = _within(principal, each)
        if condition is not None:
            statement = statement.where(condition)
    return statement.execution_options(**{_MARK: frozenset(each.name for each in tables)})


def _within(principal: Principal, table: Table) -> ColumnElement[bool] | None:
    if principal.sees_all:
        return None
    parts = [_in(column, sorted(ids)) for kind, column in _tables[table].items() if (ids := principal.scope_ids(kind))]
    return or_(*parts) if parts else false()


def _in(column: Within, ids: list[str]) -> ColumnElement[bool]:
    return column.in_(ids) if isinstance(column, ColumnElement) else column(ids)


@contextmanager
def request_scope() -> Generator[None]:
    """Mark the work inside as done for an HTTP request: the guard is armed."""
    token = _in_request.set(True)
    try:
        yield
    finally:
        _in_request.reset(token)


def install_guard(engine: Engine) -> None:
    """Arm the guard on an engine."""

    @event.listens_for(engine, "before_execute")
    def _refuse(  # pyright: ignore[reportUnusedFunction]
        _conn: Any, statement: Any, _multi: Any, _params: Any, options: Mapping[str, Any]
    ) -> None:
        if not _in_request.get() or not getattr(statement, "is_select", False):
            return
        nodes: set[Any] = set(visitors.iterate(statement))
        bare = {table.name for table in _tables if table in nodes} - set(options.get(_MARK, ()))
        if bare:
            names = ", ".join(sorted(bare))
            raise UnscopedQuery(f"{names}: read through access.scope.readable(principal, table)")
