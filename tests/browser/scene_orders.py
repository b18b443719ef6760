"""The orders of that morning: people's steps over the public API, the devices' facts as detectors write them."""

import itertools
import json
import math
from typing import Any

import httpx
from scene_shanghai import Scene

from milepost.access.model import Grant
from milepost.alerts import service as alerts
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.repository import put_passage
from milepost.evidence.sessions import open_session
from milepost.ids import new_id
from milepost.orders import service as orders
from milepost.times import now_ms, to_rfc3339

ROLES = ("customer", "desk", "call_centre", "keeper", "dispatcher", "driver", "branch_manager")
GOODS = [("冷藏奶 24 盒", 4), ("速冻面点 5 kg", 5), ("水果箱 8 kg", 3)]
MINUTE = 60_000


class Orders:
    """Places orders and moves them along. `steps` of a shipment: how far it has come."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.house = scene, scene.house
        alerts.install()
        token = self.house.person("people", *(Grant(role) for role in ROLES), name="值班 02")
        self.http = httpx.Client(
            base_url=f"{self.house.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self._serial = itertools.count(4401)
        self.made: list[dict[str, Any]] = []

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(path, json={key: value for key, value in body.items() if value is not None})
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json() if answer.content else {}

    def trip(self, vehicle: int, stops: list[str], number: str) -> str:
        """A direct trip of a vehicle from the distribution centre; planned round about now."""
        now = now_ms()
        planned = [
            {"site": self.scene.sites[code], "planned_from": to_rfc3339(now + (i * 40 - 75) * MINUTE)}
            for i, code in enumerate(["DC1", *stops])
        ]
        at = to_rfc3339(now - 120 * MINUTE)
        trip = self.post("/trips", number=number, kind="direct", stops=planned, at=at)["id"]
        self.post(
            f"/trips/{trip}/vehicle", vehicle=self.scene.vehicles[vehicle]["id"], at=at,
            driver=self.scene.drivers[vehicle % 12], **{"from": at},
        )  # fmt: skip
        return trip

    def order(
        self, customer: str, to: str, trip: str | None, *, goods: list[tuple[str, int]] = GOODS
    ) -> dict[str, Any]:
        """An order up to its waybill, on the list of a trip."""
        lines = [{"sku": f"S{i}", "name": name, "qty": qty, "line": str(i)} for i, (name, qty) in enumerate(goods, 1)]
        for line in lines:
            line.pop("line")
        made = self.post(
            "/orders", type="goods", customer=customer, channel="web", online=True, lines=lines, dates={},
            pickup="none", contact={"name": f"店长 {to[1:]}", "phone": "000-0000"},
            to={"site": self.scene.sites[to]}, **{"from": {"site": self.scene.sites["DC1"]}, "class": "standard"},
        )  # fmt: skip
        path, start = f"/orders/{made['id']}", now_ms() - 110 * MINUTE
        at = [to_rfc3339(start + i * 4 * MINUTE) for i in range(8)]
        self.post(f"{path}/submit")
        self.post(f"{path}/assign", branch="JD", at=at[1])
        talk = {"with": "店长", "about": "订单", "result": "今天发货"}
        self.post(f"{path}/accept", branch="JD", at=at[2], contact=talk)
        self.post(f"{path}/confirm", checked=True, at=at[3])
        units = [
            {"unit": new_id(), "pieces": 1, "line": line, "kg": 12, "epcs": [f"3034F8{next(self._serial):018X}"]}
            for line, (_, qty) in enumerate(goods, 1)
            for _ in range(qty)
        ]
        self.post(f"{path}/units", units=units, at=at[4])
        made |= {"path": path, "units": units, "trip": trip, "customer": customer}
        self.made.append(made)
        return made

    def bill(self, made: dict[str, Any]) -> None:
        """Pick, make ready, bill; put it on the trip's list."""
        start = now_ms() - 90 * MINUTE
        self.post(f"{made['path']}/pick-list", list=f"P-{made['number'][-4:]}", at=to_rfc3339(start))
        self.post(f"{made['path']}/ready", reason="配齐", at=to_rfc3339(start + 9 * MINUTE))
        count = len(made["units"])
        self.post(
            f"{made['path']}/waybill", waybill=f"YD-5507-{2816 + self.made.index(made)}", pieces=count, kg=count * 12,
            at=to_rfc3339(start + 12 * MINUTE),
        )  # fmt: skip
        if made["trip"]:
            self.post(f"/trips/{made['trip']}/expected", order=made["id"], at=to_rfc3339(start + 13 * MINUTE))

    def load(self, made: dict[str, Any], vehicle: int, units: list[dict[str, Any]], since_min: float = 70) -> None:
        """Units pass the door onto a truck, 20 s apart."""
        made["vehicle"] = vehicle
        start = now_ms() - int(since_min * MINUTE)
        facts = [self._loaded(unit, vehicle, start + i * 20_000) for i, unit in enumerate(units)]
        with self.house.db.tx() as conn:
            for fact in facts:
                put_passage(conn, self._passage(fact), known=False)
        self._append(facts)

    def depart(self, made: dict[str, Any], vehicle: int, *, signed: bool = True, since_min: float = 62) -> None:
        """The driver signs, the truck leaves the yard."""
        at = now_ms() - int(since_min * MINUTE)
        if signed:  # for the whole load of the trip
            pieces = sum(len(each["units"]) for each in self.made if each["trip"] == made["trip"] and "vehicle" in each)
            self.post(f"/trips/{made['trip']}/load-sign", pieces=pieces, cautions=[], at=to_rfc3339(at - MINUTE))
        self.leave(vehicle, "DC1", at)

    def leave(self, vehicle: int, site: str, at: int) -> None:
        """The truck's tracker tells that it left a site."""
        self._append([self._fence("vehicle.left", vehicle, site, at)])

    def arrive(self, vehicle: int, site: str, since_min: float) -> None:
        """The truck enters a site and stops there."""
        at = now_ms() - int(since_min * MINUTE)
        self._append(
            [
                self._fence("vehicle.entered", vehicle, site, at),
                self._fence("vehicle.stopped", vehicle, site, at + 90_000),
            ]
        )

    def dock(self, vehicle: int, trip: str, door: int, since_min: float = 20) -> None:
        """A truck stands at a door for its trip."""
        with self.house.db.tx() as conn:
            _, facts = open_session(
                conn, door=self.scene.doors[door], vehicle=self.scene.vehicles[vehicle]["id"], trip=trip,
                direction="load", from_ms=now_ms() - int(since_min * MINUTE), by="keeper02",
            )  # fmt: skip
            orders.on_facts(conn, facts)

    def _append(self, facts: list[Fact]) -> None:
        with self.house.db.tx() as conn:
            orders.on_facts(conn, log.append(conn, facts))

    def _loaded(self, unit: dict[str, Any], vehicle: int, at: int) -> Fact:
        rssi = [
            [at + ms - 120, at + ms + 120, level - 3, level, level - 4, 4]
            for ms, level in ((i * 420 - 2600, -74 + 23 * math.exp(-((i - 6) ** 2) / 9)) for i in range(13))
        ]
        gates = [
            [at - 700, "inner", True],
            [at + 250, "inner", False],
            [at - 150, "outer", True],
            [at + 800, "outer", False],
        ]
        subjects = {
            "unit": unit["unit"], "vehicle": self.scene.vehicles[vehicle]["id"], "site": self.scene.sites["DC1"],
            "door": self.scene.doors[1],
        }  # fmt: skip
        inputs = tuple(f"dr-0001/7/{at % 100_000 + i}" for i in range(13))
        return Fact(
            id=fact_id("unit.loaded", subjects, inputs), kind="unit.loaded", at=at, by=Author("device", "dr-0001"),
            source="rfid", subjects=subjects, body={"epc": unit["epcs"][0], "sources": ["rfid", "gate"]},
            confidence=0.97,
            grade="A", inputs=inputs, rule="door/1",
            snapshot={"rssi": [[round(v, 1) for v in row] for row in rssi], "gates": gates},
        )  # fmt: skip

    def _passage(self, fact: Fact) -> dict[str, Any]:
        """What the door saw, as the detector keeps it."""
        evidence = {
            "confidence": fact.confidence, "inputs": list(fact.inputs), "snapshot": fact.snapshot,
            "crossing": fact.inputs[0],
            "clock": "ntp", "received_at": fact.at + 900,
        }  # fmt: skip
        return {
            "id": new_id(), "device_id": "dr-0001", "door_id": self.scene.doors[1], "epc": fact.body["epc"],
            "at": fact.at,
            "direction": "out", "level_dbm": -51.0, "evidence": json.dumps(evidence), "withdrawn": 0,
        }  # fmt: skip

    def _fence(self, kind: str, vehicle: int, site: str, at: int) -> Fact:
        subjects = {"vehicle": self.scene.vehicles[vehicle]["id"], "site": self.scene.sites[site]}
        inputs = (f"{self.scene.vehicles[vehicle]['device']}/1/{at // 1000 % 100_000}",)
        track = [
            [at + s * 1000, 31.372 + 0.00009 * s + 0.0000012 * s * s, 121.272 + 0.00016 * s, 9.4]
            for s in range(-20, 20, 2)
        ]
        return Fact(
            id=fact_id(kind, subjects, inputs), kind=kind, at=at,
            by=Author("device", self.scene.vehicles[vehicle]["device"]),
            source="gnss", subjects=subjects, body={}, confidence=0.9995, grade="B", inputs=inputs, clock="gnss",
            rule="geofence/1", snapshot={"track": [[t, round(a, 6), round(o, 6), v] for t, a, o, v in track]},
        )  # fmt: skip


def morning(scene: Scene) -> Orders:
    """Orders in every stage; one truck left short, one carries a unit that is not its own, one loads at door 2."""
    desk = Orders(scene)
    trips = {
        0: desk.trip(0, ["S14", "S22", "T3"], "T-1126-07"),
        1: desk.trip(1, ["S08", "S31"], "T-1126-03"),
        2: desk.trip(2, ["S31"], "T-1126-04"),
        3: desk.trip(3, ["S17", "HUB2"], "T-1126-05"),
        11: desk.trip(11, ["S22", "S05"], "T-1126-09"),
    }
    first = desk.order("客户甲", "S14", trips[0])
    second = desk.order("客户乙", "S22", trips[0], goods=[("饮料 24 瓶", 8)])
    third = desk.order("客户丙", "T3", trips[0], goods=[("粮油 10 kg", 6)])
    short = desk.order("客户丁", "S08", trips[1])
    strayed = desk.order("客户戊", "S31", trips[2], goods=[("纸品整箱", 5)])
    there = desk.order("客户己", "S17", trips[3], goods=[("洗护整箱", 4)])
    docked = desk.order("客户庚", "S22", trips[11])
    for made in (first, second, short, strayed, there, docked):
        desk.bill(made)
    # Nobody scanned this one out of its shelf and nobody billed it; the door saw it all the same.
    desk.post(f"/trips/{trips[0]}/expected", order=third["id"], at=to_rfc3339(now_ms() - 80 * MINUTE))
    for made in (first, second, third):
        desk.load(made, 0, made["units"])
    desk.depart(first, 0)
    desk.load(short, 1, short["units"][:-1])
    desk.depart(short, 1)
    desk.load(strayed, 2, strayed["units"][:-1])
    desk.load(there, 3, there["units"])
    desk.depart(there, 3)
    desk.arrive(3, "S17", 6)
    desk.dock(11, trips[11], 1)
    desk.load(docked, 11, docked["units"][:9], since_min=12)
    desk.load(strayed, 11, strayed["units"][-1:], since_min=3)
    for customer in ("客户甲", "客户辛"):
        desk.order(customer, "S05", None, goods=[("日配 12 件", 2)])
    return desk
