"""A page offers only what can be done now and means something; of the rest it says what is missing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from milepost.access.model import Grant, Principal
from milepost.access.scope import readable
from milepost.db import Database
from milepost.errors import IllegalStep
from milepost.evidence.model import Author, Fact, fact_id
from milepost.masterdata import service as masterdata
from milepost.orders import derive, projector
from milepost.orders import service as orders
from milepost.orders.model import STATES
from milepost.orders.tables import order
from milepost.orders.write import Asked
from milepost.times import now_ms
from milepost.web import orders_view
from milepost.web.forms import behind
from milepost.web.forms.bodies import DERIVED, FORMS
from milepost.web.i18n import translator
from milepost.web.texts import TEXTS

ME = Principal("p1", "Admin", frozenset({Grant("admin")}))
DAY = 86_400_000
TALK = {"with": "Wang", "about": "order", "result": "ships"}


class Undone(Exception):
    """Takes back what a trial did."""


class Way:
    """One order on its way, by commands; the tracker's word by facts."""

    def __init__(self, db: Database, kind: str) -> None:
        self.db, self.count = db, 0
        body = {"type": kind, "customer": "C-1", "lines": [{"line": "1", "name": "cartons", "qty": 5}],
                "from": {"site": "yard"}, "to": {"site": "shop"}, "contact": {"name": "Wang"}, "dates": {},
                "pickup": "asap" if kind == "consignment" else "none", "class": "standard"}  # fmt: skip
        with db.tx() as conn:
            self.id, self.other = (orders.create(conn, ME, Asked(body))["id"] for _ in range(2))

    def act(self, name: str, **fields: Any) -> "Way":
        with self.db.tx() as conn:
            orders.command(conn, ME, self.id, name, Asked({key.rstrip("_"): value for key, value in fields.items()}))
        return self

    def fact(self, kind: str, /, **fields: Any) -> "Way":
        self.count += 1
        subjects = {name: fields.pop(name) for name in ("vehicle", "trip", "unit", "site", "order") if name in fields}
        by = "device" if kind.startswith("vehicle.") else "dispatcher"
        fact = Fact(id=fact_id(kind, subjects, (f"{self.id}{self.count}",)), kind=kind, at=now_ms(), by=Author(by, "x"),
                    source="gnss" if by == "device" else "person", subjects=subjects, body=fields)  # fmt: skip
        with self.db.tx() as conn:
            orders.record_facts(conn, ME, [fact])
        return self

    def seen(self) -> tuple[behind.Seen, list[str]]:
        """The order as a page has it, and the commands that its state and its guards allow."""
        with self.db.read() as conn:
            detail = orders.get(conn, ME, self.id)
            stored = conn.execute(readable(ME, order).where(order.c.id == self.id)).mappings().one()
            row = orders_view.view(dict(stored), translator("en"))
            facts = orders.evidence_of(conn, ME, self.id)
            return behind.Seen(row, facts, (), orders_view.last_day(conn, row, now_ms())), detail["allowed"]

    def refused(self, name: str, fields: dict[str, Any]) -> str:
        """Why a command is an illegal step now; empty when it is none. Nothing of it stays."""
        make: dict[str, Callable[..., Any]] = {
            "split": derive.split, "append": derive.extend, "copy": derive.copy,
        }  # fmt: skip
        try:
            with self.db.tx() as conn:
                if name in DERIVED:
                    make[name](conn, ME, self.id, Asked(fields))
                else:
                    orders.command(conn, ME, self.id, name, Asked(fields))
                raise Undone
        except Undone:
            return ""
        except IllegalStep as error:
            return error.message


def walk(way: Way, kind: str) -> Iterator[str]:
    """Every state that an order of this kind passes, one after the other."""
    yield "requested"
    way.act("submit")
    yield "submitted"
    way.act("assign", branch="b1")
    yield "assigned"
    way.act("accept", contact=TALK)
    way.act("hold", hold="data", reason="to be checked")
    yield "accepted"
    way.act("release", hold="data", reason="checked")
    day = now_ms() + DAY
    way.act("postpone", to=clocks_day(day), asked_by="customer")
    yield "postponed"
    if kind == "consignment":
        way.act("retract", target=newest(way, "order.postponed"), why="a mistake")
        way.act("note-printed", paper="N", branch="b1").act("confirm", checked=True)
        yield "pickup_due"
        way.act("pickup-done", pieces=5, packing="cartons", signers=["Wang", "Driver"])
        yield "picked_up"
        way.act("weighed", kg=60, max_piece_kg=12)
    else:
        way.act("retract", target=newest(way, "order.postponed"), why="a mistake").act("confirm", checked=True)
        yield "confirmed"
        way.act("pick-list", list="P-1")
        way.act("units", units=[{"epcs": [], "line": "1", "pieces": 5, "no": "1"}])
        yield "picking"
        way.act("ready", reason="all there")
        yield "ready"
    way.act("waybill", waybill=f"W-{way.id}", kg=60, pieces=5)
    way.fact("trip.planned", trip="t1", kind="direct", stops=[{"site": "shop"}])
    way.fact("trip.vehicle", trip="t1", vehicle="v1", **{"from": 0})
    way.fact("trip.expected", trip="t1", order=way.id)
    yield "waybilled"
    if kind == "consignment":
        with way.db.tx() as conn:
            orders.record_facts(conn, ME, [loaded_by_count(way)])
    else:
        [unit] = way.seen()[0].units
        way.act("load", unit=unit["id"], vehicle="v1", site="yard")
    yield "loaded"
    way.act("complaint-lodge", complaint="C-9", class_="1", about="late").act("raise", ex="EX-26", cause="c", stage="x")
    way.fact("vehicle.left", vehicle="v1", site="yard")
    yield "in_transit"
    way.fact("vehicle.stopped", vehicle="v1", site="shop")
    way.act("location-request")
    yield "at_consignee"
    way.act("refuse", reason="wet")
    yield "refused"
    way.act("retract", target=newest(way, "order.refused"), why="a mistake").act("sign", signer="Li", pieces=5)
    yield "receipt_due"
    way.act("receipt", slip="S", qualified=True)
    yield "receipt_returned"
    way.act("complaint-close", complaint="C-9").act("archive")
    yield "archived"


def walk_by_line(way: Way, kind: str) -> Iterator[str]:
    """The states of the way over a hub: to the terminal, out, back in failure, at the end into a carrier's hands."""
    for state in walk(way, kind):
        if state == "waybilled":
            break
    way.act("route", mode="own", terminal="term", hubs=["hub"])
    trip(way, "t2", "line", "v2", "hub", "term")
    [unit] = way.seen()[0].units
    way.act("load", unit=unit["id"], vehicle="v2", site="yard")
    way.fact("vehicle.left", vehicle="v2", site="yard")
    way.fact("vehicle.entered", vehicle="v2", site="hub").act("unload", unit=unit["id"], site="hub")
    yield "at_hub"
    way.act("load", unit=unit["id"], vehicle="v2", site="hub")
    way.fact("vehicle.left", vehicle="v2", site="hub").fact("vehicle.entered", vehicle="v2", site="term")
    way.act("unload", unit=unit["id"], site="term")
    yield "at_terminal"
    trip(way, "t3", "delivery", "v3", "shop")
    way.act("load", unit=unit["id"], vehicle="v3", site="term").fact("vehicle.left", vehicle="v3", site="term")
    yield "out_for_delivery"
    way.fact("vehicle.stopped", vehicle="v3", site="shop")
    way.act("delivery-failed", cause="closed", contact="Wang")
    yield "delivery_failed"
    way.act("delivery-agreed", from_=now_ms(), to=now_ms() + DAY)
    way.fact("vehicle.left", vehicle="v3", site="shop").fact("vehicle.entered", vehicle="v3", site="term")
    way.act("unload", unit=unit["id"], site="term")
    way.act("handout", carrier="k", phone="1", outside_no="K-1")
    yield "handed_out"
    way.act("sign-abnormal", signer="Li", pieces=5, note="wet", photo="p", short=0, damaged=1)
    yield "receipt_due"


def walk_to_cancelled(way: Way, kind: str) -> Iterator[str]:
    """An order that is given up before it is loaded."""
    way.act("submit").act("assign", branch="b1").act("accept", contact=TALK)
    way.act("cancel", asked_by="customer", contact=TALK)
    yield "cancelled"


def trip(way: Way, name: str, kind: str, vehicle: str, *sites: str) -> None:
    way.fact("trip.planned", trip=name, kind=kind, stops=[{"site": site} for site in sites])
    way.fact("trip.vehicle", trip=name, vehicle=vehicle, **{"from": 0})
    way.fact("trip.expected", trip=name, order=way.id)


def clocks_day(at: int) -> str:
    return projector.calendar().local(at).date().isoformat()


def loaded_by_count(way: Way) -> Fact:
    subjects = {"trip": "t1", "order": way.id}
    return Fact(id=fact_id("load.checked", subjects, (way.id,)), kind="load.checked", at=now_ms(),
                by=Author("keeper", "k"), subjects=subjects, body={"pieces": 5})  # fmt: skip


def newest(way: Way, kind: str) -> str:
    return next(fact["id"] for fact in way.seen()[0].facts if fact["kind"] == kind)


def filled(name: str, way: Way, seen: behind.Seen) -> dict[str, Any]:
    """A form of this command as somebody would fill it in."""
    o, units = seen.order, seen.units
    unit = units[0]["id"] if units else "none"
    aboard = next((u for u in units if u["vehicle"]), None)
    ashore = next((u for u in units if not u["vehicle"]), None)
    talk = {"with": "Wang", "about": "order", "result": "yes"}
    case = seen.open_cases("complaint")[:1] or ["C-9"]
    goods = [{"name": "more", "qty": 2}]
    trouble = next((e for e in o["exceptions"] if e["closed_at"] is None), None)
    known: dict[str, dict[str, Any]] = {
        "accept": {"contact": talk}, "assign": {"branch": "b2"}, "reroute": {"to_branch": "b2"},
        "cancel": {"asked_by": "customer", "contact": talk}, "cancel-request": {"asked_by": "customer"},
        "edit": {"changes": {"contact": {"name": "Li"}}, "override_by": "boss"},
        "hold": {"hold": "data", "reason": "r"},
        "release": {"hold": "data", "reason": "r"}, "payment": {"status": "paid"}, "price": {"amount": 1, "by": "x"},
        "note-printed": {"paper": "N", "branch": "b1"}, "remark": {"remark": "track", "text": "x"}, "contact": talk,
        "exempt": {"cause": "power"}, "confirm": {"checked": True}, "cancel-reason": {"reason": "x"},
        "postpone": {"to": clocks_day(now_ms() + DAY), "asked_by": "customer"},
        "link": {"other": way.other, "relation": "x"},
        "units": {"units": [{"epcs": [], "pieces": 1}]}, "bind-unit": {"unit": unit, "epc": "3034F800AA01"},
        "route": {"mode": "own"}, "pick-list": {"list": "P"}, "picked": {"line": "1", "qty": 1},
        "line-short": {"line": "1", "qty": 1}, "ready": {"reason": "x"}, "handed-in": {"branch": "b1", "pieces": 5},
        "pickup-agreed": {"from": now_ms(), "to": now_ms() + 1}, "weighed": {"kg": 60, "max_piece_kg": 12},
        "pickup-done": {"pieces": 5, "packing": "x", "signers": ["a", "b"]},
        "waybill": {"waybill": f"X-{way.id}", "pieces": 5, "kg": 60},
        "load": {"unit": (ashore or {"id": ""})["id"], "vehicle": "v1", "site": "yard"},
        "pass-back": {"unit": (aboard or {"id": ""})["id"], "vehicle": "v1", "site": "yard"},
        "unload": {"unit": (aboard or {"id": ""})["id"], "site": "shop"}, "seen": {"unit": unit, "site": "yard"},
        "load-override": {"units": [unit], "reason": "x"}, "split-consented": {"units": [unit], "reason": "x"},
        "handout": {"carrier": "k", "phone": "1", "outside_no": "K"}, "track": {"text": "x"},
        "delivery-agreed": {"from": now_ms(), "to": now_ms() + 1}, "sign": {"signer": "Li", "pieces": 5},
        "sign-abnormal": {"signer": "Li", "pieces": 5, "note": "wet", "photo": "p", "short": 0, "damaged": 1},
        "refuse": {"reason": "x"}, "delivery-failed": {"cause": "x", "contact": "y"},
        "disposition": {"decision": "return"}, "receipt-moved": {"slip": "S", "holder": "x"},
        "receipt-lost": {"slip": "S", "holder": "x"}, "receipt": {"slip": "S", "qualified": True},
        "complaint-lodge": {"class": "1", "about": "x"}, "complaint-acknowledge": {"complaint": case[0]},
        "complaint-substantiate": {"complaint": case[0], "points": "PT-9", "region": "R"},
        "complaint-close": {"complaint": case[0]}, "claim-lodge": {"amount": 1, "declared": 1},
        "location-answer": {"answer": "x"}, "raise": {"ex": "EX-26", "cause": "d", "stage": "x"},
        "close-exception": {"ex": (trouble or {"kind": ""})["kind"], "cause": (trouble or {"key": ""})["key"]},
        "append": {"lines": goods}, "split": {"parts": [{"lines": [{"line": "1", "qty": 1}]}], "override_by": "boss"},
    }  # fmt: skip
    if name in ("retract", "correct"):
        last = next(fact["id"] for fact in seen.facts if not fact["kind"].startswith("fact."))
        return {"target": last, "why": "x"} | ({"fields": {"reason": "y"}} if name == "correct" else {})
    return known.get(name, {})


@pytest.fixture
def quiet(db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database whose orders nobody listens to: only the steps are tried here."""
    monkeypatch.setattr(projector, "_listeners", [])
    with db.tx() as conn:
        for key in ("b1", "b2"):
            values = {"id": key, "name_zh": key, "name_en": key, "region": "R", "big_region": "B",
                      "calendar": "default", "active": True}  # fmt: skip
            masterdata.create(conn, "branch", values, now_ms())
    return db


_BEGUN, _ENDED = "requested submitted assigned accepted postponed", "waybilled loaded in_transit at_consignee refused"
_FILED = "receipt_due receipt_returned archived"
# How, what, the states that are passed, and how many different acts they offer at least.
WALKS = (
    (walk, "goods", f"{_BEGUN} confirmed picking ready {_ENDED} {_FILED}", 36),
    (walk, "consignment", f"{_BEGUN} pickup_due picked_up {_ENDED} {_FILED}", 36),
    (walk_by_line, "goods", "at_hub at_terminal out_for_delivery delivery_failed handed_out receipt_due", 26),
    (walk_to_cancelled, "goods", "cancelled", 6),
)


@pytest.mark.parametrize(("walked", "kind", "states", "least"), WALKS)
def test_no_act_that_a_page_offers_is_an_illegal_step(
    quiet: Database, walked: Callable[[Way, str], Iterator[str]], kind: str, states: str, least: int
) -> None:
    way = Way(quiet, kind)
    tried: set[str] = set()
    passed: list[str] = []
    for state in walked(way, kind):
        passed.append(state)
        seen, allowed = way.seen()
        assert seen.order["state"] == state
        offered = behind.offered(allowed, seen) + behind.derived(seen, allowed, {"admin"})
        for name in offered:
            assert way.refused(name, filled(name, way, seen)) == "", f"{state}: {name}"
        not_now = dict(behind.not_now(allowed, seen, {"admin"}))
        assert not_now.keys().isdisjoint(offered)
        assert set(not_now.values()) <= TEXTS.keys()
        tried |= set(offered)
    assert passed == states.split()
    assert len(tried) >= least
    assert tried <= set(FORMS)


def test_the_walks_pass_every_state_that_lasts() -> None:
    """A signature is followed by `receipt_due` at once (T26), so an order is never seen in between."""
    passed = {state for _, _, states, _ in WALKS for state in states.split()}
    assert passed == set(STATES) - {"signed", "signed_abnormal"}


BLANK = {"state": "accepted", "type": "goods", "customer_class": "standard", "units": [], "flags": [], "exceptions": [],
         "open_claims": [], "lines": [{"line": "1", "ordered": 5}]}  # fmt: skip
UNIT = {"id": "u1", "vehicle": None, "counts": True, "epcs": []}
FACT = {"id": "f1", "body": {}}


@pytest.mark.parametrize(
    ("command", "order_of", "facts", "late"),
    [
        ("release", {"flags": ["hold:data"]}, [], ()),
        ("close-exception", {"exceptions": [{"kind": "short", "closed_at": None}]}, [], ()),
        ("location-answer", {}, [FACT | {"kind": "location.requested"}], ()),
        ("exempt", {}, [], [{"clock": "N-01", "verdict": "late"}]),
        ("load", {"units": [UNIT]}, [], ()),
        ("pass-back", {"units": [UNIT | {"vehicle": "v1"}]}, [], ()),
        ("seen", {"units": [UNIT]}, [], ()),
        ("unbind-unit", {"units": [UNIT | {"epcs": ["30"]}]}, [], ()),
        ("split-consented", {"units": [UNIT], "customer_class": "project"}, [], ()),
        (
            "complaint-close",
            {"open_claims": ["C"]},
            [FACT | {"kind": "complaint.lodged", "body": {"complaint": "C"}}],
            (),
        ),
        ("claim-settle", {"open_claims": ["L"]}, [FACT | {"kind": "claim.lodged", "body": {"claim": "L"}}], ()),
    ],
)
def test_an_act_is_offered_once_there_is_something_behind_it(
    command: str, order_of: dict[str, Any], facts: list[dict[str, Any]], late: Any
) -> None:
    assert behind.offered([command], behind.Seen(BLANK)) == []
    assert behind.offered([command], behind.Seen(BLANK | order_of, facts, late)) == [command]


def test_an_answered_enquiry_a_given_reason_and_a_past_limit_are_offered_no_more() -> None:
    answered = [FACT | {"kind": "location.answered"}, FACT | {"kind": "location.requested"}]
    assert behind.offered(["location-answer"], behind.Seen(BLANK, answered)) == []
    cancelled = FACT | {"kind": "order.cancelled"}
    assert behind.offered(["cancel-reason"], behind.Seen(BLANK, [cancelled])) == ["cancel-reason"]
    given = cancelled | {"body": {"reason": "price"}}
    assert behind.offered(["cancel-reason"], behind.Seen(BLANK, [given])) == []
    assert behind.offered(["postpone"], behind.Seen(BLANK, last_day=True)) == []


def test_what_a_guard_stands_against_says_why() -> None:
    held = BLANK | {"flags": ["hold:data"]}
    told = dict(behind.not_now(["release"], behind.Seen(held), {"desk"}))
    assert told["confirm"] == "guard.no_hold"
    assert told["edit"] == "guard.unlocked"
    assert "release" not in told and "payment" not in told, "what another role does is no business of this one"


def test_a_single_piece_cannot_be_split_and_listed_units_neither() -> None:
    assert "split" in behind.derived(behind.Seen(BLANK), ["edit"], {"desk"})
    for other in ({"lines": [{"line": "1", "ordered": 1}]}, {"units": [UNIT]}):
        assert "split" not in behind.derived(behind.Seen(BLANK | other), ["edit"], {"desk"})
    assert behind.derived(behind.Seen(BLANK), ["edit"], {"keeper"}) == []
    assert behind.derived(behind.Seen(BLANK | {"state": "requested"}), ["edit"], {"customer"}) == ["copy"]
