"""The files of a site's day in, the lines of decisions out: what `milepost correlate` does, without its options."""

from collections.abc import Iterator
from typing import Any

from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.model import Decision, Order, Session, Verdict, id_key
from milepost.evidence.dock.scoring import Scorer


def correlate(
    sessions: list[Session],
    orders: list[Order],
    reads: list[Read],
    edges: list[Edge],
    *,
    scorer: Scorer | None = None,
) -> tuple[list[Decision], list[Verdict]]:
    """All decisions in order of time, and a sum of every session. Lines may stand in any order and more than once."""
    correlator = Correlator(sessions, orders, scorer=scorer)
    correlator.feed(reads, edges)
    decisions = correlator.finish()
    order = {session.session: n for n, session in enumerate(correlator.roster.sessions)}
    return in_order(decisions), sorted(correlator.verdicts(), key=lambda each: order[each.session])


def in_order(decisions: list[Decision]) -> list[Decision]:
    """By time, then by door; what was said of one unit at one instant stays in the order in which it was said."""
    return sorted(decisions, key=lambda each: (round(each.at_s, 3), id_key(each.door)))


def rows(decisions: list[Decision], verdicts: list[Verdict]) -> Iterator[dict[str, Any]]:
    """The lines of decisions.jsonl as objects."""
    for decision in decisions:
        yield decision.as_json()
    for verdict in verdicts:
        yield verdict.as_json()
