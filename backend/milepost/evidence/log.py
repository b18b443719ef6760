"""The append-only log of facts. Nothing is changed or deleted here; a correction is a new fact or a new rev."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, tuple_

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import Invalid
from milepost.evidence.epcis import own
from milepost.evidence.model import MAX_SNAPSHOT_BYTES, Author, Fact, canonical
from milepost.evidence.tables import fact as fact_table
from milepost.evidence.tables import fact_subject

_CHUNK = 400  # ids per statement; SQLite takes 999 parameters at least
# Built once: every refold of every order asks this.
_SEQS = select(fact_subject.c.fact_seq).where(
    tuple_(fact_subject.c.kind, fact_subject.c.subject_id).in_(bindparam("pairs", expanding=True))
)
_OF_SUBJECTS = readable(SYSTEM, fact_table).where(fact_table.c.seq.in_(_SEQS))


def append(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    """Append what is new: a fact whose id is unknown or whose rev is greater than every stored one.

    Returns those appended, in the order given; duplicates are no-ops. Raises Invalid for a snapshot above 4 kB.
    """
    given = list(facts)
    newest = _revs(conn, {each.id for each in given})
    added = []
    for each in given:
        if each.rev <= newest.get(each.id, -1):
            continue
        newest[each.id] = each.rev
        (seq,) = conn.execute(insert(fact_table).values(_row(each)).returning(fact_table.c.seq)).one()
        subjects = [
            {"fact_seq": seq, "kind": kind, "subject_id": subject_id, "at": each.at}
            for kind, subject_id in {**each.subjects, **own.subjects(conn, each)}.items()
        ]
        if subjects:
            conn.execute(insert(fact_subject), subjects)
        added.append(each)
    return added


def of_subjects(
    conn: Connection,
    subjects: Sequence[tuple[str, str]],
    until: int | None = None,
    *,
    since: int | None = None,
    kinds: Sequence[str] | None = None,
) -> list[Fact]:
    """Every fact, in every rev, that has one of these (kind, id) as subject, by time and id.

    `until` (UTC ms) hides what happened or was received later (ORDERS §1.1); `since` what happened before; `kinds`
    keeps only facts of these kinds.
    """
    found: dict[int, Fact] = {}
    for start in range(0, len(subjects), _CHUNK):
        part = list(subjects[start : start + _CHUNK])
        statement = _OF_SUBJECTS
        if since is not None:
            seqs = _SEQS.where(fact_subject.c.at >= since)
            statement = readable(SYSTEM, fact_table).where(fact_table.c.seq.in_(seqs))
        if kinds is not None:
            statement = statement.where(fact_table.c.kind.in_(kinds))
        if until is not None:
            statement = statement.where(fact_table.c.at <= until, fact_table.c.received_at <= until)
        for row in conn.execute(statement, {"pairs": part}).mappings():
            found[row["seq"]] = _fact(dict(row))
    return sorted(found.values(), key=lambda each: (each.at, each.id, each.rev))


def by_ids(conn: Connection, ids: Iterable[str]) -> list[Fact]:
    """Every rev of the facts with these ids, oldest rev first."""
    wanted = sorted(set(ids))
    found = []
    for start in range(0, len(wanted), _CHUNK):
        statement = readable(SYSTEM, fact_table).where(fact_table.c.id.in_(wanted[start : start + _CHUNK]))
        found += [_fact(dict(row)) for row in conn.execute(statement.order_by(fact_table.c.seq)).mappings()]
    return found


def _revs(conn: Connection, ids: set[str]) -> dict[str, int]:
    newest: dict[str, int] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _CHUNK):
        columns = (fact_table.c.id, fact_table.c.rev)
        where = fact_table.c.id.in_(wanted[start : start + _CHUNK])
        for row in conn.execute(readable(SYSTEM, fact_table, *columns).where(where)):
            newest[row.id] = max(row.rev, newest.get(row.id, -1))
    return newest


def _row(each: Fact) -> dict[str, Any]:
    return {
        "id": each.id,
        "rev": each.rev,
        "kind": each.kind,
        "at": each.at,
        "recorded_at": each.recorded_at,
        "received_at": each.received_at,
        "clock": each.clock,
        "by_role": each.by.role,
        "by_id": each.by.id,
        "by_branch": each.by.branch,
        "source": each.source,
        "subjects": canonical(each.subjects).decode(),
        "body": canonical(each.body).decode(),
        "confidence": each.confidence,
        "grade": each.grade,
        "inputs": canonical(list(each.inputs)).decode(),
        "snapshot": None if each.snapshot is None else _snapshot(each),
        "rule": each.rule,
    }


def _snapshot(each: Fact) -> str:
    """Measured here, where it is kept: every refold reads the facts again."""
    written = canonical(each.snapshot)
    if len(written) > MAX_SNAPSHOT_BYTES:
        raise Invalid(f"{each.kind}: the snapshot is larger than {MAX_SNAPSHOT_BYTES} bytes; thin it out")
    return written.decode()


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(
        id=row["id"],
        rev=row["rev"],
        kind=row["kind"],
        at=row["at"],
        recorded_at=row["recorded_at"],
        received_at=row["received_at"],
        clock=row["clock"],
        by=Author(row["by_role"], row["by_id"], row["by_branch"]),
        source=row["source"],
        subjects=json.loads(row["subjects"]),
        body=json.loads(row["body"]),
        confidence=row["confidence"],
        grade=row["grade"],
        inputs=tuple(json.loads(row["inputs"])),
        snapshot=None if row["snapshot"] is None else json.loads(row["snapshot"]),
        rule=row["rule"],
    )
