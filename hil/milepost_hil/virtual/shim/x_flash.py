"""The 4 MiB flash: partition table, NOR semantics, numbered operations, a cut at any of them.

Everything that littlefs calls carries @micropython.native: native code never polls pending exceptions, so
a Ctrl-C cannot unwind through littlefs's C state (docs/hil.md T2). Nothing here allocates (T10).
"""

import layout
import micropython
import x_memory as memory

page = 0  # addresses, set by the boot script
base = 0


@micropython.native
def _counts(address, buf, size, is_program):
    """One flash operation; returns after power is gone never."""
    ops = memory.get32(page + layout.FLASH_OPS) + 1
    memory.put32(page + layout.FLASH_OPS, ops)
    if ops == memory.get32(page + layout.CUT_AT):
        torn = memory.get32(page + layout.CUT_TORN_BYTES)
        torn = min(torn, size)
        if is_program:
            memory.program(address, buf, torn)
        else:
            memory.erase(address, torn)
        memory.put8(page + layout.REQUEST, layout.REQ_POWER_CUT)
        memory.die()
    if is_program:
        memory.program(address, buf, size)
    else:
        memory.erase(address, size)


class Region:
    """A stretch of flash as a block device of 4096-byte blocks, as esp32.Partition is one."""

    def __init__(self, offset, size):
        self.offset = offset
        self.size = size

    @micropython.native
    def readblocks(self, block, buf, offset=0):
        memory.read(base + self._inside(block, buf, offset), buf, len(buf))

    @micropython.native
    def writeblocks(self, block, buf, offset=-1):
        if offset < 0:  # the simple block protocol erases first
            offset = 0
            for i in range(block, block + (len(buf) + layout.SECTOR_BYTES - 1) // layout.SECTOR_BYTES):
                self.ioctl(6, i)
        _counts(base + self._inside(block, buf, offset), buf, len(buf), True)

    @micropython.native
    def ioctl(self, op, arg=0):
        if op == 4:
            return self.size // layout.SECTOR_BYTES
        if op == 5:
            return layout.SECTOR_BYTES
        if op == 6:
            at = arg * layout.SECTOR_BYTES
            if at < 0 or at >= self.size:
                raise OSError(5)
            _counts(base + self.offset + at, None, layout.SECTOR_BYTES, False)
        return 0

    @micropython.native
    def _inside(self, block, buf, offset):
        at = block * layout.SECTOR_BYTES + offset
        if at < 0 or at + len(buf) > self.size:
            raise OSError(5)
        return self.offset + at


def table():
    """Rows (type, subtype, offset, size, label, encrypted) of the partition table in flash."""
    rows = []
    row = bytearray(32)
    at = base + layout.TABLE_OFFSET
    while True:
        memory.read(at, row, 32)
        if row[0] != 0xAA or row[1] != 0x50:
            return rows
        offset = int.from_bytes(row[4:8], "little")
        size = int.from_bytes(row[8:12], "little")
        label = bytes(row[12:28]).split(b"\0")[0].decode()
        rows.append((row[2], row[3], offset, size, label, bool(row[28] & 1)))
        at += 32
