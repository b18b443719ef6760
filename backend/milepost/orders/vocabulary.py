"""The vocabulary of facts: kind, rank, who may author it, which fields it must carry (ORDERS.md §5).

The table is data. Its order is the rank: of two facts of the same instant the upper one comes first, which also
gives unloaded < loaded < passed_back < load.signed < left < entered < stopped (ORDERS.md §1.3).
"""

import re
from dataclasses import dataclass
from typing import Any

from milepost.access.model import ROLES
from milepost.errors import Invalid
from milepost.evidence.model import SOURCES, Fact

SUBJECT_KEYS = ("order", "unit", "vehicle", "site", "door", "trip")
MAX_TEXT = 4000
MAX_ITEMS = 5000

# kind | authors (dev = device, bm = branch_manager, cc = call_centre) | fields, `?` optional:
#   s text, i whole number ≥ 0, n number, b yes/no, l list, d object, ms UTC ms, date YYYY-MM-DD, a/b one of
_TABLE = """
branch.defined         | admin | branch:s region:s big_region:s calendar:s
site.defined           | admin | site:s role:shipper/origin/hub/terminal/consignee lat?:n lng?:n radius_m?:n
order.requested        | customer desk cc partner | order:s type:goods/consignment customer:s
order.submitted        | customer desk cc partner | order:s type:goods/consignment customer:s class:s channel:s online:b lines:l from:d to:d contact:d dates:d pickup:none/asap/appointment branch?:s placed_at?:ms
order.units            | desk keeper | order:s units:l
unit.bound             | dev scan keeper | unit:s epc:s order?:s
unit.unbound           | dev scan keeper | unit:s epc:s order?:s
order.routed           | dispatcher | order:s mode:own/direct/handout/collect terminal?:s hubs?:l
trip.planned           | dispatcher | trip:s kind:pickup/line/delivery/direct stops:l
trip.vehicle           | dispatcher | trip:s vehicle:s from:ms to?:ms
trip.expected          | dispatcher | trip:s order:s units?:l remove?:b
order.assigned         | cc | order:s branch:s
contact.logged         | desk bm cc driver | order:s with:s about:s result:s can_receive_at?:ms
order.accepted         | desk bm | order:s branch:s
order.rerouted         | desk bm cc | order:s to_branch:s
order.edited           | customer desk bm | order:s changes:d override_by?:s
hold.set               | desk finance dispatcher | order:s hold:s reason:s
hold.released          | desk finance dispatcher | order:s hold:s reason:s
payment.status         | finance | order:s status:s
price.agreed           | desk | order:s amount:n by:s
note.printed           | desk keeper | order:s paper:s branch:s
remark.added           | desk bm | order:s remark:accept/bill/track text:s filed?:b
exempt.verified        | engineer admin | order:s cause:s
order.confirmed        | desk bm | order:s checked:b
order.postponed        | desk bm customer | order:s to:date asked_by:s
cancel.requested       | customer desk | order:s asked_by:s reason?:s
order.cancelled        | desk bm | order:s asked_by:s reason?:s
cancel.reason          | desk bm | order:s reason:s
order.linked           | desk | order:s other:s relation:s
command.refused        | service | order:s command:s body:d code:s
pick.issued            | keeper desk | order:s list:s
unit.picked            | dev scan keeper | order?:s unit?:s line?:s qty?:n
line.short             | keeper | order:s line:s qty:n
order.readied          | keeper | order:s reason:s
pickup.agreed          | desk driver | order:s from:ms to:ms
pickup.done            | driver | order:s pieces:i packing:s signers:l
goods.handed_in        | desk | order:s branch:s pieces:i
goods.weighed          | desk keeper | order:s kg:n max_piece_kg:n upstairs?:b
waybill.issued         | desk | order:s waybill:s pieces:i kg:n irregular?:b
unit.unloaded          | dev scan keeper | unit:s site:s vehicle?:s
unit.loaded            | dev scan keeper | unit:s vehicle:s site:s door?:s
unit.passed_back       | dev scan keeper | unit:s vehicle:s site:s door?:s
load.checked           | keeper | trip:s pieces:i order?:s
session.closed         | dev keeper | trip:s short:l over:l degraded?:b
load.overridden        | dispatcher keeper | order?:s trip?:s units:l reason:s
split.consented        | bm | order:s units:l reason:s
load.signed            | driver | trip:s pieces:i cautions:l
trip.transferred       | dispatcher | trip:s from:s to:s units:l
vehicle.left           | dev | vehicle:s site:s
vehicle.entered        | dev | vehicle:s site:s
vehicle.stopped        | dev | vehicle:s site:s
vehicle.silent         | dev | vehicle:s
vehicle.heard          | dev | vehicle:s
unit.seen              | dev scan | unit:s site:s
handout.done           | dispatcher desk | order:s carrier:s phone:s outside_no:s
track.entered          | desk carrier partner | order:s text:s place?:s
delivery.agreed        | desk driver | order:s from:ms to:ms
order.signed           | customer driver desk carrier partner | order:s signer:s pieces:i trip?:s pos?:d units?:l
order.signed_abnormal  | customer driver desk carrier partner | order:s signer:s pieces:i note:s photo:s short:i damaged:i trip?:s pos?:d units?:l
order.refused          | customer driver desk carrier partner | order:s reason:s pieces?:i trip?:s pos?:d units?:l
delivery.failed        | driver desk carrier | order:s cause:s contact:s trip?:s
disposition.decided    | customer desk claims | order:s decision:redeliver/return/dispose/lost units?:l
receipt.moved          | desk driver | order:s slip:s holder:s
receipt.lost           | desk driver | order:s slip:s holder:s
receipt.returned       | dev scan desk | order:s slip:s qualified:b
complaint.lodged       | customer cc desk claims | order:s complaint:s class:s about:s
complaint.acknowledged | customer cc desk claims | order:s complaint:s
complaint.substantiated | customer cc desk claims | order:s complaint:s points:s region:s
complaint.closed       | customer cc desk claims | order:s complaint:s
claim.lodged           | customer claims | order:s claim:s amount:n declared:n
claim.documents_complete | customer claims | order:s claim:s
claim.proposed         | customer claims | order:s claim:s amount:n
claim.settled          | customer claims | order:s claim:s amount:n
order.archived         | desk | order:s
exception.raised       | anyone dev | order:s ex:s cause:s stage:s unit?:s trip?:s eta?:ms
exception.closed       | anyone dev | order:s ex:s cause:s stage?:s unit?:s trip?:s
notice.sent            | service | order:s exception:s to:s
inbox.acked            | staff | order:s exception:s to?:s
inbox.assigned         | staff | order:s exception:s to:s
inbox.snoozed          | staff | order:s exception:s to:s
location.requested     | customer cc desk service | vehicle?:s waybill?:s
location.answered      | customer cc desk service | vehicle?:s waybill?:s
proposal.decided       | regional_manager admin | proposal:s verdict:s
return.requested       | customer desk bm claims | kind:s order:s lines:l
return.reviewed        | customer desk bm claims | order:s verdict:s
return.remedied        | customer desk bm claims | order:s remedy:s
return.received        | dev keeper | order:s zone:s label:s units:l
return.inspected       | keeper claims desk | order:s mode:s result:s
return.verdict         | keeper claims desk | order:s cause:s
return.closed          | keeper claims desk | order:s called:b
fact.retracted         | bm regional_manager dispatcher admin | target:s why:s order?:s
fact.corrected         | bm regional_manager dispatcher admin | target:s why:s fields:d order?:s
"""  # noqa: E501
_SHORT = {"dev": "device", "bm": "branch_manager", "cc": "call_centre"}
_STAFF = frozenset(ROLES) - {"driver", "carrier", "customer"}
_SCANNERS = frozenset({"keeper", "driver", "desk", "dispatcher"})
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its name, simple type and whether it must be there."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact. `authors` are roles, plus `scan` (any worker with a scanner), `staff` and `anyone`."""

    name: str
    rank: int
    authors: frozenset[str]
    fields: tuple[Field, ...]

    @property
    def device(self) -> bool:
        """True when a device may author it alone."""
        return "device" in self.authors

    def may_author(self, role: str, source: str) -> bool:
        """True when somebody of `role`, with evidence of `source`, may write such a fact.

        The administrator holds every person's role, never a device's or the service's alone.
        """
        if role in self.authors or "anyone" in self.authors:
            return True
        if role == "admin":
            return bool(self.authors - {"device", "service"})
        if "staff" in self.authors and role in _STAFF:
            return True
        return "scan" in self.authors and source == "scan" and role in _SCANNERS


def _parse(table: str) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for rank, line in enumerate(table.strip().splitlines()):
        name, authors, fields = (part.strip() for part in line.split("|"))
        parsed = []
        for item in fields.split():
            key, kind = item.split(":")
            parsed.append(Field(key.rstrip("?"), kind, not key.endswith("?")))
        kinds[name] = Kind(name, rank, frozenset(_SHORT.get(a, a) for a in authors.split()), tuple(parsed))
    return kinds


KINDS = _parse(_TABLE)
RANK = {name: kind.rank for name, kind in KINDS.items()}


def validate(fact: Fact) -> None:
    """Check that a fact is one of the vocabulary, of an author who may write it, with all its fields.

    Raises Invalid naming the kind, the field or the author that is wrong (ORDERS.md §5, last paragraph).
    """
    kind = KINDS.get(fact.kind)
    if kind is None:
        raise Invalid(f"{fact.kind!r} is no kind of fact; docs/facts.md lists them")
    if fact.source not in SOURCES:
        raise Invalid(f"{fact.kind}: source {fact.source!r}; use one of {', '.join(SOURCES)}")
    if not kind.may_author(fact.by.role, fact.source):
        may = ", ".join(sorted(kind.authors))
        raise Invalid(f"{fact.kind}: a {fact.by.role} may not author it; it takes one of: {may}")
    for field in kind.fields:
        value = field_of(fact, field.name)
        if value is None:
            if field.required:
                raise Invalid(f"{fact.kind}: field {field.name!r} is missing")
        elif problem := _wrong(value, field.type):
            raise Invalid(f"{fact.kind}: field {field.name!r}: {problem}")


def field_of(fact: Fact, name: str) -> Any:
    """A field's value, wherever it stands: among the subjects or in the body; None when absent."""
    found = fact.subjects.get(name) if name in SUBJECT_KEYS else None
    return fact.body.get(name) if found is None else found


def _wrong(value: Any, kind: str) -> str | None:
    if kind in ("s", "date") or "/" in kind:
        if not isinstance(value, str) or not value:
            return "must be text that is not empty"
        if len(value) > MAX_TEXT:
            return f"is longer than {MAX_TEXT} characters"
        if kind == "date" and not _DATE.fullmatch(value):
            return f"{value!r} is no date; write it like 2026-03-02"
        if "/" in kind and value not in kind.split("/"):
            return f"{value!r} is none of {', '.join(kind.split('/'))}"
        return None
    if kind == "l" and isinstance(value, list) and len(value) > MAX_ITEMS:
        return f"has more than {MAX_ITEMS} entries"
    is_bool = isinstance(value, bool)
    ok = {
        "i": isinstance(value, int) and not is_bool and value >= 0,
        "ms": isinstance(value, int) and not is_bool,
        "n": isinstance(value, int | float) and not is_bool and abs(value) < 1e15,
        "b": is_bool,
        "l": isinstance(value, list),
        "d": isinstance(value, dict),
    }[kind]
    names = {"i": "a whole number ≥ 0", "ms": "a time in ms", "n": "a number", "b": "true or false"}
    names |= {"l": "a list", "d": "an object"}
    return None if ok else f"must be {names[kind]}"
