"""MicroPython program: mount a copy of a board's outbox and print where it stands, as one JSON line.

Arguments: the firmware folder, the flash file, offset and size of the outbox in it (bytes). The file is only
read; what mounting writes stays in memory.
"""

import json
import sys

_SECTOR = 4096


class Copy:
    """NOR flash in memory: programming clears bits."""

    def __init__(self, data):
        self._data = data

    def readblocks(self, n, buf, off=0):
        at = n * _SECTOR + off
        buf[:] = self._data[at : at + len(buf)]

    def writeblocks(self, n, buf, off=0):
        at = n * _SECTOR + off
        for i in range(len(buf)):
            self._data[at + i] &= buf[i]

    def ioctl(self, op, arg):
        if op == 4:
            return len(self._data) // _SECTOR
        if op == 5:
            return _SECTOR
        if op == 6:
            self._data[arg * _SECTOR : (arg + 1) * _SECTOR] = b"\xff" * _SECTOR
        return 0


def main(firmware, flash, offset, size):
    sys.path.insert(0, firmware)
    from milepost_device.outbox import Outbox  # noqa: PLC0415  (the path comes as an argument)

    with open(flash, "rb") as f:  # noqa: PTH123  (MicroPython has no pathlib)
        f.seek(offset)
        box = Outbox(Copy(bytearray(f.read(size))))
    print(json.dumps({"stream": box.stream, "head": box.head, "acked": box.acked, "tail": box.tail}))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
