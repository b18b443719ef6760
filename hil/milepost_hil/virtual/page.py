"""The host's view of the page that supervisor and board share (shim/layout.py)."""

import mmap
import struct
from pathlib import Path

from milepost_hil.virtual.shim import layout


class Page:
    """Named access to one board's shared page; the file is made blank when it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(layout.PAGE_BYTES))
        with path.open("r+b") as f:
            self._map = mmap.mmap(f.fileno(), layout.PAGE_BYTES)
        self._map[layout.PIN_IN : layout.PIN_OUT] = bytes([layout.PIN_FLOATING]) * layout.PINS
        self.forget()

    def forget(self) -> None:
        """What a chip forgets in any reset: handlers, driven pins, a pending request."""
        self._map[layout.PIN_OUT : layout.PIN_TRIGGER] = bytes([layout.PIN_FLOATING]) * layout.PINS
        self._map[layout.PIN_TRIGGER : layout.HANDLERS] = bytes(layout.PINS)
        self._map[layout.HANDLERS : layout.HANDLERS + 8 * layout.SLOTS] = bytes(8 * layout.SLOTS)
        self._map[layout.REQUEST] = layout.REQ_NONE
        self._map[layout.ARMED] = 0

    def byte(self, at: int) -> int:
        return self._map[at]

    def set_byte(self, at: int, value: int) -> None:
        self._map[at] = value

    def u32(self, at: int) -> int:
        return struct.unpack_from("<I", self._map, at)[0]

    def set_u32(self, at: int, value: int) -> None:
        struct.pack_into("<I", self._map, at, value)

    def set_i64(self, at: int, value: int) -> None:
        struct.pack_into("<q", self._map, at, value)

    def set_bytes(self, at: int, data: bytes) -> None:
        self._map[at : at + len(data)] = data

    def close(self) -> None:
        self._map.close()
