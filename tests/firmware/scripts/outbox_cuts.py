"""Cut power at every flash operation of a workload, in every way, and compare with what was promised.

argv: workload name. Prints one JSON line {"cuts", "lost", "ghosts", "ops"}.
Workloads: `plain` (fits), `acked` (wraps, everything acknowledged in time), `drop` (wraps unacknowledged).
"""

import gc
import json
import sys

from nor import TEARS, Nor, PowerCut

from milepost_device.outbox import Outbox

SECTORS, SIZE = 4, 256


def content(seq):
    """The record that the workload appends as number `seq`: its length and bytes are a function of it."""
    n = 4 + seq * 7 % 29
    return bytes([(seq * 31 + i * 7) & 0xFF for i in range(n)])


class World:
    """What the outside knows: records promised durable, gaps that were reported, seqs that are gap records."""

    def __init__(self):
        self.promised = {}
        self.maybe = None  # the record under way when power went
        self.acked = 0

    def gap(self, first, last, oldest):
        return b"GAP %d %d" % (first, last)


def work(world, box, name, upto):
    while box.head < upto:
        record = content(len(world.promised) + 1)
        world.maybe = record
        seq = box.append(record)
        world.promised[seq] = record
        world.maybe = None
        if name == "acked" and seq % 3 == 0:
            world.acked = seq - 1
            box.ack(seq - 1)
        if seq % 4 == 0:
            box.prepare()


def check(world, box, fault):
    """Every promised record is held, or acknowledged, or named by a held gap record; nothing else is held."""
    buf = bytearray(box.max_record)
    held = {}
    gaps = []
    reader = box.reader(1)
    while True:
        n = reader.read(buf)
        if not n:
            break
        record = bytes(buf[:n])
        if record[:4] == b"GAP ":
            _, first, last = record.split()
            gaps.append((int(first), int(last)))
        else:
            held[reader.seq] = record
        reader.advance()
    for seq, record in world.promised.items():
        if held.get(seq) == record or seq <= world.acked:
            continue
        for first, last in gaps:
            if first <= seq <= last and seq not in held:
                break
        else:
            fault("lost", seq)
    for seq, record in held.items():
        if world.promised.get(seq) != record and (record != world.maybe or seq in world.promised):
            fault("ghosts", seq)


def main(name):
    upto = {"plain": 12, "acked": 70, "drop": 70}[name]
    totals = {"cuts": 0, "lost": 0, "ghosts": 0, "ops": 0}
    nor = Nor(SECTORS, SIZE)
    world = World()
    work(world, Outbox(nor, world.gap, 77), name, upto)
    total_ops = nor.ops
    for tear in TEARS:
        for cut in range(total_ops):
            nor = Nor(SECTORS, SIZE)
            nor.rng = cut + 17
            nor.cut_at = cut
            nor.tear = tear
            world = World()

            def fault(what, seq, tear=tear, cut=cut):
                totals[what] += 1
                if totals[what] < 5:
                    print("#", what, seq, tear, cut)

            try:
                work(world, Outbox(nor, world.gap, 77), name, upto)
            except PowerCut:
                pass
            # a second cut a few operations into the next boot, then a whole one
            nor.cut_at = cut % 5
            try:
                box = Outbox(nor, world.gap, 77)
                if world.maybe:
                    under_way(world, box)
                work(world, box, name, upto + 3)
            except PowerCut:
                pass
            nor.cut_at = -1
            box = Outbox(nor, world.gap, 77)
            check(world, box, fault)
            if world.maybe:
                under_way(world, box)
            work(world, box, name, box.head + 30)
            check(world, box, fault)
            totals["cuts"] += 2
        gc.collect()
    totals["ops"] = total_ops
    print(json.dumps(totals))


def under_way(world, box):
    """The record whose append did not return may be there whole: then it counts from now on."""
    buf = bytearray(box.max_record)
    for seq in range(max(box.tail, box.head - 3), box.head + 1):
        if seq not in world.promised:
            n = box.read(seq, buf)
            if bytes(buf[:n]) == world.maybe:
                world.promised[seq] = world.maybe
                break
    world.maybe = None


main(sys.argv[1])
