"""Runs under MicroPython: every epoch that the firmware's parser makes of a receiver log, as JSON lines.

Arguments: receiver logs. gpsd's own comment lines at the head of a log are left out, as gpsd does.
"""

import json
import sys

from milepost_device.nmea import Nmea

_PIECES = (1, 7, 64, 200, 13)  # UART reads are cut anywhere


def _epoch(epoch):
    tod = epoch.tod_ms
    print(
        json.dumps(
            {
                "valid": epoch.valid,
                "time": f"{tod // 3600000:02}:{tod // 60000 % 60:02}:{tod // 1000 % 60:02}.{tod % 1000:03}",
                "date": f"{epoch.year:04}-{epoch.month:02}-{epoch.day:02}" if epoch.year else None,
                "lat_e6": epoch.lat_e6,
                "lon_e6": epoch.lon_e6,
                "alt_m": epoch.alt_m,
                "speed_dmps": epoch.speed_dmps,
                "course_2deg": epoch.course_2deg,
                "rmc": epoch.rmc,
                "gga": epoch.gga,
                "quality": epoch.quality,
            }
        )
    )


for path in sys.argv[1:]:
    parser = Nmea(_epoch)
    with open(path, "rb") as log:  # noqa: PTH123  MicroPython has no pathlib
        data = log.read()
    while data[:1] == b"#":
        data = data[data.find(b"\n") + 1 :]
    at = turn = 0
    while at < len(data):
        piece = data[at : at + _PIECES[turn % len(_PIECES)]]
        parser.feed(piece, len(piece))
        at += len(piece)
        turn += 1
    parser.flush()
    print(
        json.dumps(
            {
                "log": path,
                "good": parser.good,
                "bad_sum": parser.bad_sum,
                "torn": parser.torn,
                "refused": parser.refused,
                "again": parser.again,
            }
        )
    )
