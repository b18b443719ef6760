"""One round of orders: what the people of the demo do, each through the public API, and what they wait for.

People accept, confirm, print, sign. That goods are loaded, under way and there, nobody says: the devices do.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from milepost.ids import new_id
from milepost_tools.demo.client import ApiError, Client
from milepost_tools.demo.places import Places
from milepost_tools.demo.world import World
from milepost_tools.sim import town
from milepost_tools.sim.epc import sscc96
from milepost_tools.sim.geo import distance_m

BRANCH = "SH1"
COMPANY_PREFIX = "6950000"  # a prefix of the demo, not of a company
UNITS_PER_ORDER = 3
_POLL_S = 0.25
_DEVICE_WAIT_S = 45.0
_SKUS = (("CUP-01", "保温杯"), ("LAMP-02", "台灯"), ("TEA-03", "茶叶礼盒"))

Tell = Callable[[str], None]


def staged_m(truck: int, place: int) -> float:
    """How far from the door a pallet waits: nearest those of the truck that is loaded first, m."""
    return 4.2 + 0.3 * place + 0.4 * truck


class NotReached(RuntimeError):
    """Something that devices should have brought about did not come in time."""


@dataclass(frozen=True, slots=True)
class Pallet:
    """A handling unit with the EPC of its tag."""

    id: str
    epc: bytes


@dataclass
class Shipment:
    """One order on one truck to one store."""

    truck: int
    store: town.Store
    order: str
    number: str
    pallets: list[Pallet]
    trip: str = ""
    carried: list[str] = field(default_factory=list)


@dataclass
class Mistake:
    """The pallet that went onto the wrong truck, and whether the system said so and took it back."""

    shipment: Shipment
    pallet: Pallet
    caught: bool = False
    healed: bool = False


class Round:
    """Three orders from request to archive. number: of the round, it makes all numbers unique."""

    def __init__(self, number: int, people: Mapping[str, Client], places: Places, world: World, tell: Tell) -> None:
        self.number = number
        self.people = people
        self.places = places
        self.world = world
        self.tell = tell
        self.shipments: list[Shipment] = []
        self.mistake: Mistake | None = None
        self._serials = itertools.count(number * 1000 + 1)
        self._stop = Event()
        self._session: str | None = None

    def stop(self) -> None:
        """Give up waiting, in whatever thread."""
        self._stop.set()
        self.world.give_up()

    # --- the office ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Order, accept, confirm, pick, bill and plan all three; their pallets stand ready in the hall.

        Meanwhile the first truck backs up to the door.
        """
        self.world.go(0, town.to_dock(0))
        for truck, store in enumerate(town.STORES):
            self.shipments.append(self._order(truck, store))
        for shipment in self.shipments:
            self._plan(shipment)
            for place, pallet in enumerate(shipment.pallets):
                self.world.stage(pallet.epc, staged_m(shipment.truck, place))
        wronged = self.shipments[1]
        self.mistake = Mistake(wronged, wronged.pallets[-1])
        self.tell(f"round {self.number}: " + ", ".join(s.number for s in self.shipments) + " ready for loading")

    def _order(self, truck: int, store: town.Store) -> Shipment:
        people = self.people
        number = f"D{self.number:03d}-{truck + 1}"
        sku, name = _SKUS[truck % len(_SKUS)]
        order = people["customer"].post(
            "/orders",
            number=number,
            type="goods",
            customer="DEMO",
            class_="standard",
            channel="web",
            online=True,
            lines=[{"sku": sku, "name": name, "qty": UNITS_PER_ORDER}],
            from_={"site": self.places.yard, "name": "一号配送中心"},
            to={"site": self.places.stores[store.key], "name": store.name},
            contact={"name": store.name, "phone": "000-0000"},
            dates={},
            pickup="none",
        )["id"]
        path = f"/orders/{order}"
        people["customer"].post(f"{path}/submit")
        people["callcentre"].post(f"{path}/assign", branch=BRANCH)
        talk = {"with": store.name, "about": "order", "result": "ships today"}
        people["desk"].post(f"{path}/accept", branch=BRANCH, contact=talk)
        people["desk"].post(f"{path}/confirm", checked=True)
        pallets = [Pallet(new_id(), sscc96(COMPANY_PREFIX, 0, next(self._serials))) for _ in range(UNITS_PER_ORDER)]
        people["keeper"].post(
            f"{path}/units",
            units=[
                {"unit": pallet.id, "pieces": 1, "sku": sku, "line": 1, "kg": 180, "epcs": [pallet.epc.hex().upper()]}
                for pallet in pallets
            ],
        )
        people["keeper"].post(f"{path}/pick-list", list=f"P{number}")
        people["keeper"].post(f"{path}/ready", reason="picked")
        people["desk"].post(f"{path}/waybill", waybill=f"W{number}", pieces=UNITS_PER_ORDER, kg=180 * UNITS_PER_ORDER)
        return Shipment(truck, store, order, number, pallets)

    def _plan(self, shipment: Shipment) -> None:
        dispatcher = self.people["dispatcher"]
        stops = [{"site": self.places.yard}, {"site": self.places.stores[shipment.store.key]}]
        trip = dispatcher.post("/trips", number=f"T{shipment.number}", kind="direct", stops=stops)["id"]
        dispatcher.post(f"/trips/{trip}/vehicle", vehicle=self.places.vehicles[shipment.truck])
        dispatcher.post(f"/trips/{trip}/expected", order=shipment.order)
        shipment.trip = trip

    # --- the dock door ---------------------------------------------------------------------------

    def play(self) -> None:
        """Load truck after truck; each one drives, is received and filed on its own. Ends when all are filed.

        Raises NotReached when a device's step does not come, ApiError when a person's step is refused.
        """
        with ThreadPoolExecutor(len(self.shipments), thread_name_prefix="trip") as trips:
            under_way = []
            try:
                for shipment in self.shipments:
                    self._load(shipment)
                    under_way.append(trips.submit(self._deliver, shipment))
                for trip in under_way:
                    trip.result()
            except (NotReached, ApiError):
                raise  # trucks that are on the road go on: the pool waits for them
            except BaseException:
                self.stop()
                raise

    def _load(self, shipment: Shipment) -> None:
        keeper, truck = self.people["keeper"], shipment.truck
        if truck:
            self.world.go(truck, town.to_dock(truck))
        self.world.wait_standing(truck, 60)
        session = keeper.post(
            f"/doors/{self.places.door}/sessions",
            vehicle=self.places.vehicles[truck],
            trip=shipment.trip,
            direction="load",
        )["id"]
        self._session = session
        self.tell(f"{shipment.number}: truck {truck + 1} at the door, loading")
        if self.mistake and self.mistake.shipment is not shipment and not self.mistake.caught:
            self._load_wrongly(self.mistake)
        for pallet in shipment.pallets:
            self.world.carry(pallet.epc, inwards=True, then_free=pallet is not shipment.pallets[-1])
        self.until(shipment, "loaded", lambda order: order["state"] == "loaded")
        self.world.wait_free(20)
        keeper.post(f"/sessions/{session}/close")
        self._session = None
        self.people["driver"].post(f"/trips/{shipment.trip}/load-sign", pieces=len(shipment.pallets), cautions=[])

    def _load_wrongly(self, mistake: Mistake) -> None:
        """A pallet of another order goes aboard; the keeper is told, has it carried back, and sees it settled."""
        shipment, pallet = mistake.shipment, mistake.pallet
        self.world.carry(pallet.epc, inwards=True)
        self.until(shipment, "seen on the wrong truck", lambda order: _wrong(order, pallet.id, closed=False))
        mistake.caught = True
        self.tell(f"{shipment.number}: a pallet of it went onto the wrong truck and was caught; it goes back")
        self.world.carry(pallet.epc, inwards=False)
        self.until(shipment, "taken back", lambda order: _wrong(order, pallet.id, closed=True))
        mistake.healed = True

    # --- the road and the store ------------------------------------------------------------------

    def _deliver(self, shipment: Shipment) -> None:
        desk, path = self.people["desk"], f"/orders/{shipment.order}"
        self.world.clear_truck()
        self.world.go(shipment.truck, shipment.store.way_there)
        self.until(shipment, "in transit", lambda order: order["state"] == "in_transit")
        self.tell(f"{shipment.number}: left the yard, in transit")
        self.world.wait_standing(shipment.truck, 300)
        self.until(shipment, "at the consignee", lambda order: order["state"] == "at_consignee")
        self.tell(f"{shipment.number}: arrived at {shipment.store.name}")
        self.until(shipment, "stopped there", lambda order: "vehicle.stopped" in self.kinds(shipment))
        self.people["driver"].post(
            f"{path}/sign", signer=shipment.store.name, pieces=len(shipment.pallets), trip=shipment.trip
        )
        desk.post(f"{path}/receipt", slip=f"R{shipment.number}", qualified=True)
        desk.post(f"{path}/archive")
        self.until(shipment, "filed", lambda order: order["state"] == "archived")
        self.tell(f"{shipment.number}: signed, receipt back, filed")

    def abandon(self) -> None:
        """After a failure: the keeper closes the door's session, so that the next round can begin."""
        if self._session is not None:
            self.people["keeper"].post(f"/sessions/{self._session}/close")
            self._session = None
        self.world.clear_hall()

    def return_home(self) -> None:
        """Every truck drives back into its bay from wherever it stands; then its trip is over."""
        for shipment in self.shipments:
            self.world.wait_standing(shipment.truck, 300)
            for way in (shipment.store.way_back(shipment.truck), town.to_dock(shipment.truck).reversed()):
                if distance_m(self.world.trucks[shipment.truck].at, way.points[0]) < 1:
                    self.world.go(shipment.truck, way)
                    break
        for shipment in self.shipments:
            self.world.wait_standing(shipment.truck, 300)
            if shipment.trip:
                self.people["dispatcher"].post(f"/trips/{shipment.trip}/vehicle/end")

    # --- waiting ---------------------------------------------------------------------------------

    def kinds(self, shipment: Shipment) -> set[str]:
        """Kinds of the facts that bear on an order."""
        return {fact["kind"] for fact in self.people["demo"].get(f"/orders/{shipment.order}/evidence")}

    def until(self, shipment: Shipment, what: str, reached: Callable[[Mapping], bool]) -> Mapping:
        """Wait until the order is so. Raises NotReached with the state it has instead."""
        deadline = time.monotonic() + _DEVICE_WAIT_S
        while True:
            order = self.people["demo"].get(f"/orders/{shipment.order}")
            if reached(order):
                return order
            if time.monotonic() > deadline:
                raise NotReached(
                    f"{shipment.number}: not {what} after {_DEVICE_WAIT_S:g} s; state {order['state']}, "
                    f"tally {order['tally']}, exceptions {[e['kind'] for e in order['exceptions']]}"
                )
            if self._stop.wait(_POLL_S):
                raise InterruptedError("the demo was stopped")


def _wrong(order: Mapping, unit: str, *, closed: bool) -> bool:
    """True when the order has a wrong_truck exception of this unit, open or closed as asked."""
    found: Sequence[Mapping] = [e for e in order["exceptions"] if e["kind"] == "wrong_truck" and e["key"] == unit]
    return bool(found) and (all if closed else any)((e["closed_at"] is not None) == closed for e in found)
