"""Look-ups by event id for facts that were appended before there were any."""

from sqlalchemy import Connection, insert, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence import log
from milepost.evidence.epcis import own
from milepost.evidence.epcis.export import CORRECTIONS, KINDS
from milepost.evidence.tables import fact, fact_subject

_BATCH = 500


def fill(conn: Connection) -> int:
    """Write what `own.subjects` says of facts that have none of it; returns how many got some. Twice is once."""
    done = select(fact_subject.c.fact_seq).where(fact_subject.c.kind.in_((*own.EVENTS, own.TARGET)))
    after, count = -1, 0
    while True:
        statement = readable(SYSTEM, fact, fact.c.seq, fact.c.id, fact.c.rev, fact.c.at)
        statement = statement.where(fact.c.kind.in_(KINDS | CORRECTIONS), fact.c.seq > after, fact.c.seq.not_in(done))
        rows = conn.execute(statement.order_by(fact.c.seq).limit(_BATCH)).all()
        if not rows:
            return count
        after = rows[-1].seq
        known = {(each.id, each.rev): each for each in log.by_ids(conn, [row.id for row in rows])}
        made = [
            {"fact_seq": row.seq, "kind": kind, "subject_id": subject, "at": row.at}
            for row in rows
            for kind, subject in own.subjects(conn, known[row.id, row.rev]).items()
        ]
        if made:
            conn.execute(insert(fact_subject), made)
        count += len({each["fact_seq"] for each in made})
