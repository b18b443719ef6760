"""Composition: identity, configuration, outbox, link and role, put together and run."""

import asyncio

from micropython import const

from milepost_device import build, config, crash, platform, wire
from milepost_device.clock import Clock
from milepost_device.control import Control, set_clock
from milepost_device.mqtt import Client
from milepost_device.outbox import Outbox
from milepost_device.uplink import Uplink, topics

_RESULT_MS = const(1500)  # the answer to a reboot gets so long to leave before the reset
_SNTP_S = const(1800)


class App:
    """One device. Reads /identity.json and /config.json; raises ValueError if the identity cannot serve."""

    def __init__(self) -> None:
        identity = config.load(config.IDENTITY)
        wrong = config.check_identity(identity)
        if identity is None or wrong:
            raise ValueError(wrong)
        self.identity = identity
        self.clock = Clock()
        dev, self.store = platform.outbox_device()
        self.outbox = Outbox(dev, self._gap)
        self.clock.boot = self.outbox.boot
        self.reset_cause = platform.reset_cause()
        broker = identity["broker"]
        device = identity["device"]
        self.client = Client(
            platform.transport(broker),
            device,
            user=broker.get("user"),
            password=broker.get("password"),
            will=(topics(device) + "state", b'{"online":false}', True),
        )
        self.control = Control(self.clock, self._configure, {}, self._reset, build=build.TIME_WINDOW)
        settings = self.control.config
        self.uplink = Uplink(self.outbox, self.client, self.clock, device, settings, self._state, self.control.handle)
        self.control.attach(self.uplink)
        self.role = self._tracker(settings) if identity["role"] == "tracker" else self._reader(settings)
        self.control.verbs(self.role.verbs)
        self._failure = Exception()
        self._failed = asyncio.Event()

    def _tracker(self, settings: dict):
        from milepost_device.tracker import Tracker  # here: the other role would cost 10 to 20 kB of heap

        stream = platform.uart(
            settings["gnss_uart"],
            settings["gnss_baud"],
            1024,
            settings["gnss_tx_pin"],
            settings["gnss_rx_pin"],
        )
        pin = settings["ignition_pin"]
        ignition = platform.input_pin(pin) if pin >= 0 else None
        return Tracker(stream, self.clock, self.uplink, settings, build.BUILD_T, ignition)

    def _reader(self, settings: dict):
        from milepost_device.gates import NUMBERS, GateInput
        from milepost_device.reader import Reader

        stream = platform.uart(
            settings["reader_uart"], 115200, 8192, settings["reader_tx_pin"], settings["reader_rx_pin"]
        )
        gates = []
        for name, pin in settings["gates"].items():
            gate = GateInput(NUMBERS[name], self.clock, self.uplink, settings["gate_debounce_ms"])
            gate.read = platform.watch_pin(pin, gate.edge)
            gates.append(gate)
        return Reader(stream, self.clock, self.uplink, settings, gates)

    # --- what others ask of it -----------------------------------------------------------------------

    def _state(self) -> dict:
        return {
            "online": True,
            "fw": build.VERSION,
            "cfg": self.control.config["version"],
            "reset": self.reset_cause,
            "boot": self.outbox.boot,
            "stream": self.outbox.stream,
        }

    def _gap(self, first_seq: int, last_seq: int, oldest: memoryview | None) -> bytes:
        """Gap record for dropped readings; with the time of the oldest of them where it is known."""
        clock = self.clock
        clock.boot = self.outbox.boot
        clock.stamp()
        args = {"first_seq": first_seq, "last_seq": last_seq}
        if oldest is not None:
            try:
                rec = wire.decode_record(oldest)
                if not isinstance(rec, wire.Unknown) and rec.clock != wire.CLOCK_NONE:
                    args["from_t"] = rec.t
            except wire.WireError:
                pass
        return wire.encode_record(wire.Event(t=clock.t, ms=clock.ms, clock=clock.clock, code=wire.EV_GAP, args=args))

    def _configure(self, settings: dict) -> None:
        self.role.configure(settings)

    async def _reset(self) -> None:
        self.outbox.flush()
        await asyncio.sleep_ms(_RESULT_MS)
        platform.reset()

    # --- running -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until something fails; raises what failed."""
        uplink = self.uplink
        args = {"reset": self.reset_cause, "fw": build.VERSION, "boot": self.outbox.boot, "store": self.store}
        text = crash.trace()
        if text:
            args["trace"] = text[-300:]
        uplink.record(uplink.event(wire.EV_BOOT, args))
        crash.reported()
        jobs = [
            platform.keep_wifi(self.identity.get("wifi")),
            self.client.run(),
            uplink.run(),
            uplink.keep(),
            uplink.serve(),
            self.role.run(),
            self._health(),
            self._sntp(),
            self._settle(),
        ]
        print(
            "milepost %s: %s %s, stream %d, boot %d, outbox in a %s"
            % (
                build.VERSION,
                self.identity["role"],
                self.identity["device"],
                self.outbox.stream,
                self.outbox.boot,
                self.store,
            )
        )
        for job in jobs:
            asyncio.create_task(self._watched(job))
        await self._failed.wait()
        raise self._failure

    async def _watched(self, job) -> None:
        """A job that ends with an exception ends the application: half a device is worse than a reset."""
        try:
            await job
        except Exception as e:
            self._failure = e
            self._failed.set()

    async def _settle(self) -> None:
        """Say when the backend has the first record; forgive earlier crashes after a minute."""
        started = self.clock.uptime_s
        await self.uplink.first_ack.wait()
        print("milepost: first record acknowledged")
        while self.clock.uptime_s - started < crash.FAST_S:
            await asyncio.sleep(5)
        crash.healthy()

    async def _health(self) -> None:
        while True:
            await asyncio.sleep(self.control.config["health_interval_s"])
            clock = self.clock
            uplink = self.uplink
            rssi = platform.rssi_dbm()
            values = [
                (1, platform.heap_free()),
                (2, self.outbox.used_permille),
                (4, clock.uptime_s),
                (5, self.client.connects),
                (6, uplink.lanes.resent),
                (7, self.outbox.dropped),
                (8, uplink.foreign_acks),
                (9, self.client.rtt_ms),
                (10, uplink.refused_records + uplink.lost_inbox),
            ]
            if rssi is not None:
                values.append((3, rssi))
            clock.stamp()
            uplink.record(wire.Health(t=clock.t, ms=clock.ms, clock=clock.clock, values=values + self.role.health()))

    async def _sntp(self) -> None:
        """Ask the configured time server, often until it answers, then twice an hour."""
        while True:
            host = self.control.config["sntp_host"]
            told = await platform.set_time_from_sntp(host) if host else None
            if told and build.TIME_WINDOW[0] <= told[0] <= build.TIME_WINDOW[1]:
                set_clock(self.clock, self.uplink, told[0], told[1], wire.CLOCK_NTP)
            await asyncio.sleep(_SNTP_S if told else 10)


def main() -> None:
    """Run the device; returns never unless it is interrupted. Exceptions go to the caller."""
    asyncio.run(App().run())
