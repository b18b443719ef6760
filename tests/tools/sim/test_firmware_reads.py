"""The simulated modules satisfy the firmware's own parsers, under MicroPython."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from milepost_hil import image
from milepost_tools.sim import nmea, town
from milepost_tools.sim.door import ROUND_MS, Door, Passage
from milepost_tools.sim.drive import Truck
from milepost_tools.sim.gnss import Receiver
from milepost_tools.sim.m100 import Module, frame, garbage

_START_MS = 1_780_000_000_000
NMEA_PROGRAM = """
import sys, json
sys.path.insert(0, sys.argv[1])
from milepost_device.nmea import Nmea
out = []
def seen(e):
    out.append([e.valid, e.year, e.month, e.day, e.tod_ms, e.lat_e6, e.lon_e6, e.alt_m, e.speed_dmps, e.sats])
parser = Nmea(seen)
data = open(sys.argv[2], "rb").read()
for i in range(0, len(data), 37):
    part = data[i:i + 37]
    parser.feed(part, len(part))
parser.flush()
print(json.dumps([out, parser.bad_sum, parser.torn, parser.refused]))
"""
M100_PROGRAM = """
import sys, json
from binascii import hexlify
sys.path.insert(0, sys.argv[1])
from milepost_device.m100 import M100, get_version, set_region, set_power, set_query, multi_poll, stop
if sys.argv[2] == "commands":
    said = [get_version(), set_region(1), set_power(2600), set_query(), multi_poll(10000), stop()]
    print(json.dumps([hexlify(c).decode() for c in said]))
else:
    tags, replies = [], []
    parser = M100(lambda epc, pc, rssi: tags.append([hexlify(epc).decode(), rssi]),
                  lambda command, params: replies.append(command))
    data = open(sys.argv[2], "rb").read()
    for i in range(0, len(data), 31):
        part = data[i:i + 31]
        parser.feed(part, len(part))
    parser.quiet()
    print(json.dumps([tags, replies, parser.no_tag, parser.errors, parser.bad_crc]))
"""


@pytest.fixture
def micropython(tmp_path: Path):
    """Run a program under MicroPython with the firmware folder as first argument; returns its JSON."""

    def run(program: str, *words: object):
        path = tmp_path / "program.py"
        path.write_text(program)
        done = subprocess.run(
            [sys.executable, "-m", "micropython_unix", path, image.firmware_folder(), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_a_simulated_drive_is_parsed_epoch_by_epoch(micropython, tmp_path: Path) -> None:
    truck = Truck(town.DOCK, 0.0, seed=2)
    receiver = Receiver(town.GROUND, seed=2)
    truck.go(town.STORES[2].way_there)
    drive = []
    while truck.moving:
        for _ in range(10):
            truck.step(0.1)
        drive.append(receiver.see(truck.at, truck.speed_mps, truck.course))
    data = b"".join(nmea.epoch(_START_MS + 1000 * second, seen) for second, seen in enumerate(drive))
    (tmp_path / "drive.nmea").write_bytes(data)
    epochs, bad_sum, torn, refused = micropython(NMEA_PROGRAM, tmp_path / "drive.nmea")
    assert (bad_sum, torn, refused) == (0, 0, 0)
    assert len(epochs) == len(drive)
    for second, (epoch, seen) in enumerate(zip(epochs, drive, strict=True)):
        valid, year, month, day, tod_ms, lat_e6, lon_e6, alt_m, speed_dmps, sats = epoch
        assert valid
        assert (year % 100, month, day) == (26, 5, 28)
        assert tod_ms == (_START_MS // 1000 + second) % 86_400 * 1000
        # One unit of 1e-6 deg for the parser's rounding, a tenth of it for the sentence's.
        assert abs(lat_e6 - seen.lat_deg * 1e6) <= 1.1
        assert abs(lon_e6 - seen.lon_deg * 1e6) <= 1.1
        assert abs(alt_m - seen.alt_m) <= 0.56
        assert abs(speed_dmps - seen.speed_mps * 10) <= 0.51
        assert sats == seen.sats


def test_a_receiver_without_a_fix_is_heard_as_such(micropython, tmp_path: Path) -> None:
    (tmp_path / "cold.nmea").write_bytes(nmea.epoch(_START_MS, None))
    epochs, *faults = micropython(NMEA_PROGRAM, tmp_path / "cold.nmea")
    assert faults == [0, 0, 0]
    assert [epoch[0] for epoch in epochs] == [False]


def test_every_command_of_the_firmware_is_answered(micropython, tmp_path: Path) -> None:
    commands = [bytes.fromhex(text) for text in micropython(M100_PROGRAM, "commands")]
    module = Module()
    answers = b"".join(module.feed(command, lambda: None) for command in commands)
    (tmp_path / "answers").write_bytes(answers)
    tags, replies, no_tag, errors, _ = micropython(M100_PROGRAM, tmp_path / "answers")
    assert (tags, no_tag, errors) == ([], 0, 0)
    assert replies == [0x03, 0x07, 0xB6, 0x0E, 0x28]


def test_every_tag_of_a_passage_reaches_the_firmware_through_noise(micropython, tmp_path: Path) -> None:
    rng = random.Random(8)
    epc, stray = bytes(range(12)), bytes(range(12, 24))
    door = Door(8, passages=[Passage(epc, 0, True, 2.0)], staged={stray: 3.5})
    module = Module()
    module.feed(frame(0, 0x27, b"\x22\xff\xff"), lambda: None)
    made, silent, data = [], 0, bytearray()

    def one(at_ms: int):
        nonlocal silent
        read = door.round(at_ms)
        if read is None:
            silent += 1
        else:
            made.append([read[0].hex(), read[1]])
        return read

    for at_ms in range(0, 4500, ROUND_MS):
        if rng.random() < 0.05:
            data += garbage(rng).replace(b"\xbb", b"").replace(b"\xaa", b"")
        data += module.poll(1, lambda at_ms=at_ms: one(at_ms))
    (tmp_path / "reads").write_bytes(data)
    tags, _, no_tag, errors, bad_crc = micropython(M100_PROGRAM, tmp_path / "reads")
    assert len(made) > 20
    assert tags == made
    assert (no_tag, errors, bad_crc) == (silent, 0, 0)
