"""How far a sink whose effects lie in the SQL database has read which spool.

A position belongs to a sink and a spool file: several workers share the database, each with a spool of its own, and a
file that was lost or replaced begins again at its first item (its repeats are no-ops downstream).
"""

from sqlalchemy import Connection, insert, select, update

from milepost.ingest.tables import sink_position


def position_of(conn: Connection, sink: str, spool: str) -> int:
    """The stored position of `sink` in the spool of key `spool`; 0 when there is none yet."""
    return (
        conn.execute(select(sink_position.c.position).where(sink_position.c.name == _name(sink, spool))).scalar() or 0
    )


def store_position(conn: Connection, sink: str, spool: str, position: int) -> None:
    """Store a position, in the transaction of the sink's effects."""
    name = _name(sink, spool)
    changed = conn.execute(update(sink_position).where(sink_position.c.name == name).values(position=position))
    if changed.rowcount == 0:
        conn.execute(insert(sink_position).values(name=name, position=position))


def _name(sink: str, spool: str) -> str:
    return f"{sink}@{spool}"
