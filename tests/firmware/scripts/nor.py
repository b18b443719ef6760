"""RAM model of NOR flash for MicroPython: programs only clear bits, power can go inside any operation."""


class PowerCut(Exception):
    pass


TEARS = ("none", "one", "half", "bits")


class Nor:
    """`cut_at` numbers the operation (0 = next) in which power goes; `tear` says how much of it happens."""

    def __init__(self, sectors, size):
        self.size = size
        self.cells = [bytearray(b"\xff" * size) for _ in range(sectors)]
        self.cut_at = -1
        self.tear = "none"
        self.ops = 0
        self.erases = 0
        self.programmed = 0
        self.rng = 1

    def rand(self, n):
        self.rng = (self.rng * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.rng >> 8) % n

    def _cuts(self):
        self.ops += 1
        if self.cut_at < 0:
            return False
        self.cut_at -= 1
        return self.cut_at < 0

    def readblocks(self, n, buf, off=0):
        if off + len(buf) > self.size:
            raise ValueError("read beyond the sector")
        buf[:] = memoryview(self.cells[n])[off : off + len(buf)]

    def writeblocks(self, n, buf, off):
        if off + len(buf) > self.size:
            raise ValueError("program beyond the sector")
        cell = self.cells[n]
        count = len(buf)
        self.programmed += count
        cut = self._cuts()
        if cut:
            count = {"none": 0, "one": 1, "half": count // 2, "bits": count}[self.tear]
        for i in range(count):
            byte = buf[i]
            if cut and self.tear == "bits":
                byte |= self.rand(256)  # some of the bits to clear are not cleared yet
            cell[off + i] &= byte
        if cut:
            raise PowerCut()

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.cells)
        if op == 5:
            return self.size
        if op == 6:
            cell = self.cells[arg]
            self.erases += 1
            cut = self._cuts()
            low, high = 0, self.size
            if cut:
                low, high = {
                    "none": (0, 0),
                    "one": (self.size // 2, self.size),
                    "half": (0, self.size // 2),
                    "bits": (0, self.size),
                }[self.tear]
            for i in range(low, high):
                cell[i] = cell[i] | self.rand(256) if cut and self.tear == "bits" else 0xFF
            if cut:
                raise PowerCut()
            return 0
        return None
