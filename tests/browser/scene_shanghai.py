"""A morning around Shanghai: forty trucks in every state, sites, doors, trips. Positions enter as real batches."""

import math
import random
from typing import Any

from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.times import now_ms
from milepost_device import wire

SITES = [
    ("DC1", "嘉定仓", "Jiading DC", "origin", (31.372, 121.265), 900),
    ("HUB2", "昆山中转站", "Kunshan hub", "hub", (31.385, 120.981), 700),
    ("T3", "浦东网点", "Pudong terminal", "terminal", (31.192, 121.692), 600),
    ("S14", "门店 014", "Store 014", "consignee", (31.236, 121.482), 220),
    ("S08", "门店 008", "Store 008", "consignee", (31.103, 121.372), 220),
    ("S22", "门店 022", "Store 022", "consignee", (31.302, 121.543), 220),
    ("S31", "门店 031", "Store 031", "consignee", (31.021, 121.226), 220),
    ("S17", "门店 017", "Store 017", "consignee", (31.457, 121.101), 220),
    ("S05", "门店 005", "Store 005", "consignee", (31.051, 121.741), 220),
]
PLATES = [
    "沪A·3K921", "沪A·5N317", "浙B·08F63", "苏E·7M250", "浙A·1Q806", "沪D·90L44", "浙B·6T133", "苏A·2W905",
    "沪A·77R02", "浙F·3H518", "沪A·4B660", "皖B·08K71", "浙A·5D229", "沪C·61M80", "苏E·9P004", "浙F·2C558",
    "苏A·3V177", "皖A·66D20", "沪A·19T70", "沪B·2H448", "苏B·7L305", "沪A·8Q119", "浙A·90P26", "沪D·3F771",
    "苏E·1R682", "沪A·6W240", "沪C·5A913", "浙B·44M18", "苏A·8E507", "沪A·2X836", "沪B·7K054", "苏B·0N292",
    "浙F·61Q8L", "沪A·D12345", "沪A·9J661", "苏E·5T418", "沪D·84B30", "皖B·3C907", "沪A·1M573", "浙A·7S082",
]  # fmt: skip


class Scene:
    """The fleet with its ids; `drive` lets it move on."""

    def __init__(self, house: Any, seed: int = 7) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.start = now_ms()
        self.vehicles: list[dict[str, Any]] = []
        self.sites: dict[str, str] = {}
        self.spool_id = 0
        self.seqs: dict[str, int] = {}
        with house.db.tx() as conn:
            self._found(conn)

    def _found(self, conn: Any) -> None:
        for code, zh, en, kind, (lat, lon), radius in SITES:
            shape = {"type": "circle", "lat": lat, "lon": lon, "radius_m": radius}
            self.sites[code] = fleet.add_site(conn, code=code, name_zh=zh, name_en=en, kind=kind, shape=shape)
        self.doors = [fleet.add_door(conn, site_id=self.sites["DC1"], number=str(n)) for n in (1, 2, 3)]
        self.drivers = [fleet.add_driver(conn, name=f"司机 {n:02d}") for n in range(1, 13)]
        for n, plate in enumerate(PLATES):
            device = f"mp-{n:04d}"
            devices.register_device(conn, device_id=device, role="tracker", name=f"MP-{n:04d}", accounts=_NoBroker())
            vehicle = fleet.add_vehicle(conn, plate=plate)
            fleet.bind(conn, device, "vehicle", vehicle, self.start - 86_400_000)
            self.vehicles.append({"id": vehicle, "plate": plate, "device": device, **self._where(n)})

    def _where(self, n: int) -> dict[str, Any]:
        pick = self.random
        if n in (13, 14, 26, 33):  # waiting in the yard
            return {"lat": 31.372 + pick.uniform(-4, 4) * 1e-3, "lon": 121.265 + pick.uniform(-5, 5) * 1e-3,
                    "course": 0, "speed": 0, "ignition": n == 26, "silent_ms": 0}  # fmt: skip
        lat, lon = 31.2 + pick.gauss(0, 0.13), 121.33 + pick.gauss(0, 0.22)
        while (lon > 121.75 and lat < 31.35) or (lon > 121.45 and lat > 31.4) or lat < 30.87:
            lat, lon = 31.2 + pick.gauss(0, 0.13), 121.33 + pick.gauss(0, 0.22)
        state = {"lat": lat, "lon": lon, "course": pick.randrange(360), "speed": pick.uniform(8, 23),
                 "ignition": True, "silent_ms": 0}  # fmt: skip
        if n in (10, 11, 27, 36):
            state |= {"speed": 0}
        elif n in (12, 20, 30, 31, 35, 37, 39):
            state |= {"speed": 0, "ignition": False}
        elif n in (15, 16, 23):
            state |= {"silent_ms": (4 + n % 5) * 60_000}
        elif n in (17, 38):
            state |= {"silent_ms": 3_600_000 * (n % 4 + 2)}
        if n == 0:
            state |= {"lat": 31.318, "lon": 121.395, "course": 128, "speed": 17.2}
        return state

    def past(self, minutes: int = 70) -> None:
        """The way each vehicle has come, every 20 s, with one silence of the first."""
        for vehicle in self.vehicles:
            end = self.start - vehicle["silent_ms"]
            records = []
            for step in range(minutes * 3, -1, -1):
                at = end - step * 20_000
                if vehicle is self.vehicles[0] and 30 < step < 42:
                    continue
                records.append((at, *self._behind(vehicle, step * 20)))
            self._send(vehicle, records)

    def _behind(self, vehicle: dict[str, Any], seconds: float) -> tuple[float, float, float]:
        if vehicle is self.vehicles[0]:  # it has come from the distribution centre, an hour ago
            done = min(1.0, seconds / 3700)
            side = 0.012 * math.sin(math.pi * done) + 0.004 * math.sin(5 * done)
            return 31.318 + 0.054 * done + side, 121.395 - 0.13 * done + side * 0.6, vehicle["speed"]
        if not vehicle["speed"]:
            return vehicle["lat"], vehicle["lon"], 0.0
        bend = math.radians(vehicle["course"] + 25 * math.sin(seconds / 700))
        metres = -vehicle["speed"] * seconds * 0.35
        return (
            vehicle["lat"] + metres * math.cos(bend) / 111_200,
            vehicle["lon"] + metres * math.sin(bend) / (111_200 * math.cos(math.radians(vehicle["lat"]))),
            vehicle["speed"],
        )

    def drive(self, seconds: float = 1.0) -> None:
        """One more fix of everyone who is not silent."""
        for vehicle in self.vehicles:
            if vehicle["silent_ms"]:
                continue
            metres = vehicle["speed"] * seconds
            course = math.radians(vehicle["course"])
            vehicle["lat"] += metres * math.cos(course) / 111_200
            vehicle["lon"] += metres * math.sin(course) / (111_200 * math.cos(math.radians(vehicle["lat"])))
            self._send(vehicle, [(now_ms(), vehicle["lat"], vehicle["lon"], vehicle["speed"])])

    def _send(self, vehicle: dict[str, Any], fixes: list[tuple[int, float, float, float]]) -> None:
        records: list[Any] = []
        if self.seqs.get(vehicle["device"]) is None:
            records.append(
                wire.Event(**_time(fixes[0][0]), code=wire.EV_IGNITION, args={"on": int(vehicle["ignition"])})
            )
        for at, lat, lon, speed in fixes:
            records.append(
                wire.Fix(
                    **_time(at), lat_e6=round(lat * 1e6), lon_e6=round(lon * 1e6), alt_m=8,
                    speed_dmps=round(speed * 10), course_2deg=round(vehicle["course"]) % 360 // 2, sats=11, hdop_d=9,
                    source=0,
                )
            )  # fmt: skip
        while records:
            writer = wire.BatchWriter()
            first = self.seqs.get(vehicle["device"], 0) + 1
            writer.begin(1, first, 1, 1, 1000)
            while records and writer.add(records[0]):
                records.pop(0)
            self.seqs[vehicle["device"]] = first + writer.count - 1
            self.spool_id += 1
            item = SpoolItem(self.spool_id, vehicle["device"], "up", now_ms(), bytes(writer.finish()))
            self.house.telemetry.write(readings(item), self.spool_id)
            self.house.hub.handle([item])


def _time(at: int) -> dict[str, int]:
    return {"t": at // 1000 - wire.EPOCH, "ms": at % 1000, "clock": wire.CLOCK_GNSS}


class _NoBroker:
    """Accounts of a service without a broker: these devices speak through the spool."""

    def put(self, device_id: str, password: str) -> None: ...

    def remove(self, device_id: str) -> None: ...
