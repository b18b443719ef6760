"""From the clocks as they are judged now to the rows as they stand: what differs is written, what broke is told once,
what was judged otherwise before is kept (ORDERS §4, Calendars)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from milepost.clocks import engine, repository, versions
from milepost.clocks.model import ClockState
from milepost.clocks.rejudge import rejudged
from milepost.clocks.repository import Key, Row
from milepost.clocks.todo import urgency, waiting
from milepost.clocks.versions import InForce
from milepost.evidence.model import Fact
from milepost.orders import history, projector
from milepost.orders.fold import trace
from milepost.orders.projector import Change

_AGAIN_MS = 60_000
_DAILY = ("N-30",)  # a day's clock is followed by that of the next day, however it ended
_NEVER = 2**62
# (before, after): no second thought, but the course of things.
_COURSE = frozenset({("lapsed", "late")})


@dataclass(frozen=True, slots=True)
class Entry:
    """What one refold meant for the clocks of an order; `differs`: something was written."""

    clocks: list[ClockState]
    breached: list[ClockState]
    rejudged: list[tuple[ClockState | None, ClockState]]
    differs: bool


def enter(conn: Connection, change: Change) -> Entry:
    """Judge the clocks of an order that was folded anew and bring its rows in line."""
    force = versions.in_force(conn)
    stored = repository.of_order(conn, change.order_id)
    judged = _judged(change, force)
    moved, pinned = _calendars_changed(conn, change, force, stored, judged)
    otherwise = [*_otherwise(conn, change, force, stored, judged, moved)]
    breached = _breaches(conn, change, stored, judged)
    wanted = _rows(change, judged, force.calendar, pinned)
    differs = _write(conn, change.order_id, stored, wanted)
    return Entry(list(judged.values()), breached, otherwise, differs)


def _judged(change: Change, force: InForce) -> dict[Key, ClockState]:
    order_id, policies, calendars = change.order_id, force.policies, force.calendars

    def then(known: list[Fact], at: int) -> list[ClockState]:
        story = trace(known, policies, projector.calendar(), at).get(order_id)
        return [] if story is None else engine.judge(story, policies, calendars, at)

    clocks = engine.judge(change.story, policies, calendars, change.at)
    return {_key(each): each for each in rejudged(clocks, change.world, change.at, then)}


def _calendars_changed(
    conn: Connection, change: Change, force: InForce, stored: Mapping[Key, Row], judged: dict[Key, ClockState]
) -> tuple[set[Key], dict[Key, str]]:
    """Calendars are no policy: the newest re-judges what still runs; what had ended keeps the one it ended by.

    Puts the latter back into `judged`; returns the keys of running clocks that moved, and of the kept ones with the
    version that they keep.
    """
    moved: set[Key] = set()
    pinned: dict[Key, str] = {}
    outdated = {row["calendars"] for row in stored.values()} - {force.calendar}
    for version in sorted(outdated):
        before = _judged(change, replace(force, calendars=versions.calendars_of(conn, version)))
        for key, row in stored.items():
            was = before.get(key)
            if row["calendars"] != version or was is None or was == judged.get(key):
                continue
            if row["verdict"] == "open":
                moved.add(key)
            else:
                judged[key] = was
                pinned[key] = version
    return moved, pinned


def _otherwise(
    conn: Connection, change: Change, force: InForce, stored: Mapping[Key, Row], judged: Mapping[Key, ClockState],
    moved: set[Key],
) -> Iterable[tuple[ClockState | None, ClockState]]:  # fmt: skip
    """What was said of a clock and is no longer so, each with an entry of the audit."""
    for key, row in stored.items():
        old, new = row["state"], judged.get(key)
        said = row["verdict"]
        if new is not None and key not in moved and (said in ("open", new.verdict) or (said, new.verdict) in _COURSE):
            continue
        before = repository.clock_of(row)
        facts = [fact.id for fact in change.facts]
        by_calendar = key in moved
        if not facts and not by_calendar and new is not None and new.end_fact is not None:
            facts = [new.end_fact]
        entry = {
            "order_id": change.order_id,
            "clock": before.clock,
            "start_fact": before.start_fact,
            "subject": before.subject,
            "at": change.at,
            "cause": "calendar" if by_calendar else "fact",
            "facts": json.dumps(facts),
            "calendars": force.calendar if by_calendar else None,
            "before": old,
            "after": None if new is None else _text(new),
            "why": versions.why_of(conn, force.calendar) if by_calendar else _said(change),
        }
        repository.add_audit(conn, entry)
        told = {name: entry[name] for name in ("clock", "start_fact", "subject", "cause")}
        told |= {"before": json.loads(old), "after": None if new is None else json.loads(_text(new))}
        history.note(conn, change.order_id, "rejudged", told, change.at)
        yield before, new or replace(before, verdict="void", end=change.at, breached_at=None)


def _said(change: Change) -> str:
    """The kinds of the facts that came, as far as somebody said something."""
    return ", ".join(sorted({fact.kind for fact in change.facts}))


def _breaches(
    conn: Connection, change: Change, stored: Mapping[Key, Row], judged: Mapping[Key, ClockState]
) -> list[ClockState]:
    """Clocks that are late for the first time, each written down once; one that was told before is not told again."""
    was_late = {key for key, row in stored.items() if row["verdict"] == "late"}
    late = {key: each for key, each in judged.items() if each.verdict == "late" and key not in was_late}
    for key in was_late:
        if key not in judged or judged[key].verdict not in ("late", "excused"):
            repository.set_withdrawn(conn, change.order_id, key, change.at)
    told = repository.breaches(conn, change.order_id) if late else {}
    new, rows = [], []
    for key, each in late.items():
        standing = told.get(key, [])
        same = next((row for row in standing if row["late_from"] == each.late_from), None)
        if same is not None:
            repository.restore(conn, same["seq"])
            continue
        row = {
            "order_id": change.order_id,
            "clock": each.clock,
            "start_fact": each.start_fact,
            "subject": each.subject,
            "occurrence": len(standing) + 1,
            "late_from": each.late_from,
            "owner": each.owner,
            "breached_at": each.breached_at,
            "raised_at": change.at,
        }
        rows.append(row)
        new.append(each)
    repository.add_breaches(conn, rows)
    return new


def _rows(change: Change, judged: Mapping[Key, ClockState], calendar: str, pinned: Mapping[Key, str]) -> dict[Key, Row]:
    state = change.state
    place = _places(change, judged)
    scope = {name: getattr(state, name) for name in ("branch", "customer", "site", "carrier", "vehicle")}
    common = {
        "order_id": change.order_id,
        "channel": state.channel,
        "customer_class": state.customer_class,
        **scope,
    }
    plain = ("clock", "start_fact", "subject", "klass", "owner", "start", "due", "late_from", "end", "verdict",
             "breached_at", "excusable", "rejudged", "policy")  # fmt: skip
    return {
        key: {
            **common,
            **{name: getattr(each, name) for name in plain},
            "next_at": _next_at(each, change.at),
            "calendars": pinned.get(key, calendar),
            "place": place.get(key),
            "state": _text(each),
        }
        for key, each in judged.items()
    }


def _places(change: Change, judged: Mapping[Key, ClockState]) -> dict[Key, int]:
    """Among the clocks that ask somebody to act, the most pressing first: late ones are those of the past."""
    asking = [(key, each) for key, each in judged.items() if waiting(each, change.state)]
    asking.sort(
        key=lambda pair: (_NEVER if pair[1].late_from is None else pair[1].late_from, urgency(pair[1]), pair[0])
    )
    return {key: place for place, (key, _) in enumerate(asking)}


def _next_at(each: ClockState, now: int) -> int | None:
    """When to look at it next. A clock that still runs although its time is over is not looked at all the time."""
    at = each.late_from if each.clock in _DAILY else each.next_at
    if at is None or at > now:
        return at
    return now + _AGAIN_MS if each.next_at is not None else None


def _write(conn: Connection, order_id: str, stored: Mapping[Key, Row], wanted: Mapping[Key, Row]) -> bool:
    new = [row for key, row in wanted.items() if key not in stored]
    changed = [row for key, row in wanted.items() if key in stored and stored[key] != row]
    gone = [key for key in stored if key not in wanted]
    repository.add(conn, new)
    repository.change(conn, changed)
    for key in gone:
        repository.drop(conn, order_id, key)
    return bool(new or changed or gone)


def _key(each: ClockState) -> Key:
    return each.clock, each.start_fact, each.subject


def _text(each: ClockState) -> str:
    return json.dumps(each.as_dict(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
