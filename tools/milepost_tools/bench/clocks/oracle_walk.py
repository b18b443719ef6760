"""The oracle's walk through the facts of an order: the desk and the papers (docs/clocks.md, docs/facts.md)."""

from collections.abc import Sequence
from datetime import date, timedelta

from milepost.evidence.model import Fact
from milepost.orders.vocabulary import RANK
from milepost_tools.bench.clocks.oracle_diary import STEPS, Diary, Unit, kind_of_trip, trip_of
from milepost_tools.bench.clocks.oracle_facts import instant, place
from milepost_tools.bench.clocks.oracle_goods import move

POSTPONE_MAX_DAYS = 3


def write(facts: Sequence[Fact], order: str, until: int) -> Diary:
    """The diary of an order over facts that are already chosen, corrected and sorted."""
    diary = Diary(order, facts)
    names = [u["unit"] for f in diary.about("order.units")[:1] for u in f.body["units"]] or [f"{order}#"]
    diary.units = {name: Unit(name) for name in names}
    for fact in facts:
        _wake(diary, (fact.at, RANK[fact.kind]))
        _list(diary, fact)
        _desk(diary, fact)
        _papers(diary, fact)
        move(diary, fact)
    _wake(diary, (until, len(RANK)))
    return diary


def _wake(diary: Diary, now: tuple[int, int]) -> None:
    """At one instant the waking stands where a postponement would stand."""
    if diary.wake_at is None or diary.desk != "postponed" or (diary.wake_at, RANK["order.postponed"]) > now:
        return
    diary.desk = diary.before
    diary.tell(None, "woken", at=diary.wake_at, data=diary.wake_for)
    diary.wake_at = None


def _list(diary: Diary, fact: Fact) -> None:
    """Units listed later; once all has its outcome, what is listed on top has no effect."""
    if fact.kind == "order.units" and fact.subjects.get("order") == diary.order and not diary.closed:
        for unit in fact.body["units"]:
            diary.units.setdefault(unit["unit"], Unit(unit["unit"]))


def _desk(diary: Diary, fact: Fact) -> None:
    if fact.subjects.get("order") != diary.order:
        return
    dead = diary.desk == "cancelled" or diary.closed
    match fact.kind:
        case "order.requested" if not diary.desk:
            diary.desk = "requested"
        case "order.submitted" if diary.no_further_than("requested"):
            _reach(diary, fact, "submitted")
            if fact.body.get("branch"):
                _arrive(diary, fact, fact.body["branch"])
        case "order.assigned" if diary.desk != "cancelled":
            _assign(diary, fact)
        case "order.accepted" if diary.desk != "cancelled":
            _accept(diary, fact, fact.body["branch"])
            diary.branch = fact.body["branch"]
        case "order.rerouted" if not dead:
            diary.tell(fact, "rerouted")
            _arrive(diary, fact, fact.body["to_branch"])
        case "order.confirmed" if diary.desk != "cancelled":
            _accept(diary, fact, diary.branch)
            _reach(diary, fact, "confirmed")
        case "order.postponed" if not dead:
            _postpone(diary, fact)
        case "order.cancelled" if not diary.closed:
            diary.desk = "cancelled"
            diary.tell(fact, "cancelled")
        case _:
            pass


def _reach(diary: Diary, fact: Fact, state: str) -> None:
    """A step forward, while postponed too; only a confirmation ends that. Nothing for what has come as far already."""
    if diary.no_further_than(STEPS[STEPS.index(state) - 1]):
        if diary.desk == "postponed" and state != "confirmed":
            diary.before = state
        else:
            diary.desk = state
        diary.tell(fact, state, data=diary.desk)


def _assign(diary: Diary, fact: Fact) -> None:
    """Coming to the branch where it is already is nothing new."""
    branch = fact.body["branch"]
    if diary.no_further_than("submitted"):
        _reach(diary, fact, "submitted")
        _arrive(diary, fact, branch)
    elif diary.desk != "postponed" and branch != diary.branch and (diary.desk == "assigned" or _told(diary, fact)):
        _arrive(diary, fact, branch)
    diary.branch = branch


def _told(diary: Diary, fact: Fact) -> bool:
    """The branch itself has said that it accepted; what a confirmation inferred may still be told."""
    came = [e.fact for e in diary.all("assigned") if e.fact]
    since = place(came[-1]) if came else (0, 0, "")
    return any(since <= place(f) < place(fact) for f in diary.about("order.accepted"))


def _arrive(diary: Diary, fact: Fact, branch: str | None) -> None:
    diary.branch = branch
    if diary.desk == "postponed" and fact.kind != "order.rerouted":
        diary.before = "assigned"
    else:
        diary.desk = "assigned"
    if diary.arrived is None:
        diary.arrived = fact.at
    diary.tell(fact, "assigned", data=branch)


def _accept(diary: Diary, fact: Fact, branch: str | None) -> None:
    """Accepted, with what this infers below it."""
    _reach(diary, fact, "submitted")
    if diary.no_further_than("submitted"):
        _arrive(diary, fact, branch)
    _reach(diary, fact, "accepted")


def _postpone(diary: Diary, fact: Fact) -> None:
    to = date.fromisoformat(fact.body["to"])
    if diary.d0 is not None and to > diary.d0 + timedelta(days=POSTPONE_MAX_DAYS):
        diary.tell(fact, "declined", data=to)
        return
    if diary.desk != "postponed":
        diary.before = diary.desk
    diary.desk = "postponed"
    diary.wake_at, diary.wake_for = instant(to, 8), fact
    diary.tell(fact, "postponed", data=to)


def _papers(diary: Diary, fact: Fact) -> None:
    if fact.subjects.get("order") != diary.order:
        return
    match fact.kind:
        case "pickup.done":
            diary.tell(fact, "picked_up", data=_stop_of_visit(diary, fact))
        case "goods.handed_in":
            diary.tell(fact, "handed_in")
        case "order.readied":
            diary.tell(fact, "ready")
        case "unit.picked":
            _picked(diary, fact)
        case "waybill.issued":
            diary.tell(fact, "waybilled")
        case "receipt.returned" if fact.body["qualified"] and fact.by.role != "device" and fact.source == "person":
            diary.tell(fact, "receipt_returned")
        case _:
            pass


def _stop_of_visit(diary: Diary, done: Fact) -> Fact | None:
    """The stop at the shipper of the vehicle whose pickup trip lists the order by then, if it has not left since."""
    submitted = diary.submitted
    shipper = submitted.body["from"].get("site") if submitted else None
    earlier = [f for f in diary.facts if (f.at, RANK[f.kind], f.id) < (done.at, RANK[done.kind], done.id)]
    listed = {f.subjects["trip"] for f in earlier if f.kind == "trip.expected" and f.subjects["order"] == diary.order}
    found: Fact | None = None
    for fact in earlier:
        vehicle = fact.subjects.get("vehicle")
        trip = trip_of(diary, vehicle, done.at)
        if fact.subjects.get("site") != shipper or trip not in listed or kind_of_trip(diary, trip) != "pickup":
            continue
        if fact.kind == "vehicle.stopped" and found is None:
            found = fact
        if fact.kind == "vehicle.left" and found is not None and vehicle == found.subjects["vehicle"]:
            found = None
    return found


def _picked(diary: Diary, fact: Fact) -> None:
    """Ready by picking: every unit, or the whole quantity of every line, is there."""
    done = [f for f in diary.about("unit.picked") if (f.at, f.id) <= (fact.at, fact.id)]
    units = [n for n in diary.units if not n.endswith("#")]
    submitted = diary.submitted
    lines = submitted.body["lines"] if submitted else []
    by_unit = bool(units) and {f.subjects.get("unit") for f in done} >= set(units)
    by_line = bool(lines) and all(
        sum(f.body.get("qty", 0) for f in done if f.body.get("line") == line["line"]) >= line["qty"] for line in lines
    )
    if (by_unit or by_line) and not diary.all("ready"):
        diary.tell(fact, "ready")
