"""Runs under MicroPython: mutants of NMEA sentences, every checksum right, through the parser, as JSON.

Arguments: file of sentence bodies (without $ and checksum, one a line), number of mutants, seed. Each
mutant has one to three bytes changed. Every epoch told is checked: ranges, types, all or nothing.
"""

import json
import random
import sys

from milepost_device.nmea import Nmea

_HEX = b"0123456789ABCDEFabcdef"
_BYTES = b"0123456789012345678901234567,.-ANSEWV*$ M"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _small(value):
    return value is None or (isinstance(value, int) and -(1 << 30) <= value < 1 << 30)


def _in(value, low, high):
    return value is None or (isinstance(value, int) and low <= value <= high)


def check(epoch):
    """Count the epoch, and count it as bad when anything in it is impossible."""
    counts["epochs"] += 1
    good = (
        _in(epoch.lat_e6, -90000000, 90000000)
        and _in(epoch.lon_e6, -180000000, 180000000)
        and _in(epoch.speed_dmps, 0, 5145)
        and _in(epoch.course_2deg, 0, 179)
        and _in(epoch.alt_m, -2000, 60000)
        and _in(epoch.sats, 0, 255)
        and _in(epoch.hdop_d, 1, 999)
        and 0 <= epoch.tod_ms < 86401000
        and 0 <= epoch.quality <= 9
    )
    if epoch.year:
        good = good and 1980 <= epoch.year <= 2079 and 1 <= epoch.month <= 12
        good = good and 1 <= epoch.day <= _DAYS[epoch.month - 1]
    # all or nothing: a valid epoch has a whole position, an invalid one has none
    place = epoch.lat_e6 is not None
    if not good or place != (epoch.lon_e6 is not None) or place != epoch.valid:
        counts["out_of_range"] += 1
        print(json.dumps({"bad": str(bytes(line)), "epoch": str(epoch.__dict__)}))
    counts["valid"] += epoch.valid


counts = {"mutants": 0, "epochs": 0, "valid": 0, "uncaught": 0, "out_of_range": 0}
with open(sys.argv[1], "rb") as file:  # noqa: PTH123  MicroPython has no pathlib
    bodies = [body for body in file.read().split(b"\n") if body]
total = int(sys.argv[2])
random.seed(int(sys.argv[3]))
draw = random.getrandbits
parser = Nmea(check)
line = bytearray(200)
line[0] = 36
bodies_count = len(bodies)
while counts["mutants"] < total:
    body = bodies[draw(30) % bodies_count]
    size = len(body)
    line[1 : 1 + size] = body
    xor = 0
    for byte in body:
        xor ^= byte
    line[size + 1] = 42
    # a run of mutants from one body; each keeps the changes of those before it
    for _ in range(3):
        bits = draw(30)
        for _ in range(1 + (bits & 1) + (bits >> 1 & 1)):
            bits = draw(30)
            at = 1 + (bits & 1023) % size
            new = 32 + (bits >> 10) % 95 if bits >> 27 == 0 else _BYTES[(bits >> 10) % 41]
            xor ^= line[at] ^ new
            line[at] = new
        bits = draw(30)
        high = xor >> 4
        low = xor & 15
        line[size + 2] = _HEX[high + 6 if high > 9 and bits & 1 else high]
        line[size + 3] = _HEX[low + 6 if low > 9 and bits & 2 else low]
        try:
            parser.feed(line, size + 4)
        except Exception as error:
            counts["uncaught"] += 1
            print(json.dumps({"uncaught": str(error), "line": str(bytes(line[: size + 4]))}))
        counts["mutants"] += 1
parser.flush()
for name in ("good", "bad_sum", "torn", "refused", "again"):
    counts[name] = getattr(parser, name)
for name, value in parser.__dict__.items():
    if isinstance(value, float) or (isinstance(value, int) and not _small(value)):
        print(json.dumps({"not a small integer": name}))
        counts["out_of_range"] += 1
print(json.dumps(counts))
