"""The fleet of the ingest bench: trucks with trackers in the database, sites among them, and what they drive."""

import random
import time
from collections.abc import Iterator

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.db import Database
from milepost.fleet import devices, service
from milepost.times import now_ms
from milepost_device import wire

LOGIN, PASSWORD = "bench", "a long enough password"
STREAM = 7
SITES = 200
_LAT, _LON = 31_000_000, 121_000_000  # the fleet drives in a square degree from here
_BATCH_BYTES = 8_192


def name(number: int) -> str:
    """Id of a tracker."""
    return f"bench-{number}"


def register(db: Database, trucks: int, seed: int = 1) -> None:
    """Enter trucks, their trackers, bindings since the beginning of time, sites, and somebody who may look."""
    rng = random.Random(seed)
    with db.tx() as conn:
        access.create_person(
            conn,
            login=LOGIN,
            name=LOGIN,
            password_hash=access.hash_password(PASSWORD),
            grants=[Grant("engineer"), Grant("dispatcher")],
            now=now_ms(),
        )
        for n in range(trucks):
            devices.enter_device(conn, device_id=name(n), role="tracker", name=name(n))
            vehicle = service.add_vehicle(conn, plate=f"B{n:06}")
            service.bind(conn, name(n), "vehicle", vehicle, 0)
        for n in range(SITES):
            circle = {"type": "circle", "lat": 31 + rng.random(), "lon": 121 + rng.random(), "radius_m": 150}
            service.add_site(conn, code=f"S{n}", name_zh=f"站{n}", name_en=f"Site {n}", kind="terminal", shape=circle)


class Drive:
    """A truck at 40 km/h with a receiver that is never quite sure."""

    def __init__(self, number: int, start_s: int, seed: int = 1) -> None:
        """`start_s`: seconds since 2020 of the first fix."""
        self.device = name(number)
        self.seq = 0
        self._rng = random.Random(seed * 1_000_003 + number)
        self._t = start_s
        self._lat = _LAT + self._rng.randrange(1_000_000)
        self._lon = _LON + self._rng.randrange(1_000_000)
        self._course = self._rng.randrange(180)

    def batch(self, count: int, *, tail: int = 1, boot: int = 1, uptime_ms: int = 0, stream: int = STREAM) -> bytes:
        """The next `count` fixes, one a second, as the device would send them."""
        writer = wire.BatchWriter(_BATCH_BYTES)
        writer.begin(stream, self.seq + 1, tail, boot, uptime_ms)
        for _ in range(count):
            if not writer.add(self.fix()):
                raise ValueError(f"{count} fixes do not fit into {_BATCH_BYTES} bytes")
        self.seq += count
        return bytes(writer.finish())

    def fix(self) -> wire.Fix:
        """The next fix; the caller counts it."""
        rng = self._rng
        self._lat += 80 + rng.randrange(-6, 7)
        self._lon += 60 + rng.randrange(-6, 7)
        self._course = (self._course + (rng.random() < 0.1)) % 180
        self._t += 1
        return wire.Fix(
            t=self._t,
            lat_e6=self._lat,
            lon_e6=self._lon,
            alt_m=12 + rng.randrange(2),
            speed_dmps=111 + rng.randrange(-3, 4),
            course_2deg=self._course,
            sats=9 + rng.randrange(2),
            hdop_d=9,
        )


def rounds(drives: list[Drive], count: int, fixes: int) -> Iterator[tuple[str, bytes]]:
    """(device, batch): `count` times round the fleet, `fixes` in each batch."""
    for _ in range(count):
        for drive in drives:
            yield drive.device, drive.batch(fixes)


def now_s() -> int:
    """Seconds since 2020, now."""
    return int(time.time()) - wire.EPOCH
