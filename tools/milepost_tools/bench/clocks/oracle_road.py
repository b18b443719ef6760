"""The oracle's clocks of road, delivery, papers, enquiries, complaints, claims (docs/clocks.md, last two tables)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.oracle_diary import Diary, Entry
from milepost_tools.bench.clocks.oracle_facts import MINUTE, day_of, instant, local, recorded
from milepost_tools.bench.clocks.oracle_judge import Answer, Mark, Start, mark, recorded_mark, settle, since

_SIGNED = ("signed", "signed_abnormal")
_DONE = (*_SIGNED, "refused")
_COMPLAINTS = {"mail": ("N-53", 1), "change": ("N-53", 1), "1": ("N-54", 15), "2": ("N-57", 3)}
_AWAY = ("loaded", "reloaded", "departed", "lost")
_INSURED = ("accident", "theft", "wetting")


def road(diary: Diary, until: int) -> Iterator[Answer]:
    """N-30 to N-50."""
    yield from _tracking(diary, until)
    yield from _entries(diary, until)
    yield from _terminals(diary, until)
    yield from _waits(diary, until)
    yield from _receipt(diary, until)
    yield from _enquiries(diary, until)


def _facts_of(entries: Sequence[Entry]) -> list[Fact]:
    """The facts behind some lines, each once."""
    return list({e.fact.id: e.fact for e in entries if e.fact}.values())


def _start(fact: Fact) -> Start:
    return Start(fact, mark(fact), fact.at)


def _tracking(diary: Diary, until: int) -> Iterator[Answer]:
    """N-30, one clock per local day, from a hand-out until all that was handed out has come to its end."""
    over: Mark | None = None
    for handout in _facts_of(diary.all("handed_out")):
        if over is not None and mark(handout) < over:
            continue  # an entry of the running series
        units = {e.unit for e in diary.all("handed_out") if e.fact is handout}
        ended = _ended(diary, handout, units)
        over = max((mark(f) for f in ended), default=(until + 1, 0, 0, ""))
        last = max((day_of(recorded(f)) for f in ended), default=day_of(until))
        told = [handout, *_facts_of(diary.all(*_DONE)), *_losses(diary), *diary.about("track.entered", "handout.done")]
        day = day_of(handout.at)
        last = min(last, day_of(until), day + timedelta(days=400))
        while day <= last:
            start = max(handout.at, instant(day, 0))
            ends = [recorded_mark(f) for f in told if day_of(recorded(f)) == day and recorded(f) >= start]
            yield settle(
                diary, until, "N-30", _start(handout), instant(day, 24), start=start, inclusive=False, ends=ends,
                subject=day.isoformat(),
            )  # fmt: skip
            day += timedelta(days=1)


def _losses(diary: Diary) -> list[Fact]:
    return [f for f in diary.about("disposition.decided") if f.body["decision"] == "lost"]


def _ended(diary: Diary, handout: Fact, units: set[str]) -> list[Fact]:
    """The facts by which each unit handed out came to its end; none as long as one has not."""
    found: list[Fact] = []
    for unit in units:
        entries = [e for e in diary.all(*_DONE) if e.unit == unit]
        entries += [e for e in diary.all("released") if e.unit == unit and e.data == "lost"]
        facts = sorted([e.fact for e in entries if e.fact and mark(e.fact) > mark(handout)], key=mark)
        if not facts:
            return []
        found.append(facts[0])
    return found


def _entries(diary: Diary, until: int) -> Iterator[Answer]:
    """N-31 and N-32: the sign-off is written down in time."""
    for fact in _facts_of(diary.all(*_SIGNED)):
        early = local(fact.at).hour < 17
        due = instant(day_of(fact.at), 24) if early else instant(day_of(fact.at) + timedelta(days=1), 12)
        clock = "N-31" if early else "N-32"
        yield settle(diary, until, clock, _start(fact), due, inclusive=False, ends=[recorded_mark(fact)])


def _gatherings(diary: Diary, *places: str, ends: tuple[str, ...] = ()) -> list[tuple[int, Fact]]:
    """When the last counting unit had come in: place in the diary, and the arrival fact of that last unit.

    A stay ends by leaving on a line trip; `ends`: by what else.
    """
    inside: dict[str, Fact] = {}
    short = {e.unit for e in diary.all("released") if e.data == "short"}
    counting = {u.name for u in diary.counting} or set(diary.units) - short
    found: list[tuple[int, Fact]] = []
    whole = False
    for i, entry in enumerate(diary.entries):
        if entry.what in places and entry.fact:
            inside.setdefault(entry.unit, entry.fact)
        elif entry.what in ("at_hub", "at_terminal", *ends) or (entry.what == "departed" and entry.data != "out"):
            inside.pop(entry.unit, None)
        if i + 1 < len(diary.entries) and diary.entries[i + 1].fact is entry.fact:
            continue  # all that one fact does happens at once
        now = bool(counting) and counting <= set(inside)
        if now and not whole:
            found.append((i, max((inside[n] for n in counting), key=mark)))
        whole = now
    return found


def _after(diary: Diary, place: int, *what: str) -> list[Mark]:
    return [mark(e.fact) for e in diary.entries[place + 1 :] if e.what in what and e.fact]


def _all_done(diary: Diary, place: int) -> list[Mark]:
    """When the last counting unit had its outcome."""
    first: dict[str, Mark] = {}
    for entry in diary.entries[place + 1 :]:
        if entry.what in _DONE and entry.fact:
            first.setdefault(entry.unit, mark(entry.fact))
    names = {u.name for u in diary.counting}
    return [max(first[n] for n in names)] if names and names <= set(first) else []


def _terminals(diary: Diary, until: int) -> Iterator[Answer]:
    """N-33, N-34, N-35."""
    project = diary.submitted is not None and diary.submitted.body["class"] == "project"
    for place, fact in _gatherings(diary, "at_hub", "at_terminal", ends=("loaded", "reloaded")) if project else []:
        decided = _decided(diary, place, fact)
        if decided is not None:
            due = instant(day_of(fact.at) + timedelta(days=1), 24)
            ends = [m for m in _after(diary, place, "handed_out") if m > decided]
            voids = [m for m in _after(diary, place, *_AWAY) if m > decided]
            yield settle(diary, until, "N-33", _start(fact), due, inclusive=False, ends=ends, voids=voids)
    names: list[tuple[Mark, str]] = []
    for place, fact in _gatherings(diary, "at_terminal"):
        if _mode(diary, fact) in ("direct", "handout", "collect"):
            continue
        noon = instant(day_of(fact.at), 12)
        clock = "N-34" if fact.at <= noon else "N-35"
        names.append((mark(fact), clock))
        due = instant(day_of(fact.at), 20, 30) if clock == "N-34" else instant(day_of(fact.at) + timedelta(days=1), 12)
        line = [mark(e.fact) for e in diary.entries[place + 1 :] if e.what == "departed" and e.data != "out" and e.fact]
        voids = line + _after(diary, place, "delivery_failed", "handed_out", "lost")
        yield settle(diary, until, clock, _start(fact), due, inclusive=False, ends=_all_done(diary, place), voids=voids)
    yield from _appointments(diary, until, names)


def _decided(diary: Diary, place: int, arrival: Fact) -> Mark | None:
    """When it was known that what came in is to be handed out: at the arrival, or by a routing while it is there."""
    if _mode(diary, arrival) == "handout":
        return mark(arrival)
    gone = min(_after(diary, place, "handed_out", *_AWAY), default=None)
    routed = [mark(f) for f in diary.about("order.routed") if f.body["mode"] == "handout" and mark(f) > mark(arrival)]
    return next((m for m in routed if gone is None or m < gone), None)


def _mode(diary: Diary, arrival: Fact) -> str | None:
    """How the order was routed when it came in."""
    modes = [f.body["mode"] for f in diary.about("order.routed") if mark(f) < mark(arrival)]
    return modes[-1] if modes else None


def _appointments(diary: Diary, until: int, names: list[tuple[Mark, str]]) -> Iterator[Answer]:
    """N-34 or N-35 again: by the name that the arrival before the appointment gave."""
    failures = [mark(f) for f in _facts_of(diary.all("delivery_failed"))]
    for fact in diary.about("delivery.agreed"):
        if not any(m < mark(fact) for m in failures) or any(m < mark(fact) for m in _all_done(diary, -1)):
            continue
        place = max((i for i, e in enumerate(diary.entries) if e.fact and mark(e.fact) < mark(fact)), default=-1)
        clock = max(((m, name) for m, name in names if m < mark(fact)), default=(None, "N-34"))[1]
        lost = [mark(e.fact) for e in diary.all("lost") if e.fact]
        if any(m < mark(fact) for m in lost):
            continue
        voids = since(_start(fact), diary.about("delivery.agreed")) + [m for m in failures + lost if m > mark(fact)]
        yield settle(
            diary, until, clock, _start(fact), fact.body["to"], inclusive=True, ends=_all_done(diary, place),
            voids=voids,
        )  # fmt: skip


def _waits(diary: Diary, until: int) -> Iterator[Answer]:
    """N-38: waiting at the consignee."""
    for stop in _facts_of(diary.all("stopped")):
        place = max(i for i, e in enumerate(diary.entries) if e.fact is stop and e.what == "stopped")
        due = stop.at + 30 * MINUTE
        can = [f for f in diary.about("contact.logged") if (f.body.get("can_receive_at") or due + 1) <= due]
        ends = _after(diary, place, *_DONE, "delivery_failed") + since(_start(stop), can)
        voids = _after(diary, place, "stopped", "left", "departed", "lost")
        yield settle(diary, until, "N-38", _start(stop), due, inclusive=True, ends=ends, voids=voids)


def _receipt(diary: Diary, until: int) -> Iterator[Answer]:
    """N-40: the slip comes back."""
    if not diary.counting or any(u.outcome not in _SIGNED for u in diary.counting):
        return
    last = max(_facts_of(diary.all(*_SIGNED)), key=mark)
    due = instant(day_of(last.at) + timedelta(days=3), 24)
    returned = _after(diary, -1, "receipt_returned")
    if any(m < mark(last) for m in returned):
        return
    ends = [m for m in returned if m > mark(last)]
    yield settle(diary, until, "N-40", _start(last), due, inclusive=False, ends=ends)


def _enquiries(diary: Diary, until: int) -> Iterator[Answer]:
    waybills = {f.body["waybill"] for f in diary.about("waybill.issued")}
    about = [f for f in diary.facts if f.subjects.get("order") == diary.order or f.body.get("waybill") in waybills]
    about = [f for f in about if f.body.get("waybill")]
    for asked in about:
        if asked.kind == "location.requested":
            answers = [f for f in about if f.kind == "location.answered"]
            same = [f for f in answers if f.body["waybill"] == asked.body["waybill"]]
            yield settle(
                diary, until, "N-50", _start(asked), asked.at + 15 * MINUTE, inclusive=True,
                ends=since(_start(asked), same),
            )  # fmt: skip


def care(diary: Diary, until: int, holidays: frozenset[date], workdays: frozenset[date]) -> Iterator[Answer]:
    """N-53 to N-61: complaints and claims in working days."""

    def nth_working_day(start: int, n: int) -> int:
        day = day_of(start)
        while n:
            day += timedelta(days=1)
            if day in workdays or (day.weekday() < 5 and day not in holidays):
                n -= 1
        return instant(day, 24)

    claims = diary.about("claim.lodged")
    big = [f for f in claims if f.body["amount"] >= 10_000]
    for lodged in diary.about("complaint.lodged"):
        if lodged.body["about"] in _INSURED or lodged.body["class"] == "3":
            continue
        clock, days = _COMPLAINTS.get(lodged.body["class"], ("N-61", 7))
        begun, subject = _start(lodged), lodged.body["complaint"]
        closed = [f for f in diary.about("complaint.closed") if f.body["complaint"] == subject]
        ends = since(begun, closed)
        taken = [mark(f) if mark(f) > begun.mark else begun.mark for f in big] if clock == "N-54" else []
        yield settle(
            diary, until, clock, begun, nth_working_day(lodged.at, days), inclusive=False, ends=ends, voids=taken,
            subject=subject,
        )  # fmt: skip
        closed_at = min(ends, default=None)
        if taken and (closed_at is None or min(taken) < closed_at):
            yield settle(
                diary, until, "N-55", begun, nth_working_day(lodged.at, 30), inclusive=False, ends=ends,
                subject=subject,
            )  # fmt: skip
    for complete in diary.about("claim.documents_complete"):
        subject = complete.body["claim"]
        same = [f for f in claims if f.body["claim"] == subject]
        if not same:
            continue
        lodged = same[-1]
        if lodged.body["amount"] <= 500:
            clock, days = "N-58", 3
        else:
            clock, days = ("N-59", 3) if lodged.body["declared"] < 10_000 else ("N-60", 7)
        proposed = [f for f in diary.about("claim.proposed") if f.body["claim"] == subject]
        begun = _start(complete)
        yield settle(
            diary, until, clock, begun, nth_working_day(complete.at, days), inclusive=False,
            ends=since(begun, proposed), subject=subject,
        )  # fmt: skip
