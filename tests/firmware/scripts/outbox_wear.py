"""Bytes programmed and sectors erased for fixes at 1 Hz, acknowledged in batches; time of a mount."""

import json
import time

from nor import Nor

from milepost_device import wire
from milepost_device.outbox import Outbox

SECTORS = 128  # 512 kB
nor = Nor(SECTORS, 4096)
box = Outbox(nor)
payload = 0
fixes = 12000
on_path = 0
before = nor.programmed
erases = nor.erases
for i in range(fixes):
    data = wire.encode_record(
        wire.Fix(t=200000000 + i, lat_e6=52000000 + i * 90, lon_e6=13000000 + i * 120, alt_m=35, speed_dmps=120,
                 course_2deg=i % 180, sats=9, hdop_d=9)
    )  # fmt: skip
    payload += len(data)
    e = nor.erases
    box.append(data)
    on_path += nor.erases - e
    box.prepare()
    if i % 10 == 9:
        box.ack(max(0, box.head - 500))
programmed = nor.programmed - before
per_s = (nor.erases - erases) / fixes
start = time.ticks_us()
again = Outbox(nor)
mount_us = time.ticks_diff(time.ticks_us(), start)
buf = bytearray(512)
count = 0
reader = again.reader(1)
reader.want = 1
first = again.tail
while reader.read(buf):
    count += 1
    reader.advance()
print(
    json.dumps(
        {
            "bytes_per_record": payload / fixes,
            "amplification": programmed / payload,
            "years_512k": 100000 * SECTORS / per_s / 3600 / 24 / 365,
            "erases_on_the_path_of_a_record": on_path,
            "mount_ms": mount_us / 1000,
            "appended": box.head - first + 1,
            "read_back": count,
        }
    )
)
