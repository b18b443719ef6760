"""Which fact an event of ours tells of: the ids of a fact's events stand among its subjects, so that a query by event
id looks one up instead of telling every fact.

A fact has a subject `event` (and `event1`, …) for each event that it is told as, and a correction has the fact that it
amends as its subject `target`: the events of that one are told again with an error declaration.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, or_, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence.epcis.events import own_id
from milepost.evidence.epcis.export import CORRECTIONS, KINDS
from milepost.evidence.model import Fact
from milepost.evidence.tables import fact, fact_subject

EVENTS = ("event", "event1")
TARGET = "target"
_PREFIX = "urn:uuid:"
# Most facts are one event; the end of a session is one for what is short and one for what is over.
_TWO = ("session.closed", "fact.corrected")


def of_events(event_ids: Iterable[str]) -> Any:
    """The condition on rows of the log: those that tell one of these events, or tell it again as wrong."""
    wanted = [each.removeprefix(_PREFIX) for each in event_ids]
    named = select(fact_subject.c.fact_seq).where(
        fact_subject.c.kind.in_(EVENTS), fact_subject.c.subject_id.in_(sorted(wanted))
    )
    ids = readable(SYSTEM, fact, fact.c.id).where(fact.c.seq.in_(named))
    amending = select(fact_subject.c.fact_seq).where(fact_subject.c.kind == TARGET, fact_subject.c.subject_id.in_(ids))
    return or_(fact.c.id.in_(ids), fact.c.seq.in_(amending))


def subjects(conn: Connection, each: Fact) -> dict[str, str]:
    """What a fact is looked up by beside its own subjects: (kind, subject) as rows of `fact_subject`."""
    if each.kind in KINDS and each.source != "partner":
        return _events(each, each.rev)
    if each.kind not in CORRECTIONS:
        return {}
    target = str(each.body.get("target", ""))[:64]
    # The events of a correction have the rev of what it corrects.
    return {TARGET: target} | (_events(each, _newest(conn, target)) if each.kind == "fact.corrected" else {})


def _newest(conn: Connection, fact_id: str) -> int:
    statement = readable(SYSTEM, fact, fact.c.rev).where(fact.c.id == fact_id).order_by(fact.c.rev.desc()).limit(1)
    return conn.execute(statement).scalar_one_or_none() or 0


def _events(each: Fact, rev: int) -> dict[str, str]:
    kinds = EVENTS if each.kind in _TWO else EVENTS[:1]
    return {kind: own_id(each.id, str(rev), str(n)).removeprefix(_PREFIX) for n, kind in enumerate(kinds)}
