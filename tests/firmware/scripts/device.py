"""A device on the plain unix interpreter: everything but `platform`, which only a (virtual) board has.

argv[1] is a JSON object:
  device, port (broker), dir (files), role "tracker" | "reader" | "load", uart (TCP port of the fake UART),
  sectors, config {...}, count and rate_hz and backlog (role load), user, password
Prints one JSON line per second with its counters, and "reset" when it would reset.
"""

import asyncio
import gc
import json
import os
import sys

from flashfile import FlashFile

from milepost_device import build, config, wire
from milepost_device.clock import Clock
from milepost_device.control import Control
from milepost_device.gates import GateInput
from milepost_device.mqtt import Client
from milepost_device.outbox import Outbox
from milepost_device.reader import Reader
from milepost_device.tracker import Tracker
from milepost_device.uplink import Uplink, topics

ARGS = json.loads(sys.argv[1])


class Load:
    """Produces events with a running number: `backlog` at once, then `count` at `rate_hz`."""

    verbs = {}

    def __init__(self, uplink):
        self._uplink = uplink

    def configure(self, settings):
        pass

    def health(self):
        return []

    async def run(self):
        n = 0
        for _ in range(ARGS.get("count", 0)):
            await asyncio.sleep_ms(1000 // ARGS.get("rate_hz", 10))
            n += 1
            self._uplink.record(self._uplink.event(wire.EV_LOG, {"n": n}))


class PinFile:
    """A pin whose level stands in a file: absent = 1. Polled, because a plain process has no interrupts."""

    def __init__(self, path):
        self._path = path

    def __call__(self):
        try:
            os.stat(self._path)
            return 0
        except OSError:
            return 1

    async def watch(self, on_edge):
        level = self()
        while True:
            await asyncio.sleep_ms(5)
            if self() != level:
                level = self()
                on_edge(level)


async def reset():
    print("reset")
    await asyncio.sleep_ms(300)
    sys.exit(0)


async def main():
    folder = ARGS["dir"]
    clock = Clock()
    flash = FlashFile(folder + "/outbox.bin", ARGS.get("sectors", 16))

    # role comes later than control, hence the function
    def configure(settings):
        role.configure(settings)

    def gap(first, last, oldest):
        return wire.encode_record(
            wire.Event(t=box_boot[0], clock=wire.CLOCK_NONE, code=wire.EV_GAP,
                       args={"first_seq": first, "last_seq": last})
        )  # fmt: skip

    box_boot = [0]
    box = Outbox(flash, gap)
    box_boot[0] = clock.boot = box.boot
    device = ARGS["device"]

    def state():
        return {
            "online": True,
            "fw": build.VERSION,
            "cfg": control.config["version"],
            "reset": "power_on",
            "boot": box.boot,
            "stream": box.stream,
        }

    client = Client(
        lambda: asyncio.open_connection("127.0.0.1", ARGS["port"]),
        device,
        user=ARGS.get("user"),
        password=ARGS.get("password"),
        keepalive_s=ARGS.get("keepalive_s", 10),
        will=(topics(device) + "state", b'{"online": false}', True),
    )
    config_file = folder + "/config.json"
    if config.load(config_file) is None:
        config.save(config_file, dict({"version": 0}, **ARGS.get("config", {})))
    control = Control(
        clock,
        configure,
        {},
        reset,
        config_file=config_file,
        commands_file=folder + "/commands.json",
        build=build.TIME_WINDOW,
    )
    uplink = Uplink(box, client, clock, device, control.config, state, control.handle)
    control.attach(uplink)
    if ARGS["role"] == "load":
        role = Load(uplink)
        for n in range(ARGS.get("backlog", 0)):
            uplink.record(uplink.event(wire.EV_LOG, {"n": n}))
    else:
        uart, _ = await asyncio.open_connection("127.0.0.1", ARGS["uart"])
        if ARGS["role"] == "tracker":
            role = Tracker(uart, clock, uplink, control.config, build.BUILD_T)
        else:
            gate = GateInput(0, clock, uplink, control.config["gate_debounce_ms"])
            pin = PinFile(folder + "/gate")
            gate.read = pin
            asyncio.create_task(pin.watch(gate.edge))
            role = Reader(uart, clock, uplink, control.config, [gate])
    control.verbs(role.verbs)
    uplink.record(uplink.event(wire.EV_BOOT, {"boot": box.boot}))
    for job in (client.run(), uplink.run(), uplink.keep(), uplink.serve(), role.run()):
        asyncio.create_task(job)
    while True:
        gc.collect()
        print(
            json.dumps(
                {
                    "boot": box.boot,
                    "stream": box.stream,
                    "head": box.head,
                    "acked": box.acked,
                    "tail": box.tail,
                    "used": box.used_permille,
                    "dropped": box.dropped,
                    "connects": client.connects,
                    "reason": client.reason,
                    "resent": uplink.lanes.resent,
                    "foreign": uplink.foreign_acks,
                    "limit": uplink._limit,
                    "heap": gc.mem_alloc(),
                }
            )
        )
        await asyncio.sleep_ms(200)


asyncio.run(main())
