"""The oracle's clocks of the desk: N-01 to N-19, N-44, N-79 (docs/clocks.md, The desk)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from milepost_tools.bench.clocks.oracle_diary import Diary, Entry
from milepost_tools.bench.clocks.oracle_facts import HOUR, MINUTE, day_of, instant, local, opened, received, recorded
from milepost_tools.bench.clocks.oracle_judge import (
    Answer,
    Mark,
    Start,
    before,
    later,
    mark,
    of_entry,
    recorded_mark,
    settle,
    since,
)
from milepost_tools.bench.clocks.oracle_walk import POSTPONE_MAX_DAYS

_EXEMPT = ("N-01", "N-02", "N-07", "N-17", "N-19")


def desk(diary: Diary, until: int) -> Iterator[Answer]:
    """Every clock of the desk."""
    for answer in _all(diary, until):
        if answer.verdict == "late" and answer.clock in _EXEMPT and _exempt(diary, answer):
            yield replace(answer, verdict="excused")
        elif answer.clock == "N-01" and answer.verdict == "late" and _filed_off_hours(diary, answer):
            yield replace(answer, excusable=True)
        else:
            yield answer


def _all(diary: Diary, until: int) -> Iterator[Answer]:
    goods, consignment = diary.type == "goods", diary.type == "consignment"
    for entry in diary.entries:
        match entry.what:
            case "submitted":
                yield from _submitted(diary, until, entry)
            case "assigned":
                yield from _assigned(diary, until, entry, consignment)
            case "accepted" if entry.data != "postponed":
                yield from _accepted(diary, until, entry, consignment)
            case "confirmed" if goods:
                yield from _picking(diary, until, entry)
            case "woken":
                yield from _woken(diary, until, entry)
            case "cancelled" if entry is diary.all("cancelled")[0] and diary.d0:
                yield _reason(diary, until, entry)
            case _:
                pass
    yield from _postponing(diary, until)
    yield from _shipping(diary, until)


def _filed_off_hours(diary: Diary, answer: Answer) -> bool:
    assert answer.due is not None
    filed = any(f.body.get("filed") for f in diary.about("remark.added"))
    return filed and not 8 <= local(answer.due).hour < 18


def _exempt(diary: Diary, answer: Answer) -> bool:
    started = next(f.at for f in diary.facts if f.id == answer.start_fact)
    return any(f.at >= started for f in diary.about("exempt.verified"))


def _submitted(diary: Diary, until: int, entry: Entry) -> Iterator[Answer]:
    begun = of_entry(entry)
    if begun.fact.kind != "order.submitted":
        return
    cancelled = later(diary, entry, "cancelled")
    if not begun.fact.body.get("branch"):
        start = opened(entry.at)
        ends = later(diary, entry, "assigned")
        yield settle(
            diary, until, "N-02", begun, start + 10 * MINUTE, start=start, inclusive=True, ends=ends, voids=cancelled
        )


def _shipping(diary: Diary, until: int) -> Iterator[Answer]:
    """N-44: an online order ships within a day, by its submission's own time."""
    if diary.submitted is None or not diary.submitted.body.get("online"):
        return
    begun = Start(diary.submitted, mark(diary.submitted), diary.submitted.at)
    ends = [mark(e.fact) for e in diary.all("waybilled") if e.fact]
    voids = [mark(e.fact) for e in diary.all("cancelled") if e.fact]
    if not any(m < begun.mark for m in ends + voids):
        yield settle(diary, until, "N-44", begun, begun.at + 24 * HOUR, inclusive=True, ends=ends, voids=voids)


def _assigned(diary: Diary, until: int, entry: Entry, consignment: bool) -> Iterator[Answer]:
    begun, start = of_entry(entry), opened(entry.at)
    ends, voids = later(diary, entry, "accepted"), later(diary, entry, "assigned", "cancelled")
    for clock, minutes in (("N-01", 10), ("N-07", 10), ("N-17", 10), ("N-19", 15)):
        yield settle(
            diary, until, clock, begun, start + minutes * MINUTE, start=start, inclusive=True, ends=ends, voids=voids
        )
    if consignment:
        due = instant(_business_day(diary, day_of(start)), 23)
        yield settle(diary, until, "N-10", begun, due, start=start, inclusive=False, ends=ends, voids=voids)


def _business_day(diary: Diary, day: date) -> date:
    return day if diary.d0 is None else max(diary.d0, day)


def _accepted(diary: Diary, until: int, entry: Entry, consignment: bool) -> Iterator[Answer]:
    begun = of_entry(entry)
    yield settle(
        diary, until, "N-05", begun, entry.at + 5 * MINUTE, inclusive=True, ends=later(diary, entry, "rerouted"),
        voids=later(diary, entry, "cancelled") + _taken_elsewhere(diary, entry), limit=True,
    )  # fmt: skip
    if not consignment:
        return
    yield settle(
        diary, until, "N-09", begun, entry.at + 30 * MINUTE, inclusive=True,
        ends=since(begun, diary.about("note.printed")),
        voids=later(diary, entry, "assigned", "postponed", "cancelled"), pauses=True,
    )  # fmt: skip
    yield from _ship_or_say(diary, until, entry)


def _taken_elsewhere(diary: Diary, entry: Entry) -> list[Mark]:
    """The call centre takes an accepted order to another branch, without a re-routing."""
    return sorted(set(later(diary, entry, "assigned")) - set(later(diary, entry, "rerouted")))


def _ship_or_say(diary: Diary, until: int, entry: Entry) -> Iterator[Answer]:
    """N-11 and N-15, from an acceptance or a waking; not for what is shipped already."""
    if before(diary, entry, "waybilled"):
        return
    begun = of_entry(entry)
    moved = later(diary, entry, "assigned", "postponed")

    def midnight(at: int) -> int:
        return instant(_business_day(diary, day_of(at)), 24)

    yield settle(
        diary, until, "N-11", begun, midnight(entry.at), inclusive=False,
        ends=later(diary, entry, "waybilled", "cancelled"), voids=moved, pauses=True, anew=midnight,
    )  # fmt: skip
    remarks = [f for f in diary.about("remark.added") if f.body["remark"] == "track" and recorded(f) >= begun.at]
    yield settle(
        diary, until, "N-15", begun, instant(_business_day(diary, day_of(entry.at)), 23), inclusive=False,
        ends=[recorded_mark(f) for f in remarks], voids=moved + later(diary, entry, "waybilled", "cancelled"),
    )  # fmt: skip


def _picking(diary: Diary, until: int, entry: Entry) -> Iterator[Answer]:
    """N-79; not for what is picked already."""
    if before(diary, entry, "ready", "waybilled"):
        return

    def due(at: int) -> int:
        return instant(_business_day(diary, day_of(at)) + timedelta(days=1), 24)

    yield settle(
        diary, until, "N-79", of_entry(entry), due(entry.at), inclusive=False,
        ends=later(diary, entry, "ready", "waybilled"), voids=later(diary, entry, "postponed", "cancelled"),
        pauses=True, anew=due,
    )  # fmt: skip


def _woken(diary: Diary, until: int, entry: Entry) -> Iterator[Answer]:
    steps = [e.what for e in before(diary, entry, "assigned", "accepted", "confirmed")]
    if diary.type == "goods" and steps and steps[-1] == "confirmed":
        yield from _picking(diary, until, entry)
    if diary.type == "consignment" and steps and steps[-1] != "assigned":
        yield from _ship_or_say(diary, until, entry)


def _reason(diary: Diary, until: int, entry: Entry) -> Answer:
    begun = of_entry(entry)
    ends = [recorded_mark(f) for f in diary.about("cancel.reason")]
    if begun.fact.body.get("reason"):
        ends.append(recorded_mark(begun.fact))
    due = instant(_business_day(diary, day_of(entry.at)), 24)
    return settle(diary, until, "N-12", begun, due, inclusive=False, ends=ends)


def _postponing(diary: Diary, until: int) -> Iterator[Answer]:
    """N-04: judged only if somebody postpones."""
    if diary.d0 is None:
        return
    entry = diary.all("assigned")[0]
    begun = of_entry(entry)
    last = diary.d0 + timedelta(days=POSTPONE_MAX_DAYS)
    answer = settle(
        diary, until, "N-04", begun, instant(last, 24), inclusive=False, ends=[],
        voids=later(diary, entry, "cancelled"), limit=True,
    )  # fmt: skip
    acts = [e for e in diary.all("postponed", "declined") if e.fact and mark(e.fact) > begun.mark]
    if not acts:
        yield answer
        return
    act = next((e for e in acts if e.data > last), acts[0])
    assert act.fact is not None
    if act.data > last:
        breached = max(act.at, received(begun.fact))
        yield replace(answer, end=act.at, late_from=act.at, verdict="late", breached_at=breached)
    else:
        yield replace(answer, end=act.at, verdict="met", breached_at=None)
