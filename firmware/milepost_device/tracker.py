"""The tracker: GNSS receiver on a UART, positions and arrivals out as records."""

import asyncio
import time

from micropython import const

from milepost_device import wire
from milepost_device.control import set_clock
from milepost_device.gnss_time import REPAIRED, TRUSTED, GnssTime
from milepost_device.motion import ARRIVED, NONE, Anchor, SendPolicy
from milepost_device.nmea import Epoch, Nmea

_BUFFER = const(256)
_QUIET_MS = const(200)  # silence after which an instant is complete although a sentence is missing
_LOCATE_MS = const(5000)
_DEBOUNCE = const(2)  # equal readings of the ignition pin, half a second apart
_SOURCES = (0, 0, 1, 0, 1, 1, 2)  # by quality of the GGA: differential and RTK are 1, dead reckoning 2


class Tracker:
    """One receiver. stream: `readinto` coroutine; ignition: function that gives 0 or 1, or None."""

    def __init__(self, stream, clock, uplink, config: dict, build_t: int, ignition=None) -> None:
        self._stream = stream
        self._clock = clock
        self._uplink = uplink
        self._ignition = ignition
        self._ignition_on = None
        self._time = GnssTime(build_t)
        self._nmea = Nmea(self._epoch)
        self._policy = SendPolicy(config)
        self._anchor = Anchor(config)
        self._buf = bytearray(_BUFFER)
        self._heard = time.ticks_ms()
        self._wanted = None  # set while a `locate` waits for a fresh fix
        self.fixes = 0  # positions the receiver gave
        self.reported = 0
        self.implausible = 0  # dates outside the firmware's window
        self.verbs = {"locate": self.locate}

    def configure(self, config: dict) -> None:
        """Take over thresholds."""
        self._policy.configure(config)
        self._anchor.configure(config)

    def health(self) -> list:
        """Counters for the health record: (metric, value)."""
        n = self._nmea
        gnss = [(16, n.good), (17, n.bad_sum), (18, n.torn), (19, n.refused)]
        return gnss + [(20, self.fixes), (21, self.reported), (22, self.implausible)]

    async def run(self) -> None:
        """Read the receiver for ever."""
        asyncio.create_task(self._watch())
        buf = self._buf
        while True:
            n = await self._stream.readinto(buf)
            if n:
                self._heard = time.ticks_ms()
                self._nmea.feed(buf, n)

    async def locate(self, args: dict) -> dict:
        """Command `locate`: the next position of the receiver within 5 s, as a record and in the answer."""
        self._wanted = asyncio.Event()
        try:
            await asyncio.wait_for_ms(self._wanted.wait(), _LOCATE_MS)
        except asyncio.TimeoutError:
            raise ValueError("no position within %d s" % (_LOCATE_MS // 1000))
        finally:
            self._wanted = None
        return {"seq": self._seq, "lat_e6": self._lat, "lon_e6": self._lon}

    async def _watch(self) -> None:
        """Twice a second: close an instant the receiver left open; look at the ignition."""
        same = 0
        level = None
        while True:
            await asyncio.sleep_ms(500)
            if time.ticks_diff(time.ticks_ms(), self._heard) > _QUIET_MS:
                self._nmea.flush()
            if self._ignition is None:
                continue
            now = self._ignition()
            same = same + 1 if now == level else 1
            level = now
            if same >= _DEBOUNCE and bool(level) != self._ignition_on:
                self._ignition_on = bool(level)
                self._uplink.record(self._uplink.event(wire.EV_IGNITION, {"on": 1 if level else 0}))

    def _epoch(self, epoch: Epoch) -> None:
        if not epoch.valid or epoch.lat_e6 is None or epoch.lon_e6 is None:
            return
        self.fixes += 1
        clock = self._clock
        verdict = self._time.place(epoch.year, epoch.month, epoch.day, epoch.tod_ms)
        if verdict <= REPAIRED:
            t = self._time.t
            ms = self._time.ms
            quality = wire.CLOCK_GNSS if verdict == TRUSTED else wire.CLOCK_RTC
            set_clock(clock, self._uplink, t, ms, quality)
        else:
            if epoch.year:
                self.implausible += 1
            clock.stamp()
            t = clock.t
            ms = clock.ms
            quality = clock.clock
        lat = epoch.lat_e6
        lon = epoch.lon_e6
        speed = epoch.speed_dmps
        now_s = clock.uptime_s
        change = self._anchor.update(lat, lon, speed, epoch.sats, epoch.hdop_d, now_s, self._ignition_on)
        if (
            change == NONE
            and self._wanted is None
            and not self._policy.wants(lat, lon, speed, epoch.course_2deg, now_s, self._anchor.standing)
        ):
            return
        self._policy.reported(lat, lon, speed, epoch.course_2deg, now_s)
        source = _SOURCES[epoch.quality] if epoch.quality < len(_SOURCES) else 0
        self._seq = self._uplink.record(
            wire.Fix(
                t=t,
                ms=ms,
                clock=quality,
                lat_e6=lat,
                lon_e6=lon,
                alt_m=epoch.alt_m,
                speed_dmps=speed,
                course_2deg=epoch.course_2deg,
                sats=epoch.sats,
                hdop_d=epoch.hdop_d,
                source=source,
            )
        )
        self.reported += 1
        self._lat = lat
        self._lon = lon
        if self._wanted is not None:
            self._wanted.set()
        if change != NONE:
            code = wire.EV_ARRIVE if change == ARRIVED else wire.EV_DEPART
            args = {"lat_e6": self._anchor.lat_e6, "lon_e6": self._anchor.lon_e6}
            self._uplink.record(wire.Event(t=t, ms=ms, clock=quality, code=code, args=args))
