"""Case D04: the outbox runs full for three times its size with power cuts in that state."""

import json

from nor import TEARS, Nor, PowerCut

from milepost_device.outbox import Outbox

SECTORS, SIZE = 8, 512
produced = {}
streams = set()


def gap(first, last, oldest):
    return b"GAP %d %d" % (first, last)


def record(n):
    return b"%06d" % n + bytes(n % 17)


nor = Nor(SECTORS, SIZE)
box = Outbox(nor, gap)
n = 0
cuts = 0
while not box.dropped:
    n += 1
    produced[box.append(record(n))] = record(n)
capacity = n
buf = bytearray(512)
while n < 4 * capacity or cuts < 20:
    streams.add(box.stream)
    if n % 10 == 0 and cuts < 20:
        nor.cut_at = n // 10 % 7
        nor.tear = TEARS[cuts % 4]
    try:
        n += 1
        seq = box.append(record(n))
        produced[seq] = record(n)
        if n % 5 == 0:
            box.prepare()
    except PowerCut:
        cuts += 1
        nor.cut_at = -1
        box = Outbox(nor, gap)
        seq = box.head  # the record under way may be there whole
        for seq in range(max(1, box.head - 4), box.head + 1):
            if seq not in produced and box.read(seq, buf) and bytes(buf[: len(record(n))]) == record(n):
                produced[seq] = record(n)
                break
        else:
            if n not in produced.values():
                n -= 1 if record(n) not in produced.values() else 0

held = {}
gaps = set()
reader = box.reader()
while True:
    size = reader.read(buf)
    if not size:
        break
    data = bytes(buf[:size])
    if data[:3] == b"GAP":
        _, first, last = data.split()
        gaps |= set(range(int(first), int(last) + 1))
    else:
        held[reader.seq] = data
    reader.advance()

for seq in held:
    assert held[seq] == produced[seq], seq
dropped = gaps & set(produced)
print(
    json.dumps(
        {
            "cuts": cuts,
            "capacity": capacity,
            "produced": len(produced),
            "stored": len(held),
            "dropped": len(dropped),
            "missing": sorted(set(produced) - set(held) - gaps),
            "both": sorted(set(held) & gaps),
            "newest_stored": max(produced) in held,
            "streams": len(streams | {box.stream}),
        }
    )
)
