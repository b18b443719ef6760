"""What a command is warned of and carried out all the same (F2: "warn"). Pure."""

from typing import Any

from milepost.orders.guards import Case
from milepost.orders.model import d0, too_late

Warned = dict[str, str]


def of_command(command: str, case: Case) -> list[Warned]:
    """Warnings to the one who gives this command: {code, detail}, the gravest first."""
    found = [each(case) for name, each in _WARNINGS if name == command]
    return [warned for warned in found if warned is not None]


def of_count(said: int, aboard: int) -> list[Warned]:
    """The driver's count against what was read aboard (T14, EX-22)."""
    if said == aboard:
        return []
    return [_warned("load_count", f"signed for {said} pieces, {aboard} were read aboard; count again (EX-22)")]


def _warned(code: str, detail: str) -> Warned:
    return {"code": code, "detail": detail}


def _pickup_hours(case: Case) -> Warned | None:
    """N-24."""
    start, end = (case.calendar.local(case.fields[name]).time() for name in ("from", "to"))
    if start >= case.limits.pickup_from and end <= case.limits.pickup_until:
        return None
    hours = f"{case.limits.pickup_from:%H:%M} to {case.limits.pickup_until:%H:%M}"
    return _warned("pickup_hours", f"outside the pickup hours {hours} (N-24)")


def _pickup_day(case: Case) -> Warned | None:
    """EX-14."""
    start = case.acts.get("assigned")
    known: Any = case.projection.get("d0")
    if start is None or known is None:
        return None
    day = case.calendar.local(case.fields["from"]).date()
    day0 = min(d0(start, case.limits, case.calendar), type(day).fromisoformat(known))
    if not too_late(day, day0, case.limits.postpone_max_days):
        return None
    return _warned("pickup_too_far", f"{day} is more than {case.limits.postpone_max_days} days after {day0} (EX-14)")


def _precall(case: Case) -> Warned | None:
    """DL-5, T18."""
    if case.state != "at_terminal" or "precalled" in case.acts:
        return None
    return _warned("no_precall", "nobody has phoned the consignee before the delivery (DL-5); do it, and log it")


def _escorts(case: Case) -> Warned | None:
    """N-37."""
    if case.counters.get("escorts") != 2:
        return None
    return _warned("two_escorts", f"a piece weighs {case.counters['max_piece_kg']} kg: two escorts (N-37)")


def _liability(case: Case) -> Warned | None:
    """N-06."""
    if case.counters.get("edits", 0) < case.limits.edit_max or case.roles == {"customer"}:
        return None
    return _warned("liability", "more than two changes: the branch that accepted first is liable (N-06)")


def _consent(case: Case) -> Warned | None:
    """PC-3, EX-23."""
    if case.projection.get("customer_class") != "project":
        return None
    return _warned("no_consent", "a project customer: unless the origin branch consents, the cost is yours (EX-23)")


def _count(case: Case) -> Warned | None:
    """EX-40."""
    said, ought = case.fields.get("pieces"), case.projection.get("tally", {}).get("pieces")
    if not ought or said == ought or case.fields.get("units") or case.fields.get("trip"):
        return None
    return _warned("count_differs", f"signed for {said} pieces of {ought}; settle the difference (EX-40)")


def _irregular(case: Case) -> Warned | None:
    """EO-15."""
    if not case.fields.get("irregular"):
        return None
    return _warned("irregular_waybill", "an irregular waybill: file why in a remark on the bill (EO-15)")


_WARNINGS = (
    ("pickup-agreed", _pickup_day),
    ("pickup-agreed", _pickup_hours),
    ("load", _precall),
    ("load", _escorts),
    ("delivery-agreed", _escorts),
    ("edit", _liability),
    ("reroute", _liability),
    ("load-override", _consent),
    ("sign", _count),
    ("waybill", _irregular),
)
