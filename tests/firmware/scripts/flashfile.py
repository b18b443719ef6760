"""NOR flash in a file, for device processes that are killed: every operation is in the file at return."""

import os


class FlashFile:
    def __init__(self, path, sectors, size=4096):
        self._sectors = sectors
        self._size = size
        try:
            os.stat(path)
        except OSError:
            with open(path, "wb") as f:
                for _ in range(sectors):
                    f.write(b"\xff" * size)
        self._file = open(path, "r+b")
        self.ops = 0

    def readblocks(self, n, buf, off=0):
        self._file.seek(n * self._size + off)
        self._file.readinto(buf)

    def writeblocks(self, n, buf, off):
        old = bytearray(len(buf))
        self.readblocks(n, old, off)
        for i in range(len(buf)):
            old[i] &= buf[i]
        self.ops += 1
        self._file.seek(n * self._size + off)
        self._file.write(old)
        self._file.flush()

    def ioctl(self, op, arg):
        if op == 4:
            return self._sectors
        if op == 5:
            return self._size
        if op == 6:
            self.ops += 1
            self._file.seek(arg * self._size)
            self._file.write(b"\xff" * self._size)
            self._file.flush()
        return 0
