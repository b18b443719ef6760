"""What `milepost judge` says of a set of facts: the same fold and the same clocks as the server's, on plain data."""

from collections.abc import Iterable, Mapping
from typing import Any

from milepost.clocks.calendar import Calendars
from milepost.clocks.engine import Judged, judge_facts, loose
from milepost.clocks.model import shown
from milepost.clocks.policy import PolicySet
from milepost.evidence.model import Fact
from milepost.notify.model import notices
from milepost.orders.fold.choose import chosen
from milepost.reports.kpi import Group, kpi
from milepost.reports.model import Figure, deeds_of, places_of
from milepost.reports.proposals import Proposal, decisions_of, propose
from milepost.times import to_rfc3339

# Every table of figures in the answer, and what it is grouped by.
TABLES: Mapping[str, tuple[Group, ...]] = {
    "by_branch": ("branch",),
    "by_region": ("region",),
    "by_big_region": ("big_region",),
    "by_channel": ("channel",),
    "by_class": ("class",),
    "by_period": ("period",),
    "by_product": ("product",),
}
_TIMES = frozenset(
    {"at", "since", "recorded_at", "opened_at", "closed_at", "placed_at", "eta", "due", "start", "late_from"}
)
_ORDER = (
    "type", "state", "stage", "current", "outcome", "branch", "customer", "channel", "customer_class", "d0", "waybill",
    "mode", "trip", "vehicle", "carrier", "disposition", "stages", "tally", "lines", "units", "deliveries", "counters",
    "exceptions", "flags",
)  # fmt: skip


def judge_all(facts: Iterable[Fact], policies: PolicySet, calendars: Calendars, until: int) -> dict[str, Any]:
    """Every order with its stages, clocks, exceptions and notices; proposals; figures. Times are RFC 3339 in UTC.

    `until`: UTC ms; what happened or was received later is not there yet. The result is plain JSON.
    """
    given = list(facts)
    known = chosen(given, until)
    orders = judge_facts(given, policies, calendars, until)
    places = places_of(known)
    figures = [Figure(deeds_of(judged.story, policies, calendars.company), judged.clocks) for judged in orders.values()]
    found = propose(
        figures, until, places=places, calendar=calendars.company, policies=policies, decisions=decisions_of(known)
    )
    waybills = {bill for judged in orders.values() if (bill := judged.story.state.waybill) is not None}
    target = policies.at(None, None, until).amount("target.ontime.express")
    tables = {name: kpi(figures, group_by, places, target) for name, group_by in TABLES.items()}
    tables["by_product"] = [row for row in tables["by_product"] if row["group"]["product"] is not None]
    return {
        "until": to_rfc3339(until),
        "policy": {"versions": [version.id for version in policies.versions] or ["default"]},
        "orders": [order_out(order, orders[order], until) for order in sorted(orders)],
        "loose_clocks": [shown(state) for state in loose(given, policies, calendars, until, waybills)],
        "proposals": [proposal_out(proposal) for proposal in found],
        "kpi": {"all": kpi(figures, (), places, target)[0], **tables},
    }


def order_out(order: str, judged: Judged, until: int) -> dict[str, Any]:
    """One order as the answer shows it."""
    state, clocks = judged.story.state, judged.clocks
    values = {name: _timed(getattr(state, name)) for name in _ORDER}
    values["class"] = values.pop("customer_class")
    told = [_timed(notice.as_dict()) for notice in notices(state, clocks, until, judged.story.chronicle)]
    return {"order": order, **values, "clocks": [shown(clock) for clock in clocks], "notices": told}


def proposal_out(proposal: Proposal) -> dict[str, Any]:
    """A proposal as answers show it."""
    values = proposal.as_dict()
    return values | {name: to_rfc3339(values[name]) for name in ("at", "decided_at")}


def _timed(value: Any) -> Any:
    """The same value with its instants (UTC ms) in RFC 3339."""
    if isinstance(value, Mapping):
        return {
            name: to_rfc3339(each) if name in _TIMES and isinstance(each, int) else _timed(each)
            for name, each in value.items()
        }
    return [_timed(each) for each in value] if isinstance(value, list | tuple) else value
