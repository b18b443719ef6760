"""How a page arranges the commands: what comes next in each state, what belongs together, what is asked about. Pure."""

from collections.abc import Iterable

# What comes next, the likeliest first; the first one that is allowed is the page's primary button.
NEXT: dict[str, tuple[str, ...]] = {
    "requested": ("submit",),
    "submitted": ("assign", "contact"),
    "assigned": ("accept", "assign", "contact"),
    "accepted": ("confirm", "note-printed", "reroute", "pickup-agreed"),
    "confirmed": ("pick-list", "pickup-agreed", "handed-in"),
    "postponed": ("postpone", "contact"),
    "picking": ("ready", "picked", "line-short"),
    "ready": ("waybill", "units"),
    "pickup_due": ("pickup-done", "handed-in", "pickup-agreed"),
    "picked_up": ("waybill", "units", "weighed"),
    "waybilled": ("route",),
    "loaded": ("delivery-agreed",),
    "in_transit": ("track", "delivery-agreed"),
    "at_hub": ("handout", "track"),
    "at_terminal": ("delivery-agreed", "handout"),
    "handed_out": ("track", "sign", "sign-abnormal"),
    "out_for_delivery": ("delivery-failed", "track"),
    "at_consignee": ("sign", "sign-abnormal", "refuse", "delivery-failed"),
    "delivery_failed": ("disposition", "delivery-agreed"),
    "refused": ("disposition", "delivery-agreed"),
    "receipt_due": ("receipt", "receipt-moved"),
    "receipt_returned": ("archive",),
    "cancelled": ("cancel-reason",),
    "archived": (),
}
# Allowed, but not what comes next for a kind of order: goods come from our warehouse, consignments from the shipper.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "goods": ("note-printed", "pickup-agreed", "handed-in"),
    "consignment": ("pick-list",),
}
GROUPS: dict[str, tuple[str, ...]] = {
    "desk": ("submit", "assign", "accept", "reroute", "confirm", "edit", "postpone", "hold", "release",
             "cancel-request", "cancel", "cancel-reason", "append", "split", "copy"),
    "talk": ("contact", "remark", "note-printed", "price", "payment", "link", "exempt"),
    "pickup": ("pickup-agreed", "pickup-done", "handed-in"),
    "store": ("pick-list", "picked", "line-short", "ready", "units", "bind-unit", "unbind-unit", "weighed", "waybill"),
    "road": ("route", "load", "pass-back", "unload", "seen", "load-override", "split-consented", "handout", "track"),
    "delivery": ("delivery-agreed", "sign", "sign-abnormal", "refuse", "delivery-failed", "disposition"),
    "papers": ("receipt", "receipt-moved", "receipt-lost", "archive"),
    "care": ("location-request", "location-answer", "complaint-lodge", "complaint-acknowledge",
             "complaint-substantiate", "complaint-close", "claim-lodge", "claim-documents", "claim-propose",
             "claim-settle"),
    "trouble": ("raise", "close-exception"),
    "mend": ("retract", "correct"),
}  # fmt: skip
# Acts with an effect on money, law or blame: asked once, in words that name the order and the effect.
ASKED = ("cancel", "sign", "sign-abnormal", "refuse", "disposition", "archive", "receipt-lost", "split-consented",
         "load-override", "retract", "correct")  # fmt: skip
DANGER = ("cancel", "refuse", "retract", "receipt-lost")

HOLDS = ("data", "payment", "price", "customer", "goods")
RELATIONS = ("supplementary", "replacement", "split", "return", "claim")
PAYMENTS = ("paid", "part", "unpaid", "refunded")
ASKERS = ("customer", "desk")


def arranged(state: str, allowed: Iterable[str], kind: str = "") -> tuple[list[str], list[tuple[str, list[str]]]]:
    """(what comes next, the other groups): every allowed command stands in exactly one place.

    `kind`: goods or consignment; without it nothing is held back. A command that no group names comes under `other`,
    so that none is lost when one is added to the API.
    """
    open_now = list(allowed)
    likely = [command for command in NEXT.get(state, ()) if command not in ELSEWHERE.get(kind, ())]
    first = [command for command in likely if command in open_now]
    rest = [command for command in open_now if command not in first]
    groups = [(name, [command for command in commands if command in rest]) for name, commands in GROUPS.items()]
    grouped = {command for _, commands in groups for command in commands}
    groups.append(("other", [command for command in rest if command not in grouped]))
    return first, [(name, commands) for name, commands in groups if commands]
