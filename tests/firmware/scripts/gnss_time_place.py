"""Runs under MicroPython: place dates, one "build_t year month day tod_ms" a line; prints verdict, t, ms."""

import sys

from milepost_device.gnss_time import GnssTime

with open(sys.argv[1]) as lines:  # noqa: PTH123  MicroPython has no pathlib
    for line in lines:
        build_t, year, month, day, tod_ms = [int(word) for word in line.split()]
        place = GnssTime(build_t)
        verdict = place.place(year, month, day, tod_ms)
        print(verdict, place.t, place.ms)
