"""From a command to facts in the log: whose word it is, when it happened, under which key; then the refold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.errors import Invalid
from milepost.evidence import benches, log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.orders.projector import on_facts
from milepost.orders.vocabulary import SUBJECT_KEYS, validate
from milepost.times import parse_rfc3339, to_rfc3339

_AHEAD_MS = 2 * 60_000  # F3.5: clocks of people's devices may run ahead so much
_BACK_MS = 31 * 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One command as it came in. `at` and `key` are as the client gave them; `version` is what it had seen."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    at: str | None = None
    key: str | None = None
    source: str = "person"
    version: int | None = None


def told(
    me: Principal,
    role: str,
    kind: str,
    fields: Mapping[str, Any],
    at: int,
    now: int,
    asked: Asked,
    source: str | None = None,
) -> Fact:
    """A person's fact. `fields`: those of the vocabulary, None left out; `at`, `now`: UTC ms.

    Raises Invalid when the vocabulary does not know it so.
    """
    subjects = {name: value for name, value in fields.items() if name in SUBJECT_KEYS and value is not None}
    body = {name: value for name, value in fields.items() if name not in subjects and value is not None}
    # The key is the person's: two people who count their commands from 1 write two facts.
    inputs = (f"{me.id}/{asked.key}" if asked.key else new_id(),)
    fact = Fact(
        id=fact_id(kind, subjects, inputs),
        kind=kind,
        at=at,
        recorded_at=now,
        received_at=now,
        by=Author(role, me.id, own_branch(me)),
        source=source or asked.source,
        subjects=subjects,
        body=body,
        grade="B",
        inputs=inputs,
    )
    validate(fact)
    return fact


def append(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    """Put facts in the log and refold what they touch; returns those that were new.

    A pick list, or a tag bound, may be what the reads of a bench have waited for (T9).
    """
    added = log.append(conn, facts)
    on_facts(conn, [*added, *benches.resettle(conn, added)])
    return added


def own_branch(me: Principal) -> str | None:
    """The branch that somebody of one branch acts for."""
    branches = me.scope_ids("branch")
    return next(iter(branches)) if len(branches) == 1 else None


def when(text: str | None, now: int) -> int:
    """The instant a command tells of (UTC ms; default: now). Raises Invalid for one ahead or too long ago."""
    if text is None:
        return now
    at = parse_rfc3339(text, "at")
    if at > now + _AHEAD_MS:
        raise Invalid(f"at: {to_rfc3339(at)} lies in the future; check the clock of the device that says so")
    if at < now - _BACK_MS:
        raise Invalid(f"at: {to_rfc3339(at)} is more than 31 days ago; write a correction instead")
    return at
