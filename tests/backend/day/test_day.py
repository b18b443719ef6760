"""A day of operations from submission to archive: people at the API, devices through the detectors, things gone wrong
on purpose. What is expected of each order stands in the script of the day, not in the fold."""

from dataclasses import dataclass, field

import pytest

from milepost.orders.model import STAGES
from milepost.times import parse_rfc3339

from .conftest import Company, clock, epc, rfc


@dataclass
class Expected:
    """What the script of the day makes of one order."""

    number: int
    id: str = ""
    unit: str = ""
    end: str = "archived"
    outcome: str = "signed"
    picked_by: str = ""  # the source of the word that it was picked: rfid (the bench) or scan; "" for what is fetched
    opened: set[str] = field(default_factory=set[str])  # causes of exceptions that must have been there, and no others
    settled: set[str] = field(default_factory=set[str])  # of these, what must be closed again

    @property
    def epc(self) -> str:
        return epc(self.number)


# Exceptions that accuse somebody; an ordinary order of this day has none of them.
ACCUSING = {
    "short", "over", "wrong_truck", "two_trucks", "departed_incomplete", "unsigned_load", "left_without_outcome",
    "signed_without_presence", "signed_difference", "signed_abnormal", "signatures_differ", "refused", "line_short",
    "seen_elsewhere", "misdropped", "left_on_vehicle", "signed_but_seen", "unit_of_two_orders", "contradicts_outcome",
    "out_of_sequence", "load_count", "changed_after_loading",
}  # fmt: skip


def entered(company: Company, order: Expected, to: str, kind: str = "goods", origin: str = "yard") -> None:
    """A customer asks, the desk takes it in, accepts, confirms; the unit is tagged."""
    made = company.post(
        "customer", "/orders", 201, type=kind, customer="c1", lines=[{"sku": "CUP", "name": "cup", "qty": 1}],
        from_={"site": company.sites[origin]}, to={"site": company.sites[to]}, contact={"name": "shop"},
        dates={"ship": "2026-03-02"}, pickup="none" if kind == "goods" else "asap",
    )  # fmt: skip
    order.id = made["id"]
    company.post("customer", f"/orders/{order.id}/submit", branch="b1")
    company.post("desk", f"/orders/{order.id}/accept", contact={"with": "customer", "about": "order", "result": "ok"})
    if kind == "consignment":
        company.post("desk", f"/orders/{order.id}/note-printed", paper="n", branch="b1")
    company.post("desk", f"/orders/{order.id}/confirm")
    units = [{"no": 1, "epc": order.epc, "line": 1}]
    order.unit = company.post("desk", f"/orders/{order.id}/units", units=units)["units"][0]["id"]


def picked(company: Company, order: Expected) -> None:
    """The keeper's scanner reads the one unit that is asked for: that is all, the order is ready (T9)."""
    company.post("keeper", f"/orders/{order.id}/picked", unit=order.unit, source="scan")
    order.picked_by = "scan"
    billed(company, order)


def picked_at_the_bench(company: Company, orders: list[Expected], neighbour: Expected, *, late: bool = False) -> None:
    """The units lie on the bench, its reader hears them, and nobody scans anything (T9). A unit that no list asks for
    is stacked beside them and heard as well: faintly, and once on the bench itself.

    `late`: the keeper's tablet was off line, the pick lists are told when the reads have come.
    """
    lists = company.wall.ms
    company.wall.ms += 60_000
    if not late:
        issue(company, orders)
    start = company.wall.ms
    readings = company.lay([order.epc for order in orders], start)
    readings += company.lay([neighbour.epc], start + 500, level=-70.0) + company.lay([neighbour.epc], start + 1_500)
    company.wall.ms = start + len(orders) * 2_000 + 10_000
    company.feed(readings)
    company.feed(readings[:4])  # the network told some of it twice
    if late:
        issue(company, orders, at=rfc(lists))
    for order in orders:
        order.picked_by = "rfid"
        billed(company, order)
    assert company.order(neighbour.id)["state"] == "confirmed"


def issue(company: Company, orders: list[Expected], **at: str) -> None:
    """The pick list of each (T8)."""
    for order in orders:
        company.post("keeper", f"/orders/{order.id}/pick-list", list=f"PL{order.number}", **at)


def billed(company: Company, order: Expected) -> None:
    """What is picked gets its waybill: the desk can write it only for an order that is ready."""
    company.post("desk", f"/orders/{order.id}/waybill", waybill=f"W{order.number}", pieces=1, kg=5)


@dataclass
class Trip:
    id: str
    truck: str
    session: str = ""


def plan(company: Company, number: str, kind: str, truck: str, way: tuple[str, ...], orders: list[Expected]) -> Trip:
    stops = [{"site": company.sites[name]} for name in way]
    trip = company.post("dispatcher", "/trips", 201, number=number, kind=kind, stops=stops)["id"]
    company.post("dispatcher", f"/trips/{trip}/vehicle", vehicle=company.trucks[truck])
    for order in orders:
        company.post("dispatcher", f"/trips/{trip}/expected", order=order.id)
    return Trip(trip, truck)


def dock(company: Company, trip: Trip, door: str, direction: str = "load") -> None:
    made = company.post(
        "keeper", f"/doors/{company.doors[door]}/sessions", 201, vehicle=company.trucks[trip.truck], trip=trip.id,
        direction=direction,
    )  # fmt: skip
    trip.session = made["id"]


def undock(company: Company, trip: Trip, signed: int | None) -> None:
    company.post("keeper", f"/sessions/{trip.session}/close")
    if signed is not None:
        company.post("driver", f"/trips/{trip.id}/load-sign", pieces=signed)


def load(
    company: Company, trip: Trip, door: str, orders: list[Expected], *, signed: bool = True, by_hand: int = 0
) -> None:
    """The reader sees the orders' units go out through the door while the truck is docked there; the driver signs for
    these, and for what was carried aboard by hand."""
    dock(company, trip, door)
    start = company.wall.ms + 2_000
    readings = company.cross(door, "out", [order.epc for order in orders], start)
    company.wall.ms = start + len(orders) * 5_000 + 40_000
    company.feed(readings)
    undock(company, trip, len(orders) + by_hand if signed else None)


# A hundred orders. Each order put on a trip is judged anew with all others of that trip, so the short way has most.
DIRECT, BY_LINE, FETCHED = 13, 12, 10  # of one direct trip, of the two line trips, of the two pickup trips


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.requirement("LI-7", "OT-7", "OD-2", "EX-22", "EX-42", "T9", "T11", "T13", "T14", "T15", "T18", "T19")
def test_a_day_of_operations_ends_as_its_script_says(company: Company) -> None:
    every = [Expected(n) for n in range(6 * DIRECT + BY_LINE + FETCHED)]
    assert len(every) == 100
    direct = [every[n * DIRECT : (n + 1) * DIRECT] for n in range(6)]  # six trips yard to shop
    by_line = every[6 * DIRECT : -FETCHED]  # two line trips to the terminal, two delivery trips on to the shop
    fetched = every[-FETCHED:]  # two pickup trips from the shop to the terminal
    company.at("08:00")
    for order in every[:-FETCHED]:
        entered(company, order, "shop")
    picked_at_the_bench(company, direct[0], neighbour=direct[2][0])
    picked_at_the_bench(company, direct[1], neighbour=direct[2][0], late=True)
    for order in every[2 * DIRECT : -FETCHED]:
        picked(company, order)
    for order in fetched:
        entered(company, order, "term", "consignment", "shop")
        company.post("dispatcher", f"/orders/{order.id}/route", mode="collect")
    trips = morning(company, direct)
    noon(company, direct, trips)
    afternoon(company, [direct[0][0], *by_line])
    pickups(company, fetched)
    company.at("18:00")
    for order in every:
        company.post("desk", f"/orders/{order.id}/receipt", 409 if order.end == "refused" else 200, slip="R")
        company.post("desk", f"/orders/{order.id}/archive", 409 if order.end == "refused" else 200)
    wrong = [problem for order in every for problem in differences(company, order)]
    assert not wrong, "\n".join(wrong)


def differences(company: Company, order: Expected) -> list[str]:
    """Where an order is not what the script of the day makes of it."""
    found = company.order(order.id)
    causes = {e["cause"].split(":")[0] for e in found["exceptions"]} & ACCUSING
    closed = {e["cause"].split(":")[0] for e in found["exceptions"] if e["closed_at"]} & order.opened
    done = [stage["key"] for stage in found["stages"] if stage["done"]]
    stages = list(STAGES) if order.end == "archived" else list(STAGES[:-1])
    pairs = [
        ("state", found["state"], order.end), ("outcome", found["outcome"], order.outcome), ("stages", done, stages),
        ("exceptions", causes, order.opened), ("settled", order.settled - closed, set()),
        ("picked by", by_whom(company, order), order.picked_by),
    ]  # fmt: skip
    return [f"order {order.number}: {name} {got}, by the script {want}" for name, got, want in pairs if got != want]


def by_whom(company: Company, order: Expected) -> str:
    """The source of the fact that says of the order's unit that it was picked; empty without one."""
    told = [fact["source"] for fact in company.facts(order.id) if fact["kind"] == "unit.picked"]
    return told[0] if len(told) == 1 else ", ".join(told)


def morning(company: Company, direct: list[list[Expected]]) -> list[Trip]:
    """Six trucks are loaded in the yard; five things go wrong."""
    company.at("10:00")
    trips = [plan(company, f"D{n}", "direct", "abcdef"[n], ("yard", "shop"), direct[n]) for n in range(6)]
    for trip in trips:
        company.feed(company.stand(trip.truck, "yard", clock("09:50"), 120))
    # D0: the reader misses one unit; the truck leaves without the keeper noticing.
    company.at("10:10")
    load(company, trips[0], "yard-1", direct[0][1:])
    direct[0][0].opened |= {"departed_incomplete", "short"}
    # D1: a unit of D2 goes onto its truck, and comes back through the door.
    company.at("10:20")
    dock(company, trips[1], "yard-1")
    stray = direct[2][0]
    stray.opened |= {"wrong_truck"}
    stray.settled |= {"wrong_truck"}
    company.feed(company.cross("yard-1", "out", [o.epc for o in direct[1]] + [stray.epc], clock("10:21")))
    company.at("10:24")
    company.feed(company.cross("yard-1", "in", [stray.epc], clock("10:23")))
    undock(company, trips[1], DIRECT)
    # D2: as it should be. D3: nobody signs for the load.
    company.at("10:30")
    load(company, trips[2], "yard-1", direct[2])
    company.at("10:40")
    load(company, trips[3], "yard-1", direct[3], signed=False)
    for order in direct[3]:
        order.opened |= {"unsigned_load"}
    # D4: the reader's network is down, its readings come when the truck is gone. D5: one unit of D4 is read onto it.
    company.at("10:50")
    dock(company, trips[4], "yard-1")
    late = company.cross("yard-1", "out", [o.epc for o in direct[4]], clock("10:51"))
    company.at("10:55")
    company.post("driver", f"/trips/{trips[4].id}/load-sign", pieces=DIRECT)
    twice = direct[4][0]
    twice.opened |= {"two_trucks"}
    for order in direct[5]:
        order.opened |= {"over"}
    company.at("11:00")
    dock(company, trips[5], "yard-2")
    company.feed(company.cross("yard-2", "out", [o.epc for o in direct[5]] + [twice.epc], clock("11:01")))
    company.at("11:04")
    undock(company, trips[5], DIRECT)
    company.at("11:06")
    there, back = {"site": company.sites["yard"]}, {"vehicle": company.trucks[trips[5].truck]}
    company.post("keeper", f"/orders/{twice.id}/pass-back", unit=twice.unit, source="scan", **there, **back)
    # While it is on the road with D0, the yard's other door reads a parcel; its arrival settles that.
    ghost = direct[0][1]
    ghost.opened |= {"seen_elsewhere"}
    ghost.settled |= {"seen_elsewhere"}
    for n, trip in enumerate(trips):
        start = clock(f"11:{10 + n}")
        company.wall.ms = start + 900_000
        company.feed(company.drive(trip.truck, "yard", "shop", start, stay_s=1200))
    company.at("11:31")
    company.feed(company.cross("yard-2", "in", [ghost.epc], clock("11:12")))
    company.feed(late)
    # The truck's leaving closed the session of which nobody had said that it was over; the keeper says when it was.
    company.post("keeper", f"/sessions/{trips[4].session}/correct", to=rfc(clock("10:55")))
    return trips


def noon(company: Company, direct: list[list[Expected]], trips: list[Trip]) -> None:
    """The shop signs while the trucks stand there; one parcel is refused, one is damaged, one is signed for late."""
    company.at("11:32")
    refused, damaged, false = direct[1][1], direct[1][2], direct[4][1]
    refused.end, refused.outcome = "refused", "refused"
    refused.opened |= {"refused"}
    damaged.outcome = "signed_abnormal"
    damaged.opened |= {"signed_abnormal"}
    company.post("driver", f"/orders/{refused.id}/refuse", reason="wrong colour")
    company.post(
        "driver",
        f"/orders/{damaged.id}/sign-abnormal",
        signer="shop manager",
        pieces=1,
        note="wet",
        photo="p1",
        damaged=1,
    )
    kept = {refused.number, damaged.number, false.number, direct[0][0].number}
    for orders in direct:
        for order in orders:
            if order.number not in kept:
                company.post("driver", f"/orders/{order.id}/sign", signer="shop manager", pieces=1)
                company.wall.ms -= 900
    company.at("12:00")
    for trip in trips:
        company.feed(company.drive(trip.truck, "shop", "yard", clock("11:45"), stay_s=200))
        company.post("dispatcher", f"/trips/{trip.id}/vehicle/end")
    false.opened |= {"left_without_outcome", "signed_without_presence"}
    company.at("15:00")
    company.post("driver", f"/orders/{false.id}/sign", signer="shop manager", pieces=1)


def afternoon(company: Company, orders: list[Expected]) -> None:
    """Two trucks take goods to the terminal, two others on to the shop; the tracker of the second says nothing."""
    halves = [orders[: len(orders) // 2], orders[len(orders) // 2 :]]
    for n, goods in enumerate(halves):
        truck, other, hour = "ab"[n], "cd"[n], 13 + n
        company.at(f"{hour}:00")
        line = plan(company, f"L{n}", "line", truck, ("yard", "term"), goods)
        if n == 0:  # the parcel that was left behind has a tag that no reader hears: the keeper scans it
            scanned = {"vehicle": company.trucks[truck], "site": company.sites["yard"], "source": "scan"}
            company.post("keeper", f"/orders/{goods[0].id}/load", unit=goods[0].unit, **scanned)
        load(company, line, "yard-1", goods[1:] if n == 0 else goods, by_hand=int(n == 0))
        company.at(f"{hour}:20")
        if n == 0:
            company.feed(company.drive(truck, "yard", "term", clock(f"{hour}:10"), stay_s=300))
            unloaded = {"vehicle": company.trucks[truck], "site": company.sites["term"], "source": "scan"}
            company.post("keeper", f"/orders/{goods[0].id}/unload", unit=goods[0].unit, **unloaded)
        dock(company, line, "term-1", "unload")
        company.feed(
            company.cross("term-1", "in", [o.epc for o in (goods[1:] if n == 0 else goods)], clock(f"{hour}:21"))
        )
        company.at(f"{hour}:25")
        undock(company, line, None)
        company.post("dispatcher", f"/trips/{line.id}/vehicle/end")
        # The delivery: the truck comes over empty, is loaded at the terminal and drives on to the shop.
        company.feed(company.drive(other, "yard", "term", clock(f"{hour}:10"), stay_s=1200))
        company.at(f"{hour}:30")
        last = plan(company, f"X{n}", "delivery", other, ("term", "shop"), goods)
        if n == 0:
            scanned = {"vehicle": company.trucks[other], "site": company.sites["term"], "source": "scan"}
            company.post("keeper", f"/orders/{goods[0].id}/load", unit=goods[0].unit, **scanned)
        load(company, last, "term-1", goods[1:] if n == 0 else goods, by_hand=int(n == 0))
        company.feed(company.drive(other, "term", "shop", clock(f"{hour}:40"), stay_s=900))
        company.at(f"{hour}:50")
        for order in goods:
            company.post("driver", f"/orders/{order.id}/sign", signer="shop manager", pieces=1)
            company.wall.ms -= 900


def pickups(company: Company, orders: list[Expected]) -> None:
    """Two trucks fetch consignments at the shop and bring them to the terminal, where the consignee collects them."""
    halves = [orders[: len(orders) // 2], orders[len(orders) // 2 :]]
    for n, goods in enumerate(halves):
        truck = "ef"[n]
        company.at(f"{16 + n}:00")
        trip = plan(company, f"P{n}", "pickup", truck, ("shop", "term"), goods)
        start = clock(f"{16 + n}:01")
        company.feed(company.drive(truck, "yard", "shop", start, stay_s=300))
        company.at(f"{16 + n}:12")
        for order in goods:
            ref = f"/orders/{order.id}"
            company.post("driver", f"{ref}/pickup-done", pieces=1, packing="good", signers=["shop manager", "driver"])
            company.post("desk", f"{ref}/weighed", kg=5, max_piece_kg=5)
            company.post("desk", f"{ref}/waybill", waybill=f"W{order.number}", pieces=1, kg=5)
        company.feed(company.drive(truck, "shop", "term", clock(f"{16 + n}:15"), stay_s=1500))
        company.at(f"{16 + n}:22")
        dock(company, trip, "term-1", "unload")
        company.feed(company.cross("term-1", "in", [o.epc for o in goods], clock(f"{16 + n}:23")))
        company.at(f"{16 + n}:27")
        undock(company, trip, None)
        for order in goods:
            company.post("desk", f"/orders/{order.id}/sign", signer="consignee", pieces=1)
            arrived = [c["end"] for c in company.clocks(order.id) if c["clock"] in ("N-20", "N-22", "N-23")]
            stopped = start + round(8_000 / 20) * 1000
            assert arrived and all(abs(parse_rfc3339(end) - stopped) < 30_000 for end in arrived)
