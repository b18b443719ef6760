"""Points, thresholds and sanctions as proposals for approval; nothing here punishes (C9; REQUIREMENTS B7, X-16, X-25).

Everything is a function of the figures, so a proposal comes and goes with the facts it rests on; only a decision is
kept, by the proposal's stable id.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from milepost.clocks.policy import PolicySet, Resolved
from milepost.errors import Invalid
from milepost.evidence.model import Fact, fact_id
from milepost.orders.model import Calendar
from milepost.reports import sanctions
from milepost.reports.model import Clock, Figure, Place, Places
from milepost.reports.points import BIG_REGION_LADDER, REGION_LADDER, Entry, Ladder, climb, parse_points
from milepost.reports.sanctions import RULES

STATUSES = ("open", "superseded", "approved", "rejected")
_HARD_PICKUP = ("N-22", "N-23", "N-25")
_DELIVERY = ("N-33", "N-34", "N-35")
CLOCKS = ("N-01", "N-40", *_HARD_PICKUP, *_DELIVERY)  # what `propose` looks at
_ATTITUDE_POINTS = "PT-8"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a named person decided about a proposal."""

    verdict: str  # approved or rejected
    by: str
    at: int  # UTC ms


@dataclass(frozen=True, slots=True)
class Proposal:
    """One thing to approve or reject. `cause` and `who` make its identity; money is in yuan."""

    rule: str
    role: str
    period: str  # YYYY-MM
    at: int  # UTC ms
    cause: str
    evidence: tuple[str, ...]
    branch: str | None = None
    region: str | None = None
    big_region: str | None = None
    order: str | None = None
    clock: str | None = None
    score: int | None = None
    points: int | None = None
    amount: float | None = None
    status: str = "open"
    superseded_by: str | None = None
    final: bool = True
    flags: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def id(self) -> str:
        """Stable: the same cause for the same person is the same proposal. Begins with the month it counts in."""
        who = [self.role, self.branch or "", self.region or "", self.big_region or ""]
        return f"{self.period}.{self.rule}.{fact_id('proposal', {}, [self.rule, *who, self.period, self.cause])[-12:]}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `at` in UTC ms."""
        rule, made = RULES[self.rule], self.decision
        return {
            "id": self.id,
            "rule": self.rule.rstrip("bc"),
            "article": rule.article,
            "text": {"zh": rule.zh, "en": rule.en},
            "who": {"role": self.role, "branch": self.branch, "region": self.region, "big_region": self.big_region},
            "period": self.period,
            "at": self.at,
            "order": self.order,
            "clock": self.clock,
            "evidence": list(self.evidence),
            "score": self.score,
            "points": self.points,
            "amount": self.amount,
            "currency": None if self.amount is None else "CNY",
            "status": self.status,
            "superseded_by": self.superseded_by,
            "final": self.final,
            "flags": list(self.flags),
            "decided_by": made.by if made else None,
            "decided_at": made.at if made else None,
        }


def propose(
    figures: Iterable[Figure],
    until: int,
    *,
    places: Places | None = None,
    calendar: Calendar | None = None,
    policies: PolicySet | None = None,
    decisions: Mapping[str, Decision] | None = None,
) -> list[Proposal]:
    """Every proposal that the figures give rise to, as of `until` (UTC ms), by month, rule and time.

    `places`: where each branch belongs; `policies`: N-18, N-19 and N-29 as they stood when a clock started;
    `decisions`: by id of the proposal.
    """
    view = _View(until, places or {}, calendar or Calendar(), policies or PolicySet())
    known = list(figures)
    found: list[Proposal] = []
    for figure in known:
        found += _acceptance(view, figure)
        found += _complaints(view, figure)
        found += _slips(view, figure)
        found += _delays(view, figure)
    found += _pickups(view, known)
    found += _running_attitude(view, known)
    found += _thresholds(view, known)
    unique = {proposal.id: proposal for proposal in found}
    decided = [_decided(each, (decisions or {}).get(each.id)) for each in unique.values()]
    return sorted(decided, key=lambda each: (each.period, each.rule, each.at, each.id))


def decisions_of(facts: Iterable[Fact]) -> dict[str, Decision]:
    """What was decided, by proposal; of several decisions the last one holds."""
    said = sorted((f for f in facts if f.kind == "proposal.decided"), key=lambda fact: (fact.at, fact.rev, fact.id))
    return {str(f.body.get("proposal")): Decision(str(f.body.get("verdict")), f.by.id, f.at) for f in said}


@dataclass(frozen=True, slots=True)
class _View:
    until: int
    places: Places
    calendar: Calendar
    policies: PolicySet

    def place(self, branch: str | None) -> Place:
        return self.places.get(branch or "", Place())

    def policy(self, figure: Figure, clock: Clock) -> Resolved:
        """The policy of a clock: the version of its start instant (C8)."""
        return self.policies.at(figure.deeds.channel, figure.deeds.klass, clock.start)

    def month(self, at: int) -> str:
        return self.calendar.local(at).strftime("%Y-%m")

    def closed(self, period: str) -> bool:
        """True when the month is over: its tiers are final (X-16)."""
        first = date.fromisoformat(f"{period}-01")
        following = (first + timedelta(days=31)).replace(day=1)
        return self.month(self.until) >= following.strftime("%Y-%m")


def _decided(proposal: Proposal, decision: Decision | None) -> Proposal:
    if decision is None or decision.verdict not in ("approved", "rejected"):
        return proposal
    return replace(proposal, status=decision.verdict, decision=decision)


def _acceptance(view: _View, figure: Figure) -> Iterator[Proposal]:
    """N-18, N-19, FN-1: suppressed where the lateness is excusable or was verified as exempt (N-14, EO-20)."""
    for clock in figure.clocks:
        if clock.clock != "N-01" or clock.verdict != "late" or clock.excusable:
            continue
        took = (view.until if clock.end is None else clock.end) - clock.start
        policy = view.policy(figure, clock)
        for role, key in (("branch", "sanction.accept.dept"), ("regional_manager", "sanction.accept.region")):
            if took > policy.duration(key):  # C4: strictly more
                yield _of_clock(view, "FN-1", role, figure, clock)


def _complaints(view: _View, figure: Figure) -> Iterator[Proposal]:
    """FN-2…5, FN-7, FN-9, FN-12: from complaints that somebody substantiated."""
    deeds = figure.deeds
    for complaint in deeds.complaints:
        if not complaint["points"]:
            continue
        about, at = str(complaint["about"]), complaint["points"][0]["at"]
        evidence = (complaint["fact"], *(point["fact"] for point in complaint["points"]))
        roles: list[tuple[str, str]] = []
        amount, points = None, None
        flags: tuple[str, ...] = ()
        if about in sanctions.NO_CONTACT and not deeds.contacted:
            roles = [("FN-2", "branch_manager"), ("FN-2", "regional_manager"), ("FN-2", "region_director")]
            roles.append(("FN-5", "branch_manager"))
        elif about in sanctions.FALSE_REASON and deeds.cancelled:
            roles = [("FN-3", "branch_manager"), ("FN-3", "regional_manager"), ("FN-3", "region_director")]
        elif about in sanctions.UNTRUE:
            roles = [("FN-4", "regional_manager")]
        elif about in sanctions.OVERCHARGE:
            roles = [("FN-12", "branch")]
            amount = None if deeds.freight is None else float(_cents(Decimal(str(deeds.freight)) * 3))
            flags = () if deeds.freight is not None else ("freight_unknown",)
        elif deeds.klass == "project" and _is_attitude(complaint):
            roles, amount = [("FN-7", "person")], 100.0
        elif deeds.klass == "project" and about in sanctions.BREACH:
            lost = sum((Decimal(str(loss["amount"])) for loss in deeds.losses), Decimal(0))
            if lost > 0:
                roles, points = [("FN-9", "branch_manager")], 5
                amount = float(_cents(lost * Decimal("0.30")))
                evidence = (*evidence, *(loss["fact"] for loss in deeds.losses))
        place = view.place(deeds.branch)
        for rule, role in roles:
            yield Proposal(
                rule, role, view.month(at), at, f"{deeds.order}/{complaint['id']}", evidence, deeds.branch,
                place.region, place.big_region, deeds.order, amount=amount, points=points, flags=flags,
            )  # fmt: skip


def _slips(view: _View, figure: Figure) -> Iterator[Proposal]:
    """FN-11: late or unqualified 20, to be signed again and late 30, lost 50; for the clerk and the manager each."""
    deeds = figure.deeds
    late = next((clock for clock in figure.clocks if clock.clock == "N-40" and clock.verdict == "late"), None)
    lost = [slip for slip in deeds.slips if slip["what"] == "lost"]
    unqualified = [slip for slip in deeds.slips if slip["what"] == "unqualified"]
    if late is None and not deeds.slips:
        return
    if lost:
        rule, amount, at = "FN-11c", 50.0, lost[0]["at"]
    elif late is not None:
        rule, amount, at = ("FN-11b", 30.0, late.late_from) if unqualified else ("FN-11", 20.0, late.late_from)
    else:
        rule, amount, at = "FN-11", 20.0, unqualified[0]["at"]
    at = int(at or view.until)
    evidence = tuple(slip["fact"] for slip in deeds.slips) + ((late.start_fact,) if late else ())
    place = view.place(deeds.branch)
    for role in ("clerk", "branch_manager"):
        yield Proposal(
            rule, role, view.month(at), at, deeds.order, evidence, deeds.branch, place.region, place.big_region,
            deeds.order, "N-40" if late else None, amount=amount,
        )  # fmt: skip


def _delays(view: _View, figure: Figure) -> Iterator[Proposal]:
    """FN-10: goods of a project customer handed out or delivered late; once per waybill."""
    if figure.deeds.klass != "project":
        return
    late = [c for c in figure.clocks if c.clock in _DELIVERY and c.verdict == "late" and not c.excusable]
    if late:
        first = min(late, key=lambda clock: clock.late_from or 0)
        yield replace(_of_clock(view, "FN-10", "branch_manager", figure, first), amount=20.0, cause=figure.deeds.order)


def _pickups(view: _View, figures: Sequence[Figure]) -> Iterator[Proposal]:
    """N-29 after X-25: consecutive due pickups of a branch (two), in one month, all late, all with a complaint."""
    due: dict[tuple[str, str], list[tuple[int, str, Clock, Figure]]] = {}
    for figure in figures:
        for clock in figure.clocks:
            if clock.clock in _HARD_PICKUP and clock.verdict in ("met", "early", "late") and clock.owner:
                at = clock.due or clock.start
                due.setdefault((clock.owner, view.month(at)), []).append((at, figure.deeds.order, clock, figure))
    for (branch, period), pickups in due.items():
        pickups.sort(key=lambda each: each[:2])
        run: list[tuple[Clock, Figure, str]] = []
        for _, _, clock, figure in pickups:
            complaint = _complaint_of_pickup(figure) if clock.verdict == "late" else None
            run = [*run, (clock, figure, complaint)] if complaint else []
            asked = max(view.policy(figure, clock).number("sanction.pickup.consecutive"), 1)
            if len(run) < asked:
                continue
            last = run[-asked:]
            cause = "/".join(each.deeds.order for _, each, _ in last)
            evidence = (*(each.start_fact for each, _, _ in last), *(fact for _, _, fact in last))
            at = int(clock.late_from or clock.due or clock.start)
            place = view.place(branch)
            yield Proposal("N-29", "branch_manager", period, at, cause, evidence, branch, place.region,
                           place.big_region, figure.deeds.order, clock.clock)  # fmt: skip


def _complaint_of_pickup(figure: Figure) -> str | None:
    for complaint in figure.deeds.complaints:
        if complaint["about"] not in sanctions.OTHER_MATTERS:
            return complaint["fact"]
    return None


def _running_attitude(view: _View, figures: Sequence[Figure]) -> Iterator[Proposal]:
    """FN-7: two attitude complaints of project customers running, or three in all, at one branch in a month."""
    months: dict[tuple[str, str], list[tuple[int, str, bool]]] = {}
    for figure in figures:
        deeds = figure.deeds
        for complaint in deeds.complaints if deeds.klass == "project" and deeds.branch else ():
            for point in complaint["points"][:1]:
                key = (str(deeds.branch), view.month(point["at"]))
                months.setdefault(key, []).append((point["at"], point["fact"], _is_attitude(complaint)))
    for (branch, period), entries in months.items():
        entries.sort()
        attitude = [entry for entry in entries if entry[2]]
        running = any(a[2] and b[2] for a, b in pairwise(entries))
        if running or len(attitude) >= 3:
            place = view.place(branch)
            evidence = tuple(fact for _, fact, _ in attitude)
            yield Proposal("FN-7b", "person", period, attitude[-1][0], "running", evidence, branch,
                           place.region, place.big_region)  # fmt: skip


def _is_attitude(complaint: Mapping[str, Any]) -> bool:
    points = (str(point["id"]).partition(":")[0] for point in complaint["points"])
    return complaint["about"] in sanctions.ATTITUDE or _ATTITUDE_POINTS in points


def _thresholds(view: _View, figures: Sequence[Figure]) -> Iterator[Proposal]:
    """TH-1…7 on the accounts of regions and big regions, per calendar month of the substantiation (X-16)."""
    regions: dict[tuple[str, str], list[Entry]] = {}
    big_regions: dict[tuple[str, str], list[Entry]] = {}
    big_of = {p.region: p.big_region for p in view.places.values() if p.region and p.big_region}
    for entry in entries_of(figures):
        month = view.month(entry.at)
        regions.setdefault((entry.region, month), []).append(entry)
        if big := big_of.get(entry.region):
            big_regions.setdefault((big, month), []).append(entry)
    for (region, month), entries in regions.items():
        yield from _climbed(view, entries, REGION_LADDER, month, region=region, big_region=big_of.get(region))
    for (big, month), entries in big_regions.items():
        yield from _climbed(view, entries, BIG_REGION_LADDER, month, region=None, big_region=big)


def _climbed(
    view: _View, entries: Sequence[Entry], ladder: Ladder, month: str, *, region: str | None, big_region: str | None
) -> Iterator[Proposal]:
    _, steps = climb(entries, ladder)
    made: list[list[Proposal]] = []
    for step in steps:
        flags = ("points_to_pick",) if step.open else ()
        if ladder is BIG_REGION_LADDER and step.tier == len(ladder) - 1:
            flags = (*flags, "above_the_ladder")
        made.append([
            Proposal(rule, role, month, step.at, f"{'region' if region else 'big'}/{step.tier}", step.facts, None,
                     region, big_region, score=step.score, final=view.closed(month), flags=flags)
            for rule, role in ladder[step.tier][1]
        ])  # fmt: skip
    for n, group in enumerate(made):
        for proposal in group:
            if n < len(made) - 1:
                yield replace(proposal, status="superseded", superseded_by=made[-1][0].id)
            else:
                yield proposal


def entries_of(figures: Iterable[Figure]) -> list[Entry]:
    """The substantiated complaints of all orders; one complaint costs each PT once, the last word picks its points."""
    found: list[Entry] = []
    for figure in figures:
        for complaint in figure.deeds.complaints:
            own: dict[str, Entry] = {}
            for point in sorted(complaint["points"], key=lambda each: (each["at"], each["fact"])):
                try:
                    picked = parse_points(str(point["id"]))
                except Invalid:
                    continue  # nothing we can count; the order keeps the fact
                first = own.get(picked.id)
                own[picked.id] = Entry(
                    point["at"] if first is None else first.at, point["fact"], complaint["id"], picked.id,
                    picked.points, picked.open, str(point["region"]), figure.deeds.branch,
                )  # fmt: skip
            found += own.values()
    return found


def _of_clock(view: _View, rule: str, role: str, figure: Figure, clock: Clock) -> Proposal:
    branch = clock.owner or figure.deeds.branch
    place = view.place(branch)
    at = int(clock.late_from or clock.due or clock.start)
    cause = f"{figure.deeds.order}/{clock.clock}/{clock.start_fact}/{clock.subject}"
    return Proposal(rule, role, view.month(at), at, cause, (clock.start_fact,), branch, place.region,
                    place.big_region, figure.deeds.order, clock.clock)  # fmt: skip


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)
