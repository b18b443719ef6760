"""From the clocks as they are judged now to the rows as they stand: what differs is written, what broke is told once,
what was judged otherwise before is kept (ORDERS §4, Calendars)."""

import json
from collections.abc import Iterable, Mapping, Sequence
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


def enter(conn: Connection, changes: Sequence[Change]) -> list[Entry]:
    """Judge the clocks of orders that were folded anew and bring their rows in line; an entry for each, in order."""
    force = versions.in_force(conn)
    ids = [change.order_id for change in changes]
    stored = repository.of_orders(conn, ids)
    judged = {change.order_id: _judged(change, force) for change in changes}
    calendars = _calendars_changed(conn, changes, force, stored, judged)
    late = {order_id: _newly_late(stored[order_id], judged[order_id]) for order_id in ids}
    told = repository.breaches(conn, [order_id for order_id in ids if late[order_id]])
    broken: list[Row] = []
    new: list[Row] = []
    differing: list[Row] = []
    entries: list[Entry] = []
    for change in changes:
        order_id = change.order_id
        moved, pinned = calendars[order_id]
        otherwise = [*_otherwise(conn, change, force, stored[order_id], judged[order_id], moved)]
        _withdraw(conn, change, stored[order_id], judged[order_id])
        breached, rows = _breaches(conn, change, late[order_id], told.get(order_id, {}))
        broken += rows
        wanted = _rows(change, judged[order_id], force.calendar, pinned)
        added, changed, gone = _differences(stored[order_id], wanted)
        for key in gone:
            repository.drop(conn, order_id, key)
        new += added
        differing += changed
        entries.append(Entry(list(judged[order_id].values()), breached, otherwise, bool(added or changed or gone)))
    repository.add_breaches(conn, broken)
    repository.add(conn, new)
    repository.change(conn, differing)
    return entries


def _judged(change: Change, force: InForce) -> dict[Key, ClockState]:
    order_id, policies, calendars = change.order_id, force.policies, force.calendars

    def then(known: list[Fact], at: int) -> list[ClockState]:
        story = trace(known, policies, projector.calendar(), at).get(order_id)
        return [] if story is None else engine.judge(story, policies, calendars, at)

    clocks = engine.judge(change.story, policies, calendars, change.at)
    return {_key(each): each for each in rejudged(clocks, change.world, change.at, then)}


def _calendars_changed(
    conn: Connection, changes: Sequence[Change], force: InForce, stored: Mapping[str, Mapping[Key, Row]],
    judged: Mapping[str, dict[Key, ClockState]],
) -> dict[str, tuple[set[Key], dict[Key, str]]]:  # fmt: skip
    """Calendars are no policy: the newest re-judges what still runs; what had ended keeps the one it ended by.

    Puts the latter back into `judged`; returns by order the keys of running clocks that moved, and of the kept ones
    with the version that they keep.
    """
    found: dict[str, tuple[set[Key], dict[Key, str]]] = {change.order_id: (set(), {}) for change in changes}
    outdated = {row["calendars"] for rows in stored.values() for row in rows.values()} - {force.calendar}
    for version in sorted(outdated):
        then = replace(force, calendars=versions.calendars_of(conn, version))
        for change in changes:
            moved, pinned = found[change.order_id]
            theirs = {key: row for key, row in stored[change.order_id].items() if row["calendars"] == version}
            before, now = _judged(change, then) if theirs else {}, judged[change.order_id]
            for key, row in theirs.items():
                was = before.get(key)
                if was is None or was == now.get(key):
                    continue
                if row["verdict"] == "open":
                    moved.add(key)
                else:
                    now[key] = was
                    pinned[key] = version
    return found


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


def _newly_late(stored: Mapping[Key, Row], judged: Mapping[Key, ClockState]) -> dict[Key, ClockState]:
    return {
        key: each
        for key, each in judged.items()
        if each.verdict == "late" and not (key in stored and stored[key]["verdict"] == "late")
    }


def _withdraw(
    conn: Connection, change: Change, stored: Mapping[Key, Row], judged: Mapping[Key, ClockState]
) -> None:  # fmt: skip
    """Take back the breaches of clocks that are late no longer."""
    for key, row in stored.items():
        if row["verdict"] == "late" and (key not in judged or judged[key].verdict not in ("late", "excused")):
            repository.set_withdrawn(conn, change.order_id, key, change.at)


def _breaches(
    conn: Connection, change: Change, late: Mapping[Key, ClockState], told: Mapping[Key, list[Row]]
) -> tuple[list[ClockState], list[Row]]:
    """Of the clocks that are late now, those that were not told before, and the rows that tell of them."""
    new: list[ClockState] = []
    rows: list[Row] = []
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
    return new, rows


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


def _differences(
    stored: Mapping[Key, Row], wanted: Mapping[Key, Row]
) -> tuple[list[Row], list[Row], list[Key]]:  # fmt: skip
    """Rows that are new, rows that changed, and the keys of those that are gone."""
    new = [row for key, row in wanted.items() if key not in stored]
    changed = [row for key, row in wanted.items() if key in stored and stored[key] != row]
    return new, changed, [key for key in stored if key not in wanted]


def _key(each: ClockState) -> Key:
    return each.clock, each.start_fact, each.subject


def _text(each: ClockState) -> str:
    return json.dumps(each.as_dict(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
