"""What the interface of the outbox promises, one after the other."""

import os

from flashfile import FlashFile
from nor import Nor

from milepost_device.outbox import MAX_SEQ, Outbox, Reader

buf = bytearray(512)
nor = Nor(5, 512)
box = Outbox(nor)
assert 0 < box.stream <= MAX_SEQ
assert (box.boot, box.head, box.acked, box.tail) == (1, 0, 0, 1)
assert box.read(1, buf) == 0

# seq counts from 1 and over reboots; the boot number goes up
assert [box.append(b"a"), box.append(b"bb"), box.append(b"c" * 128)] == [1, 2, 3]
stream = box.stream
box = Outbox(nor)
assert (box.stream, box.boot, box.head) == (stream, 2, 3)
assert box.append(b"d") == 4
assert buf[: box.read(3, buf)] == b"c" * 128
assert buf[: box.read(4, buf)] == b"d"
assert box.read(5, buf) == 0

# records too long or empty are refused and leave nothing behind
for bad in (b"", b"x" * 129):
    try:
        box.append(bad)
        raise SystemExit("accepted")
    except ValueError:
        pass
assert box.head == 4

# an acknowledgement frees, never goes back, and never beyond what was given out
assert box.ack(2) and (box.acked, box.tail) == (2, 3)
assert box.ack(1) and box.acked == 2
assert not box.ack(5) and box.acked == 2
box.flush()
box = Outbox(nor)
assert (box.acked, box.tail) == (2, 3)

# a reader follows appends over sectors and jumps to the tail when records are acknowledged under it
reader = box.reader()
assert buf[: reader.read(buf)] == b"c" * 128 and reader.seq == 3
assert buf[: reader.read(buf)] == b"c" * 128, "read only looks"
reader.advance()
assert reader.read(buf) == 1 and reader.seq == 4
reader.advance()
assert reader.read(buf) == 0
for i in range(40):
    seq = box.append(b"%03d" % i + b"." * 40)
    assert reader.read(buf) == 43 and reader.seq == seq and buf[:3] == b"%03d" % i
    reader.advance()
    box.ack(seq)
    box.prepare()
assert box.dropped == 0 and box.used_permille == 0
assert nor.erases > 5, "the ring has gone round"

# full: the oldest go, counted, and the gap names exactly what is gone
told = []
nor = Nor(4, 512)
box = Outbox(nor, lambda first, last, oldest: told.append((first, last, bytes(oldest[:3]))))
for i in range(1, 61):
    box.append(b"%03d" % i + b"." * 40)
assert told and told[-1][0] == 1 and told[-1][1] == box.tail - 1
assert box.dropped == box.tail - 1
assert box.used_permille > 500
for gap in told:
    assert int(gap[2]) <= gap[1]

# acknowledged records are given up without a gap
told.clear()
box.ack(box.head)
for _ in range(60):
    box.ack(box.append(b"x" * 50))
    box.prepare()
assert not told

# a spoilt byte hides one record, not its neighbours; a spoilt header hides one sector
nor = Nor(6, 512)
box = Outbox(nor)
for i in range(1, 41):
    box.append(b"%03d" % i + b"." * 20)
nor.cells[0][32 + 8 + 5] ^= 0x10
nor.cells[1][13] ^= 0x01
box = Outbox(nor)
reader = box.reader()
seen = []
while reader.read(buf):
    assert int(buf[:3]) == reader.seq
    seen.append(reader.seq)
    reader.advance()
assert seen[-1] == 40
missing = set(range(1, 41)) - set(seen)
assert 1 in missing and 2 not in missing, missing
assert 2 < len(missing) < 22

# a new stream forgets the old one
box.format()
assert box.head == 0 and box.reader().read(buf) == 0
box.append(b"new")
box = Outbox(nor)
assert box.head == 1 and buf[: box.read(1, buf)] == b"new"

# the file that stands in for a partition behaves alike
path = "/tmp/milepost-outbox-%d.bin" % (box.stream,)
box = Outbox(FlashFile(path, 4))
box.append(b"in a file")
box = Outbox(FlashFile(path, 4))
assert buf[: box.read(1, buf)] == b"in a file" and box.boot == 2
os.remove(path)

try:
    Outbox(Nor(2, 512))
    raise SystemExit("accepted")
except ValueError:
    pass
assert Reader
print("ok")
