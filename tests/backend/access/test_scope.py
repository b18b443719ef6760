"""Rows are seen through `readable` or not at all (DESIGN: Roles and scopes)."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, func, insert, select

from milepost.access.model import SYSTEM, Grant, Principal
from milepost.access.scope import UnscopedQuery, install_guard, readable, request_scope, scoped
from milepost.db import Database

_meta = MetaData()
parcel = Table(
    "parcel", _meta, Column("id", String, primary_key=True), Column("branch", String), Column("site", String)
)
note = Table("note", _meta, Column("id", String, primary_key=True), Column("parcel", String), Column("branch", String))
scoped(parcel, branch=parcel.c.branch, site=parcel.c.site)
scoped(note, branch=note.c.branch)


def person(*grants: Grant) -> Principal:
    return Principal("p", "P", frozenset(grants))


@pytest.fixture
def guarded(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'scope.db'}")
    install_guard(db.engine)
    _meta.create_all(db.engine)
    with db.tx() as conn:
        conn.execute(
            insert(parcel),
            [
                {"id": "1", "branch": "north", "site": "s1"},
                {"id": "2", "branch": "south", "site": "s1"},
                {"id": "3", "branch": "south", "site": "s2"},
            ],
        )
        conn.execute(insert(note), [{"id": "a", "parcel": "1", "branch": "north"}])
    yield db
    db.close()


def seen(db: Database, who: Principal) -> set[str]:
    with request_scope(), db.read() as conn:
        return {row.id for row in conn.execute(readable(who, parcel))}


def test_company_scope_sees_everything(guarded):
    assert seen(guarded, SYSTEM) == seen(guarded, person(Grant("dispatcher"))) == {"1", "2", "3"}


def test_a_person_sees_the_union_of_their_scopes(guarded):
    assert seen(guarded, person(Grant("desk", "branch", "north"))) == {"1"}
    assert seen(guarded, person(Grant("desk", "branch", "north"), Grant("keeper", "site", "s2"))) == {
        "1",
        "3",
    }


def test_a_row_may_lie_in_several_scopes_of_a_kind(guarded):
    # A function from ids to the condition: here every parcel lies at its own site and at the one of parcel 3.
    scoped(parcel, site=lambda ids: parcel.c.site.in_(ids) if "s2" not in ids else parcel.c.id != "")
    try:
        assert seen(guarded, person(Grant("keeper", "site", "s1"))) == {"1", "2"}
        assert seen(guarded, person(Grant("keeper", "site", "s2"))) == {"1", "2", "3"}
        assert seen(guarded, person(Grant("desk", "branch", "north"))) == set()
    finally:
        scoped(parcel, branch=parcel.c.branch, site=parcel.c.site)


def test_a_scope_that_the_table_does_not_know_sees_nothing(guarded):
    assert seen(guarded, person(Grant("driver", "vehicle", "v1"))) == set()
    assert seen(guarded, person()) == set()


@pytest.mark.parametrize(
    "statement",
    [
        select(parcel),
        select(func.count()).select_from(parcel),
        select(note.c.id).where(note.c.parcel.in_(select(parcel.c.id))),
        select(parcel.alias("p")),
        select(parcel).union(select(parcel)),
    ],
    ids=["plain", "count", "subquery", "alias", "union"],
)
def test_a_query_that_goes_around_the_helper_is_refused_in_a_request(guarded, statement):
    with request_scope(), guarded.read() as conn, pytest.raises(UnscopedQuery, match="parcel"):
        conn.execute(statement)


def test_a_second_scoped_table_must_be_named_too(guarded):
    who = person(Grant("desk", "branch", "north"))
    joined = readable(who, parcel, parcel.c.id, note.c.id).join(note, note.c.parcel == parcel.c.id)
    with request_scope(), guarded.read() as conn:
        with pytest.raises(UnscopedQuery, match="note"):
            conn.execute(joined)
        both = readable(who, parcel, parcel.c.id, note.c.id, also=[note]).join(note, note.c.parcel == parcel.c.id)
        assert conn.execute(both).all() == [("1", "a")]


def test_outside_a_request_the_service_reads_freely(guarded):
    with guarded.read() as conn:
        assert len(conn.execute(select(parcel)).all()) == 3
