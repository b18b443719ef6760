"""Runs under MicroPython: time and garbage of one fix (RMC + GGA) in the NMEA parser, as JSON.

Argument: number of fixes a round.
"""

import gc
import json
import sys
import time

from milepost_device.nmea import Nmea

_ROUNDS = 20


def sentence(body):
    total = 0
    for byte in body.encode():
        total ^= byte
    return f"${body}*{total:02X}\r\n"


def lines(count):
    result = []
    for i in range(count):
        clock = f"{8 + i // 3600:02}{i // 60 % 60:02}{i % 60:02}.00"
        place = f"3113.{82400 + i * 7 % 9999:05},N,12128.{42200 + i * 11 % 9999:05},E"
        text = sentence(f"GNRMC,{clock},A,{place},{i % 60}.{i % 1000:03},{i % 360}.25,020326,,,A")
        text += sentence(f"GNGGA,{clock},{place},1,{5 + i % 9:02},0.9,{i % 80}.3,M,8.1,M,,")
        result.append(text.encode())
    return result


def count_epoch(epoch):
    counts[0] += 1


counts = [0]
fixes = lines(int(sys.argv[1]))
parser = Nmea(count_epoch)
best_us = garbage = None
for _ in range(_ROUNDS):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    start = time.ticks_us()
    for line in fixes:
        parser.feed(line, len(line))
    spent = time.ticks_diff(time.ticks_us(), start)
    left = gc.mem_alloc() - before
    gc.enable()
    best_us = spent if best_us is None else min(best_us, spent)
    garbage = left if garbage is None else max(garbage, left)
print(
    json.dumps(
        {
            "fixes": counts[0],
            "wanted": len(fixes) * _ROUNDS,
            "us_per_fix": best_us / len(fixes),
            "garbage_bytes_per_fix": garbage / len(fixes),
        }
    )
)
