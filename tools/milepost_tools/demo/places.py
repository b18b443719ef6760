"""The demo's fleet as the API knows it: sites, the door, trucks, and the devices mounted on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.boards import READER_CONFIG, TRACKER_CONFIG, Broker, flashed
from milepost_tools.demo.client import Client
from milepost_tools.demo.world import World
from milepost_tools.sim import town

PLATES = ("沪A·M1001", "沪A·M1002", "沪A·M1003")
READER = "02d0000000d1"
TRACKERS = ("02d0000000a1", "02d0000000a2", "02d0000000a3")
# Peak level at this door from which on a tag passes: pallets pass at 1.3 m, staged ones stand beyond 4 m.
RSSI_FLOOR_DBM = -58.0
_DWELL_S = 4


@dataclass(frozen=True, slots=True)
class Places:
    """Row ids."""

    yard: str
    door: str
    stores: Mapping[str, str]
    vehicles: tuple[str, ...]


def build(dispatcher: Client) -> Places:
    """Enter yard, stores, door and trucks of the made-up town."""
    yard = _site(dispatcher, "DC1", "一号配送中心", "Distribution centre 1", "origin",
                 town.YARD_CENTRE, town.YARD_RADIUS_M)  # fmt: skip
    stores = {
        store.key: _site(dispatcher, store.key.upper(), store.name, store.name_en, "consignee",
                         store.at, town.STORE_RADIUS_M)
        for store in town.STORES
    }  # fmt: skip
    door = dispatcher.post("/doors", site=yard, number="1", gates=True, rssi_floor_dbm=RSSI_FLOOR_DBM)["id"]
    vehicles = tuple(dispatcher.post("/vehicles", plate=plate, kind="truck")["id"] for plate in PLATES)
    return Places(yard, door, stores, vehicles)


def _site(who: Client, code: str, name_zh: str, name_en: str, kind: str, at: town.Point, radius_m: float) -> str:
    lat, lon = town.GROUND.degrees(at)
    shape = {"type": "circle", "lat": round(lat, 6), "lon": round(lon, 6), "radius_m": radius_m}
    body = {
        "code": code,
        "name_zh": name_zh,
        "name_en": name_en,
        "kind": kind,
        "shape": shape,
        "dwell_s": _DWELL_S,
    }
    return who.post("/sites", **body)["id"]


def mount(engineer: Client, places: Places, folder: Path, broker: Broker, world: World) -> list[VirtualBoard]:
    """Make the four boards, bind them to door and trucks, and wire them into the world; the reader comes first."""
    reader = flashed(
        engineer, folder / "reader", device=READER, role="reader", name="1 号门读写器", broker=broker,
        config=READER_CONFIG,
    )  # fmt: skip
    engineer.post("/bindings", device=READER, target_kind="door", target_id=places.door)
    world.wire_reader(reader.uart(2), reader.set_pin)
    boards = [reader]
    for number, (device, plate) in enumerate(zip(TRACKERS, PLATES, strict=True)):
        board = flashed(
            engineer, folder / f"tracker{number + 1}", device=device, role="tracker", name=f"{plate} 定位终端",
            broker=broker, config=TRACKER_CONFIG,
        )  # fmt: skip
        engineer.post("/bindings", device=device, target_kind="vehicle", target_id=places.vehicles[number])
        world.wire_tracker(number, board.uart(1))
        boards.append(board)
    return boards
