"""Use cases of the reports: follow the orders, count, propose, decide."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from milepost.access.model import Principal
from milepost.clocks import versions
from milepost.errors import Conflict, Forbidden, Invalid, NotFound
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import projector
from milepost.orders import service as orders
from milepost.orders.authority import author_role
from milepost.orders.projector import Change
from milepost.orders.vocabulary import KINDS
from milepost.reports import repository
from milepost.reports.kpi import CLOCKS, GROUPS, Group, kpi
from milepost.reports.model import Place, deeds_of
from milepost.reports.proposals import CLOCKS as PROPOSED_CLOCKS
from milepost.reports.proposals import Proposal, propose
from milepost.reports.repository import Wanted
from milepost.times import now_ms

# Who sees the figures, and who what is proposed (the administrator both).
STAFF = ("dispatcher", "desk", "call_centre", "branch_manager", "regional_manager", "claims", "finance", "auditor")
LEADERS = ("branch_manager", "regional_manager", "claims", "finance", "auditor")
DECIDERS = ("regional_manager",)
_PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
# Whoever holds one of these offices does not decide about them.
_ABOVE = frozenset({"regional_manager", "region_director", "division_manager"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about; days are inclusive."""

    group_by: Sequence[Group] = ()
    from_day: date | None = None
    to_day: date | None = None
    branch: str | None = None
    region: str | None = None
    channel: str | None = None
    klass: str | None = None


def install() -> None:
    """Follow every refold of an order, in its transaction (twice is once)."""
    projector.subscribe(on_changes)


def on_changes(conn: Connection, changes: Iterable[Change]) -> None:
    """Keep what the orders bring to the figures now; what their clocks bring is read from their table."""
    limits, calendar = projector.limits(conn), projector.calendar()
    told = [change for change in changes if not change.by_clock]
    repository.save(conn, [deeds_of(change.story, limits, calendar, change.number) for change in told])


def groups(names: Iterable[str]) -> tuple[Group, ...]:
    """Names to group by, each once. Raises Invalid for one that is none of GROUPS."""
    found = tuple(dict.fromkeys(name for name in names if name))
    for name in found:
        if name not in GROUPS:
            raise Invalid(f"group {name[:40]!r} is none of {', '.join(GROUPS)}")
    return tuple(group for name in found for group in GROUPS if group == name)


def figures(conn: Connection, who: Principal, asked: Asked) -> list[dict[str, Any]]:
    """The figures of the orders within a person's scopes; branches count for themselves (N-41…N-46a).

    Raises Forbidden for a branch or a region outside those scopes, Invalid for days in the wrong order.
    """
    if asked.from_day and asked.to_day and asked.from_day > asked.to_day:
        raise Invalid(f"from {asked.from_day} lies after to {asked.to_day}; swap them")
    places = _places(conn)
    only = _branches(who, asked, places)
    wanted = Wanted(
        asked.from_day and asked.from_day.isoformat(), asked.to_day and asked.to_day.isoformat(), only,
        asked.channel, asked.klass,
    )  # fmt: skip
    found = repository.figures(conn, who, wanted, CLOCKS)
    target = versions.in_force(conn).policies.at(None, None, now_ms()).amount("target.ontime.express")
    return kpi(found, asked.group_by, places, target, only)


def proposals(
    conn: Connection, who: Principal, period: str | None = None, *, status: str | None = None,
    branch: str | None = None, now: int | None = None,
) -> list[Proposal]:  # fmt: skip
    """The proposals of a month (default: this one) about people and places within a person's scopes.

    Raises Invalid for a period that is no month.
    """
    at = now_ms() if now is None else now
    period = period or projector.calendar().local(at).strftime("%Y-%m")
    from_ms, to_ms = _month(period)
    force, places = versions.in_force(conn), _places(conn)
    known = repository.figures_of_month(conn, from_ms, to_ms, PROPOSED_CLOCKS)
    found = propose(known, at, places=places, calendar=projector.calendar(), policies=force.policies)
    found = [each for each in found if each.period == period and _sees(who, each, places)]
    decided = repository.decisions(conn, {each.id for each in found})
    shown = [
        replace(each, status=decided[each.id].verdict, decision=decided[each.id]) if each.id in decided else each
        for each in found
    ]
    return [
        each for each in shown
        if (status is None or each.status == status) and (branch is None or each.branch == branch)
    ]  # fmt: skip


def decide(
    conn: Connection, me: Principal, proposal_id: str, verdict: str, why: str | None = None, key: str | None = None
) -> Proposal:
    """Approve or reject a proposal; the fact `proposal.decided` is written, and nothing else happens (C9).

    Deciding the same again changes nothing. Raises NotFound, Forbidden, Conflict when it was decided otherwise or a
    higher tier has superseded it.
    """
    period = proposal_id[:7]
    found = None
    if _PERIOD.fullmatch(period):
        found = next((each for each in proposals(conn, me, period) if each.id == proposal_id), None)
    if found is None:
        raise NotFound(f"no proposal {proposal_id!r}; GET /api/v1/reports/proposals lists those you may see")
    role = author_role(KINDS["proposal.decided"], me.roles, "person")
    if role is None:
        raise Forbidden("deciding needs one of the roles regional_manager, admin")
    if not me.has() and found.role in _ABOVE:
        raise Forbidden(f"a proposal about a {found.role} is decided above; ask an administrator")
    if found.decision is not None:
        if found.decision.verdict == verdict:
            return found
        told = {"verdict": found.decision.verdict, "by": found.decision.by}
        raise Conflict(f"it was {found.decision.verdict} already; that stands", changed=told)
    if found.status == "superseded":
        raise Conflict(f"a higher tier took its place; decide {found.superseded_by}", changed=found.superseded_by)
    now = now_ms()
    body = {"proposal": found.id, "verdict": verdict, "why": why}
    inputs = (f"{me.id}/{key}" if key else new_id(),)
    fact = Fact(
        id=fact_id("proposal.decided", {}, inputs), kind="proposal.decided", at=now, by=Author(role, me.id),
        subjects={}, body={name: value for name, value in body.items() if value is not None}, grade="B", inputs=inputs,
    )  # fmt: skip
    orders.record_facts(conn, me, [fact])
    try:
        repository.decide(conn, {"proposal": found.id, "verdict": verdict, "by_id": me.id, "at": now, "fact": fact.id})
    except IntegrityError:
        raise Conflict("somebody else has decided it just now; read it again", changed="verdict") from None
    decision = repository.decisions(conn, {found.id})[found.id]
    return replace(found, status=verdict, decision=decision)


def _places(conn: Connection) -> dict[str, Place]:
    return {row["id"]: Place(row["region"], row["big_region"]) for row in masterdata.branches(conn, active_only=False)}


def _branches(who: Principal, asked: Asked, places: dict[str, Place]) -> frozenset[str] | None:
    """The branches to count for; None: all of the company."""
    allowed = None if who.sees_all else who.scope_ids("branch")
    wanted = allowed
    if asked.branch is not None:
        if allowed is not None and asked.branch not in allowed:
            raise Forbidden(f"branch {asked.branch!r} lies outside your scopes")
        wanted = frozenset({asked.branch})
    if asked.region is not None:
        of_region = frozenset(branch for branch, place in places.items() if place.region == asked.region)
        wanted = of_region if wanted is None else wanted & of_region
    return wanted


def _sees(who: Principal, proposal: Proposal, places: dict[str, Place]) -> bool:
    """True when all that a proposal is about lies within a person's scopes."""
    if who.sees_all:
        return True
    mine = who.scope_ids("branch")
    if proposal.branch is not None:
        return proposal.branch in mine
    name, value = ("region", proposal.region) if proposal.region else ("big_region", proposal.big_region)
    about = {branch for branch, place in places.items() if getattr(place, name) == value}
    return bool(about) and about <= mine


def _month(period: str) -> tuple[int, int]:
    found = _PERIOD.fullmatch(period)
    if found is None or not 1970 <= int(found[1]) < 9999:
        raise Invalid(f"period {period!r} is no month; write it like 2026-03")
    year, month = int(found[1]), int(found[2])
    following = date(year + month // 12, month % 12 + 1, 1)
    calendar = projector.calendar()
    return calendar.instant(date(year, month, 1), time()), calendar.instant(following, time())
