"""Runs under MicroPython: feed bytes to a fresh NMEA parser, one case a line, and print what it told.

A case is {"pieces": [hex, ...], "build_t": seconds or null}; the answer holds the epochs (with the verdict,
t and ms of gnss_time when build_t is given) and the counters. An empty piece means silence: flush().
"""

import json
import sys
from binascii import unhexlify

from milepost_device.gnss_time import GnssTime
from milepost_device.nmea import Nmea


def run(case):
    epochs = []
    place = None if case["build_t"] is None else GnssTime(case["build_t"])

    def told(epoch):
        plain = dict(epoch.__dict__)
        if place:
            plain["verdict"] = place.place(epoch.year, epoch.month, epoch.day, epoch.tod_ms)
            plain["t"] = place.t
            plain["ms"] = place.ms
        epochs.append(plain)

    parser = Nmea(told)
    for piece in case["pieces"]:
        data = unhexlify(piece)
        if data:
            parser.feed(data, len(data))
        else:
            parser.flush()
    counts = {name: getattr(parser, name) for name in ("good", "bad_sum", "torn", "refused", "again")}
    return {"epochs": epochs, "counts": counts}


with open(sys.argv[1]) as cases:  # noqa: PTH123  MicroPython has no pathlib
    for line in cases:
        print(json.dumps(run(json.loads(line))))
