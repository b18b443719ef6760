"""Capturing events of partners: checked whole, kept as they came, packings and sightings told from them.

What a partner says is evidence of grade C (DESIGN §3) and moves no unit by itself: it is kept, it can be queried, it
enters the tracking of the orders whose goods it names, and it says what was packed into what.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from milepost.errors import Conflict, Invalid, MilepostError
from milepost.evidence import contents
from milepost.evidence.epcis import checks, store
from milepost.evidence.epcis.events import at_of, digest, event_id, things
from milepost.evidence.epcis.vocabulary import bare
from milepost.evidence.model import Author, Fact, fact_id, grade
from milepost.ids import new_id
from milepost.plan import packing_rows
from milepost.plan import service as plan

ROLLBACK, PROCEED = "rollback", "proceed"
_PACKS = {"ADD": "add", "DELETE": "delete"}
_PARTNER = 0.9  # confidence of a partner's word; its grade is C whatever this says


@dataclass(slots=True)
class Captured:
    """What became of one capture: the job, the events kept or known, the facts told, the things packed otherwise."""

    job: dict[str, Any]
    ids: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    repacked: set[str] = field(default_factory=set)


def events_of(given: Any) -> tuple[list[Any], str, bool]:
    """The events of a document, or of an event by itself; where they stand in it; whether it stands alone.

    Raises Invalid naming what is wrong with the frame.
    """
    if not isinstance(given, Mapping):
        raise Invalid("body: an EPCISDocument, or one event, as a JSON object")
    if given.get("type") != "EPCISDocument":
        return [given], "", True
    wrong = checks.frame(given)
    if wrong:
        raise _refused(wrong)
    return given["epcisBody"]["eventList"], "/epcisBody/eventList", False


def capture(
    conn: Connection, given: Any, *, by: str, behaviour: str, now: int, may_touch: Callable[[str], bool]
) -> Captured:
    """Take in a document or an event. `behaviour`: rollback (all or nothing) or proceed (what is right is kept).

    With rollback raises Invalid for what is wrong, Conflict for what is known already; with proceed both are told in
    the job. `by`: id of the person whose system sends it; `may_touch`: whether their word may enter an order (by id);
    of the goods of others an event is kept and nothing more. `now`: UTC ms.
    """
    events, where, alone = events_of(given)
    errors: list[dict[str, Any]] = []
    good: list[dict[str, Any]] = []
    for number, each in enumerate(events):
        wrong = checks.event(each, where if alone else f"{where}/{number}", alone=alone)
        if wrong and behaviour == ROLLBACK:
            raise _refused(wrong)
        errors += [{"where": row.where, "what": row.what} for row in wrong]
        if not wrong:
            good.append(dict(each) if alone or "@context" not in given else _in_context(each, given["@context"]))
    job = {"id": new_id(), "created_at": now, "created_by": by, "behaviour": behaviour, "success": 1, "captured": 0,
           "known": 0, "errors": "[]"}  # fmt: skip
    store.add_job(conn, job)
    done = Captured(job)
    keeper = _Keeper(conn, Author("partner", by), job["id"], now, may_touch, done)
    for each in good:
        try:
            keeper.keep(each)
        except MilepostError as error:
            if behaviour == ROLLBACK:
                raise
            errors.append({"where": event_id(each), "what": error.message})
    job |= {
        "captured": len(done.ids),
        "known": len(done.known),
        "errors": json.dumps(errors, ensure_ascii=False),
        "success": int(not errors),
    }
    store.end_job(conn, job)
    return done


def _refused(wrong: Sequence[checks.Complaint]) -> Invalid:
    text = "; ".join(f"{row.where or '/'}: {row.what}" for row in wrong[:5])
    return Invalid(text[:2000], errors=[{"where": row.where, "what": row.what} for row in wrong])


def _in_context(each: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """An event with the prefixes of the document it came in: without them its extension fields mean nothing."""
    given = context if isinstance(context, list) else [context]
    own = each.get("@context", [])
    extra = [row for row in [*given, *(own if isinstance(own, list) else [own])] if isinstance(row, dict)]
    plain = {name: value for name, value in each.items() if name != "@context"}
    return {"@context": extra, **plain} if extra else plain


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Keeps the events of one capture."""

    conn: Connection
    by: Author
    job: str
    now: int
    may_touch: Callable[[str], bool]
    done: Captured

    def keep(self, each: dict[str, Any]) -> None:
        """Keep one event that is right, and tell what follows from it; one that was told before changes nothing.

        Raises Conflict for another event under an id that is known.
        """
        own, told = event_id(each), digest(each)
        declared = "errorDeclaration" in each
        known = store.by_id(self.conn, own)
        if any(row["digest"] == told for row in known):
            self.done.known.append(own)
            return
        if known and not declared:
            raise Conflict(
                f"event {own} is known and tells something else; correct it by an errorDeclaration and a new event",
                changed={"eventID": own},
            )
        if any(row["captured_by"] != self.by.id for row in known):
            raise Conflict(f"event {own} is somebody else's; only they may declare it wrong", changed={"eventID": own})
        at = at_of(each)
        kept = json.dumps({**each, "eventID": own}, ensure_ascii=False)
        row = {"event_id": own, "digest": told, "at": at, "recorded_at": self.now, "job_id": self.job,
               "captured_by": self.by.id, "event": kept}  # fmt: skip
        store.add_event(self.conn, row, things(each))
        self.done.ids.append(own)
        orders = self._orders(each, at)
        if all(self.may_touch(order_id) for order_id in orders):
            self._pack(each, own, at, declared)
            if not declared and not known:
                self.done.facts += [self._tracking(each, own, at, order_id) for order_id in orders]

    def _orders(self, each: dict[str, Any], at: int) -> list[str]:
        """The orders whose units the event names."""
        names = contents.Names(self.conn)
        named = things(each)
        names.learn(named)
        units = (names.unit(name, at) for name in named)
        ids = [name.removeprefix("unit:") for name in units if name.startswith("unit:")]
        return sorted({plan.get_unit(self.conn, unit_id).order_id for unit_id in ids})

    def _pack(self, each: dict[str, Any], own: str, at: int, declared: bool) -> None:
        if each["type"] != "AggregationEvent" or each["action"] not in _PACKS:
            return
        parent = contents.name_of(each["parentID"])
        children = [contents.name_of(text) for text in each.get("childEPCs") or ()]
        action = _PACKS[each["action"]]
        if declared:
            packing_rows.withdraw(self.conn, contents.packing_id(own))
        elif children or (action == "delete" and not each.get("childQuantityList")):  # goods by weight are no things
            contents.pack(self.conn, parent=parent, children=children, action=action, at=at, by=self.by,
                          source="partner", key=own, now=self.now)  # fmt: skip
        self.done.repacked |= {parent, *children}

    def _tracking(self, each: dict[str, Any], own: str, at: int, order_id: str) -> Fact:
        """An entry in the tracking of one order: a partner's word, grade C."""
        step = bare("bizstep", each.get("bizStep", "")) or each["type"]
        place = (each.get("readPoint") or each.get("bizLocation") or {}).get("id")
        told = {"text": f"EPCIS: {step}", "event": own, "action": each.get("action"), "place": place}
        subjects = {"order": order_id}
        return Fact(
            id=fact_id("track.entered", subjects, (own,)),
            kind="track.entered",
            at=at,
            recorded_at=self.now,
            received_at=self.now,
            by=self.by,
            source="partner",
            subjects=subjects,
            body={name: value for name, value in told.items() if value is not None},
            confidence=_PARTNER,
            grade=grade({"partner"}, _PARTNER),
            inputs=(own,),
        )
