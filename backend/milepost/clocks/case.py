"""One order's chronicle, indexed for the clocks: who did what when, where the order was, when it was held."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from milepost.clocks.calendar import BusinessCalendar, Calendars
from milepost.clocks.policy import PolicySet, Resolved
from milepost.errors import Invalid
from milepost.evidence.model import Fact
from milepost.orders.fold import Story
from milepost.orders.fold.values import fields, texts
from milepost.times import parse_rfc3339


class Event(NamedTuple):
    """One line of the chronicle: its instant (UTC ms), its place in the walk, what it is, the fact behind it.

    `name`: an effect (`accepted`), or the kind of the fact itself (`note.printed`).
    """

    at: int
    n: int
    name: str
    fact: Fact
    unit: str | None = None
    data: Any = None


class Hit(NamedTuple):
    """Something that ends a clock or sets it aside: when (UTC ms), its place in the walk, the fact behind it."""

    at: int
    n: int
    fact: str


class Held(NamedTuple):
    """A stretch in which any hold was active: from (UTC ms, place in the walk) to, half-open; `until` None: it is."""

    since: tuple[int, int]
    until: tuple[int, int] | None


class Case:
    """What the rules ask of one order.

    `events`: by name, with `lost` for the loss of the whole order. `asleep`: places in the walk at which the order came
    to a branch or was accepted while it was postponed.
    """

    def __init__(self, story: Story | None, policies: PolicySet, calendars: Calendars, until: int) -> None:
        self.policies, self.calendars, self.until = policies, calendars, until
        self.local: BusinessCalendar = calendars.default
        self.order, self.type, self.channel, self.klass, self.d0 = "", None, None, None, None
        self.events: dict[str, list[Event]] = {}
        self.holds: list[Held] = []
        self.asleep: set[int] = set()
        self.counting: frozenset[str] = frozenset()
        self._branches: list[tuple[int, str | None]] = []
        self._modes: list[tuple[int, str | None]] = []
        if story is not None:
            self._read(story)

    def _read(self, story: Story) -> None:
        state = story.state
        self.order, self.type = state.id, state.type
        self.channel, self.klass = state.channel, state.customer_class
        self.d0 = None if state.d0 is None else date.fromisoformat(state.d0).toordinal()
        events, put_off, sleeps = self.events, None, False
        every = {u["id"] for u in state.units}
        for n, (at, what, fact, unit, data) in enumerate(story.chronicle):
            if what == "woken":
                # The order wakes by itself; what it stands for is the postponement that set the day.
                fact = put_off  # noqa: PLW2901
            if fact is None:
                continue
            name = what or fact.kind
            events.setdefault(name, []).append(Event(at, n, name, fact, unit, data))
            if what == "postponed":
                put_off, sleeps = fact, True
            elif what in ("woken", "rerouted", "confirmed", "cancelled"):
                sleeps = False
            elif what in ("assigned", "accepted"):
                self._branches.append((n, data))
                if sleeps:
                    self.asleep.add(n)
            elif name == "disposition.decided" and _all_lost(fact, every):
                events.setdefault("lost", []).append(Event(at, n, "lost", fact))
            elif name == "order.routed":
                self._modes.append((n, fact.body.get("mode")))
        self.holds = _holds(events.get("hold.set", ()), events.get("hold.released", ()))
        units = {u["id"] for u in state.units if u["counts"]} or every
        self.counting = frozenset(units or {f"{state.id}#"})

    def of(self, *names: str) -> list[Event]:
        """Every event of these names in the order of the walk: effects (`accepted`) or facts (`note.printed`)."""
        if len(names) == 1:
            return self.events.get(names[0], [])
        return sorted((e for name in names for e in self.events.get(name, ())), key=lambda e: e.n)

    def first(self, *names: str) -> Event | None:
        """The first event of these names in the walk."""
        found = self.of(*names)
        return found[0] if found else None

    def after(self, n: int, *names: str) -> list[Hit]:
        """The events of these names behind a place in the walk."""
        return [Hit(e.at, e.n, e.fact.id) for name in names for e in self.events.get(name, ()) if e.n > n]

    def before(self, n: int, *names: str) -> bool:
        """True when something of these names lies before a place in the walk."""
        return any(found[0].n < n for name in names if (found := self.events.get(name)))

    def policy(self, at: int) -> Resolved:
        """The policy in force for this order at an instant (UTC ms)."""
        return self.policies.at(self.channel, self.klass, at)

    def branch(self, n: int) -> str | None:
        """The branch the order is at behind a place in the walk; before it came to any: the first one it came to."""
        return _at(self._branches, n, self._branches[0][1] if self._branches else None)

    def mode(self, n: int) -> str | None:
        """By which way the goods were to go, at a place in the walk."""
        return _at(self._modes, n, None)

    def opened(self, at: int) -> tuple[int, list[list[Any]]]:
        """N-03: the instant itself inside the acceptance window, else the window's next opening; with the reason."""
        policy = self.policy(at)
        opens, closes = policy.window("accept.window")
        day = self.local.day(at)
        if at < (start := self.local.at(day, opens)):
            pass
        elif at < self.local.at(day, closes):
            return at, []
        else:
            start = self.local.at(day + 1, opens)
        return start, [["deferred", at, start, policy.values["accept.window"]]]


def recorded(event: Event) -> int:
    """When the author of a fact wrote it down (UTC ms)."""
    return event.at if event.fact.recorded_at is None else event.fact.recorded_at


def received(fact: Fact) -> int:
    """When a fact reached us (UTC ms)."""
    return fact.at if fact.received_at is None else fact.received_at


def first_hit(hits: Iterable[Hit], until: int) -> Hit | None:
    """The earliest that has happened by `until` (UTC ms)."""
    return min((hit for hit in hits if hit.at <= until), default=None)


def window(value: Any) -> tuple[int, int] | None:
    """An appointment as (from, to) in UTC ms: one instant, or an object with from and to; None when it is neither."""
    if isinstance(value, dict):
        start, end = _instant(fields(value).get("from")), _instant(fields(value).get("to"))
    else:
        start = end = _instant(value)
    return None if start is None or end is None else (min(start, end), max(start, end))


def _instant(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return parse_rfc3339(value)
        except Invalid:
            return None
    return None


def _at(steps: Sequence[tuple[int, str | None]], n: int, first: str | None) -> str | None:
    """The last value that was said up to a place in the walk."""
    found = first
    for place, value in steps:
        if place > n:
            break
        found = value
    return found


def _all_lost(fact: Fact, units: set[str]) -> bool:
    """True when a decision says that the whole order is lost: it names no units, or all of them."""
    named = set(texts(fact.body.get("units")))
    return fact.body.get("decision") == "lost" and (not named or named >= units)


def _holds(sets: Sequence[Event], releases: Sequence[Event]) -> list[Held]:
    """The stretches in which any hold was active; the last is open-ended while one still is."""
    if not sets:
        return []
    active: set[str] = set()
    spans: list[Held] = []
    since = (0, 0)
    for event in sorted([*sets, *releases], key=lambda e: e.n):
        name = str(event.fact.body.get("hold"))
        if event.fact.kind == "hold.set":
            if not active:
                since = (event.at, event.n)
            active.add(name)
        elif name in active:
            active.discard(name)
            if not active and event.at > since[0]:
                spans.append(Held(since, (event.at, event.n)))
    return [*spans, Held(since, None)] if active else spans
