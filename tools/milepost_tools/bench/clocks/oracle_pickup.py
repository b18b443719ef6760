"""The oracle's clocks of the pickup: N-20 to N-28 (docs/clocks.md, Pickup)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from milepost_tools.bench.clocks.oracle_diary import Diary, Entry
from milepost_tools.bench.clocks.oracle_facts import HOUR, MINUTE, day_of, instant, local, opened, received
from milepost_tools.bench.clocks.oracle_judge import (
    Answer,
    Mark,
    Start,
    before,
    due_under_holds,
    mark,
    of_entry,
    settle,
    since,
)


@dataclass(frozen=True, slots=True)
class Window:
    """An agreed time of pickup."""

    begun: Start
    from_ms: int
    to_ms: int

    @property
    def opens(self) -> int:
        """First instant that counts as kept."""
        return self.from_ms - HOUR if self.from_ms == self.to_ms else self.from_ms

    @property
    def closes(self) -> int:
        """Last instant that counts as kept."""
        return self.to_ms + HOUR if self.from_ms == self.to_ms else self.to_ms


def pickup(diary: Diary, until: int) -> Iterator[Answer]:
    """Every clock of the pickup of a consignment."""
    submitted = diary.submitted
    if submitted is None or submitted.body["type"] != "consignment":
        return
    begun = Start(submitted, mark(submitted), submitted.at)
    scheduled = submitted.body["pickup"] == "appointment"
    appointment = _appointment(submitted.body["dates"].get("pickup")) if scheduled else None
    opening = None if diary.arrived is None else opened(diary.arrived)
    windows: list[Window] = []
    if submitted.body["pickup"] != "none":
        yield from _armed(diary, until, begun, opening, appointment, windows)
        for entry in diary.all("woken"):
            begun = of_entry(entry)
            if not _agreed_meanwhile(diary, entry):
                ahead = appointment if appointment and appointment[0] >= entry.at else None
                yield from _armed(diary, until, begun, entry.at, ahead, windows)
    agreed = [f for f in diary.about("pickup.agreed") if mark(f) > mark(submitted)]
    windows += [Window(Start(f, mark(f), f.at), f.body["from"], f.body["to"]) for f in agreed]
    for window in windows:
        if not _over(diary, window.begun):
            yield from _window(diary, until, window, _class(diary) == "project")


def _armed(
    diary: Diary,
    until: int,
    begun: Start,
    opening: int | None,
    appointment: tuple[int, int] | None,
    windows: list[Window],
) -> Iterator[Answer]:
    """What a submission or a waking starts."""
    if _over(diary, begun):
        return
    if appointment is None:
        yield from _unscheduled(diary, until, begun, opening)
        return
    windows.append(Window(begun, *appointment))
    if opening is not None and not 9 <= local(appointment[0]).hour < 18:
        yield settle(
            diary, until, "N-26", begun, opening + HOUR, start=opening, inclusive=True,
            ends=since(begun, diary.about("pickup.agreed")), voids=_set_aside(diary, begun), pauses=True,
        )  # fmt: skip


def _appointment(said: Any) -> tuple[int, int] | None:
    if said is None:
        return None
    if isinstance(said, dict):
        return _ms(said["from"]), _ms(said["to"])
    return _ms(said), _ms(said)


def _ms(said: Any) -> int:
    return said if isinstance(said, int) else round(datetime.fromisoformat(said).timestamp() * 1000)


def _class(diary: Diary) -> str | None:
    told = [f for f in diary.about("order.requested", "order.submitted") if f.body.get("class")]
    return told[-1].body["class"] if told else None


def hard_limit(answers: list[Answer], due: int) -> bool:
    """True when a pickup's hard limit that still stands lies after `due` (N-11's excuse)."""
    standing = [a for a in answers if a.clock in ("N-22", "N-23", "N-25") and a.verdict != "void"]
    return any(a.due is not None and a.due > due for a in standing)


def _agreed_meanwhile(diary: Diary, woken: Entry) -> bool:
    postponed = before(diary, woken, "postponed")[-1]
    assert postponed.fact is not None
    return any(mark(postponed.fact) < mark(f) < of_entry(woken).mark for f in diary.about("pickup.agreed"))


def _over(diary: Diary, begun: Start) -> bool:
    """The goods had been fetched or brought before this start, or nobody wants them fetched any more.

    A waking at an 08:00 that had passed when it was asked for starts only when it was asked for.
    """
    over = [mark(e.fact) for e in diary.all("handed_in", "cancelled", "lost") if e.fact]
    return any(m < (begun.at, *begun.mark[1:]) or m[1:] < begun.mark[1:] for m in over + _done(diary))


def _done(diary: Diary) -> list[Mark]:
    """Arrivals P of all pickups; a waybill stands for one that nobody had noted before it."""
    picked = [e for e in diary.all("picked_up") if e.fact]
    marks = [mark(e.fact, e.data.at if e.data else e.at) for e in picked if e.fact]
    waybills = [mark(e.fact) for e in diary.all("waybilled") if e.fact]
    return marks + [m for m in waybills if not any(e.fact and mark(e.fact) < m for e in picked)]


def _set_aside(diary: Diary, begun: Start) -> list[Mark]:
    entries = diary.all("postponed", "cancelled", "handed_in", "lost")
    return [mark(e.fact) for e in entries if e.fact and mark(e.fact) > begun.mark]


def _unscheduled(diary: Diary, until: int, begun: Start, opening: int | None) -> Iterator[Answer]:
    done = _done(diary)
    agreed = since(begun, diary.about("pickup.agreed"))
    aside = _set_aside(diary, begun)
    early = local(begun.at).hour < 17

    def hard(at: int) -> int:
        if local(at).hour < 17:
            return instant(day_of(at), 19)
        return instant(day_of(at) + timedelta(days=1), 12)

    yield settle(
        diary, until, "N-22" if early else "N-23", begun, hard(begun.at), inclusive=False, ends=done,
        voids=aside + agreed, pauses=True, anew=hard,
    )  # fmt: skip
    if not early:
        return
    start = max(begun.at, instant(day_of(begun.at), 9))
    target = settle(
        diary, until, "N-20", begun, start + 2 * HOUR, start=start, inclusive=True, ends=done, voids=aside + agreed,
        pauses=True,
    )  # fmt: skip
    yield target
    if opening is not None:
        yield _rebook(diary, until, begun, opening, target, agreed, aside)


def _rebook(
    diary: Diary, until: int, begun: Start, start: int, target: Answer, agreed: list[Mark], aside: list[Mark]
) -> Answer:
    """N-21: judged by the first of an agreement, the missed target, a pickup in time, or what sets it aside."""
    told = [(m, "again") for m in agreed] + [(m, "void") for m in aside]
    if target.verdict == "met":
        told += [(m, "void") for m in _done(diary) if m[0] == target.end]
    if target.late_from is not None and target.late_from <= until:
        told.append(((target.late_from, -1, -1, ""), "missed"))
    stop, what = min(told, default=(None, "open"))
    due = due_under_holds(diary, start, start + HOUR, True, None, stop)
    late_from = None if due is None else target.late_from
    end = None if stop is None else stop[0]
    verdict = {"open": "open", "void": "void", "again": "met", "missed": "late"}[what]
    if stop is not None and what == "again" and due is not None and due < stop[0]:
        verdict, late_from = "late", stop[0]
    if what == "missed":
        told += [(m, "void") for m in _done(diary)]
        after = min([m for m in told if m[1] != "missed"], default=(None, "void"))
        end = after[0][0] if after[0] is not None and after[1] == "again" else None
    breached = max(late_from or 0, received(begun.fact)) if verdict == "late" else None
    return Answer("N-21", begun.fact.id, "", start, due, late_from, end, verdict, breached, False)


def _window(diary: Diary, until: int, window: Window, project: bool) -> Iterator[Answer]:
    begun = window.begun
    done = _done(diary)
    agreed = since(begun, diary.about("pickup.agreed"))
    aside = _set_aside(diary, begun)
    kept = settle(
        diary, until, "N-25", begun, window.closes, inclusive=True, ends=done, voids=aside + agreed, pauses=True,
        not_before=window.opens,
    )  # fmt: skip
    yield kept
    if project:
        yield settle(
            diary, until, "N-27", begun, window.from_ms - HOUR, inclusive=True, ends=agreed, voids=aside + done,
            limit=True,
        )  # fmt: skip
    yield _warning(diary, until, begun, kept, done, agreed + aside)


def _warning(diary: Diary, until: int, begun: Start, kept: Answer, done: list[Mark], aside: list[Mark]) -> Answer:
    if kept.due is None or kept.late_from is None:
        verdict = "open" if kept.end is None else "void"
        return replace(kept, clock="N-28", verdict=verdict, breached_at=None)
    due = kept.due - 15 * MINUTE
    warned = [mark(f) for f in diary.about("contact.logged") if begun.at <= f.at <= due]
    base = settle(diary, until, "N-28", begun, kept.due, inclusive=True, ends=warned, voids=done + aside)
    return replace(base, due=due)
