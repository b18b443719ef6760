"""SQL of captured events and of the jobs that captured them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from milepost.evidence.epcis.tables import epcis_event, epcis_event_thing, epcis_job

Row = dict[str, Any]


def add_job(conn: Connection, job: Row) -> None:
    """Enter a job."""
    conn.execute(insert(epcis_job).values(job))


def end_job(conn: Connection, job: Row) -> None:
    """Write down how a job ended."""
    conn.execute(update(epcis_job).where(epcis_job.c.id == job["id"]).values(job))


def job(conn: Connection, job_id: str) -> Row | None:
    """One job."""
    row = conn.execute(select(epcis_job).where(epcis_job.c.id == job_id)).mappings().first()
    return dict(row) if row else None


def add_event(conn: Connection, row: Row, things: Iterable[str]) -> None:
    """Keep an event and what it names."""
    (seq,) = conn.execute(insert(epcis_event).values(row).returning(epcis_event.c.seq)).one()
    named = [{"event_seq": seq, "thing": thing[:255]} for thing in dict.fromkeys(things)]
    if named:
        conn.execute(insert(epcis_event_thing), named)


def by_id(conn: Connection, event_id: str) -> list[Row]:
    """The event with this id and its declaration, in the order they came."""
    statement = select(epcis_event).where(epcis_event.c.event_id == event_id).order_by(epcis_event.c.seq)
    return [dict(row) for row in conn.execute(statement).mappings()]
