"""Durable ring of records on NOR flash: a record is safe when `append` returns.

Flash rules: programming only clears bits, erasing sets a whole sector, power may go
inside either. Nothing here erases or rewrites what it still needs.

Sector:  mark u32 | version u16, boot u16, stream, first seq, acked, number, crc (each u32) | dead u32
Frame:   head u16 (kind << 14 | length) | payload | check u16, padded to an even size
         kind 0 record, 1 acknowledged seq (u32), 2 boot number (u16); head 0 = nothing, skip two bytes

* `mark` is programmed after an erase has ended: a sector without it is erased again before use.
* Sectors are numbered; the live ones are the consecutive numbers up to the greatest.
* `dead` is cleared before the oldest sector is erased, so a half-erased sector is never read.
* A frame's check is seeded with stream and seq: a stale frame never passes.
* A torn frame is overwritten with zeros (clearing bits needs no erase) and skipped from then on.
* What was dropped unacknowledged is always [acked + 1, tail - 1]: both ends are durable, so the gap
  is reported again at the next mount if power went before its record was written.
"""

import os
import struct
from binascii import crc32

from micropython import const

MAX_RECORD = const(512)  # bytes of one record
MAX_SEQ = const(0x3FFFFFFF)

_VERSION = const(1)
_MARK = b"MPO1"
_HEADER = const(32)
_DEAD = const(28)
_FRAME = const(4)  # bytes of a frame beyond its payload
_RESERVE = const(16)  # kept free while no sector is prepared: room for the mark that must precede a drop
_WINDOW = const(1024)
_ACK_EVERY = const(64)  # records; at most so many are sent again after a reset

_RECORD = const(0)
_ACK = const(1)
_BOOT = const(2)
_BLANK = const(-1)
_SKIP = const(-2)
_BAD = const(-3)

_OP_COUNT = const(4)
_OP_SIZE = const(5)
_OP_ERASE = const(6)


def _gap_unknown(first_seq: int, last_seq: int, oldest: memoryview | None) -> bytes | None:
    return None


class Outbox:
    """Ring over a block device with `readblocks(n, buf, off)`, `writeblocks(n, buf, off)`, `ioctl(op, arg)`.

    on_drop(first_seq, last_seq, oldest: memoryview|None) -> bytes|None gives the gap record to append after
    records had to be dropped; `oldest` is the first record of the sector just dropped.
    Attributes: stream (1..2^30-1), boot (1..65535), head (newest seq, 0 = none), acked, dropped (this boot).
    """

    def __init__(self, dev, on_drop=_gap_unknown, stream: int | None = None) -> None:
        self._dev = dev
        self.stream = 0
        self._on_drop = on_drop
        self._count = dev.ioctl(_OP_COUNT, 0)
        self._size = dev.ioctl(_OP_SIZE, 0)
        if self._count < 3:
            raise ValueError("outbox needs at least 3 sectors, the device has %d" % self._count)
        self.max_record = min(MAX_RECORD, self._size // 4)
        self._win = bytearray(min(_WINDOW, self._size))
        self._view = memoryview(self._win)
        self._win_sector = -1
        self._win_off = 0
        self._out = bytearray(self.max_record + _FRAME + 2)
        self._out_view = memoryview(self._out)
        self._hdr = bytearray(_HEADER)
        self._len = 0  # payload length and place in the window of the last parsed frame
        self._off = 0
        self.dropped = 0
        self.acked = 0
        self._kept_ack = 0  # acknowledged seq that flash knows
        self._prepared = False
        self._torn = False
        self._told = 0  # newest dropped seq that a gap record of this boot names
        self._mount(stream)

    # --- what others use -----------------------------------------------------------------------------

    @property
    def tail(self) -> int:
        """Oldest seq still held and unacknowledged (head + 1: nothing waits)."""
        return max(self._first, self.acked + 1)

    @property
    def used_permille(self) -> int:
        """Part of the ring that holds unacknowledged records, 0..1000."""
        held = self.head - self.tail + 1
        if held <= 0:
            return 0
        sectors = self._head_no - self._tail_no + 1
        share = 1000 * held // max(1, self.head - self._first + 1)
        return share * sectors // self._count

    def append(self, record: bytes | bytearray | memoryview) -> int:
        """Make `record` (bytes, 1..max_record) durable and return its seq. Raises ValueError or OSError."""
        n = len(record)
        if not 1 <= n <= self.max_record:
            raise ValueError("record of %d bytes, allowed 1..%d" % (n, self.max_record))
        if self._torn:
            self._recover()
        if self.head >= MAX_SEQ:
            if self.acked < self.head:
                raise OSError(28, "stream exhausted, waiting for its acknowledgement")
            self.format()
        size = (_FRAME + n + 1) & ~1
        if not self._prepared and self._pos + size + _RESERVE > self._size:
            self.prepare()
        if self._pos + size > self._size:
            self._open_next()
        self._program(_RECORD, record, n)
        self.head += 1
        return self.head

    def prepare(self) -> bool:
        """Erase the next sector ahead of its use; drops the oldest records when the ring is full.

        Blocks for one erase (45 ms typical): call it in idle time. Returns True if it did anything.
        """
        if self._prepared:
            return False
        dev = self._dev
        n = self._sector_of(self._head_no + 1)
        if self._head_no - self._tail_no + 1 >= self._count:  # the next sector is the oldest live one
            if self._kept_ack < self.acked:
                self._note(_ACK, self.acked, 0)
            oldest = self._oldest()
            dev.writeblocks(n, b"\0\0\0\0", _DEAD)
            first = self.tail
            self._tail_no += 1
            self._find_first()
            self.dropped += max(0, self._first - first)
        else:
            oldest = None
        if self._win_sector == n:
            self._win_sector = -1
        dev.ioctl(_OP_ERASE, n)
        dev.writeblocks(n, _MARK, 0)
        self._prepared = True
        self._report_gap(oldest)
        return True

    def ack(self, seq: int) -> bool:
        """Everything up to `seq` is safe elsewhere. False (and no effect) if `seq` was never given out."""
        if seq > self.head:
            return False
        if seq > self.acked:
            self.acked = seq
            if seq - self._kept_ack >= _ACK_EVERY:
                self._note(_ACK, seq, 0 if self._prepared else _RESERVE)
        return True

    def flush(self) -> None:
        """Write the acknowledged seq down now (before a planned reset)."""
        if self._kept_ack < self.acked:
            self._note(_ACK, self.acked, 0 if self._prepared else _RESERVE)

    def read(self, seq: int, buf: bytearray) -> int:
        """Copy record `seq` into `buf`; its length, or 0 if it is not held."""
        reader = Reader(self, seq)
        n = reader.read(buf)
        return n if reader.seq == seq else 0

    def reader(self, seq: int = 0) -> "Reader":
        """A cursor that starts at `seq` (or at the oldest held record)."""
        return Reader(self, seq)

    def format(self, stream: int | None = None) -> None:
        """Forget everything and begin a new stream. Old sectors are killed first, newest last."""
        head = self._hdr
        order = []
        for i in range(self._count):
            if self._read_header(i):
                order.append((struct.unpack_from("<I", head, 20)[0], i))
        order.sort()
        for _, i in order:
            self._dev.writeblocks(i, b"\0\0\0\0", _DEAD)
        self._begin(stream)

    # --- mounting ------------------------------------------------------------------------------------

    def _mount(self, stream: int | None) -> None:
        best = -1
        head_no = -1
        for i in range(self._count):
            if self._read_header(i):
                no = struct.unpack_from("<I", self._hdr, 20)[0]
                if no > head_no:
                    best, head_no = i, no
        if best < 0:
            self.boot = 0
            self._begin(stream)
            self._note(_BOOT, self._next_boot(), 0)
            return
        self._head_sector = best
        self._head_no = head_no
        self._read_header(best)
        _, self.boot, self.stream, first, acked, _ = struct.unpack_from("<HHIIII", self._hdr, 4)
        self.head = first - 1
        self.acked = self._kept_ack = acked
        self._pos = _HEADER
        self._recover()
        self._tail_no = head_no
        for k in range(1, self._count):  # a spoilt sector between good ones hides only itself
            if head_no - k > 0 and self._is_live(head_no - k):
                self._tail_no = head_no - k
        self._find_first()
        n = self._sector_of(head_no + 1)
        self._dev.readblocks(n, self._hdr, 0)
        self._prepared = self._tail_no != head_no + 1 - self._count and bytes(self._hdr) == (
            _MARK + b"\xff" * (_HEADER - 4)
        )
        self._next_boot()
        if self._pos + 8 > self._size:
            self.prepare()
        if self._pos + 8 > self._size:
            self._open_next()  # its header carries the boot number
        else:
            self._note(_BOOT, self.boot, 0)
        self._report_gap(None)

    def _next_boot(self) -> int:
        self.boot = self.boot % 65535 + 1
        return self.boot

    def _begin(self, stream: int | None) -> None:
        if stream is None:
            stream = struct.unpack("<I", os.urandom(4))[0] & MAX_SEQ or 1
        self.stream = stream
        self.head = self.acked = self._kept_ack = 0
        self._head_sector = self._count - 1
        self._head_no = 0
        self._tail_no = self._first = 1
        self._win_sector = -1
        self._dev.ioctl(_OP_ERASE, 0)
        self._dev.writeblocks(0, _MARK, 0)
        self._prepared = True
        self._open_next()

    def _read_header(self, sector: int) -> bool:
        """Fill the header buffer; True if the sector is whole and alive."""
        head = self._hdr
        self._dev.readblocks(sector, head, 0)
        version, _, stream = struct.unpack_from("<HHI", head, 4)
        crc, dead = struct.unpack_from("<II", head, 24)
        return (
            head[:4] == _MARK
            and version == _VERSION
            and dead == 0xFFFFFFFF
            and 0 < stream <= MAX_SEQ
            and crc == crc32(memoryview(head)[4:24])
        )

    def _is_live(self, no: int) -> bool:
        if not self._read_header(self._sector_of(no)):
            return False
        stream, _, _, number = struct.unpack_from("<IIII", self._hdr, 8)
        return number == no and stream == self.stream

    def _find_first(self) -> None:
        while self._tail_no < self._head_no and not self._is_live(self._tail_no):
            self._tail_no += 1
        self._read_header(self._sector_of(self._tail_no))
        self._first = struct.unpack_from("<I", self._hdr, 12)[0]

    def _recover(self) -> None:
        """Walk the open sector from `_pos`, take its frames, overwrite what is torn at its end."""
        self._torn = False
        self._win_sector = -1
        sector = self._head_sector
        while self._pos < self._size:
            kind = self._parse(sector, self._pos, self._size, self.head + 1)
            if kind == _SKIP:
                self._pos += 2
                continue
            if kind < 0:
                break
            if kind == _RECORD:
                self.head += 1
            elif kind == _ACK:
                self.acked = self._kept_ack = max(
                    self.acked, min(self.head, struct.unpack_from("<I", self._win, self._off)[0])
                )
            else:
                self.boot = struct.unpack_from("<H", self._win, self._off)[0]
            self._pos += (_FRAME + self._len + 1) & ~1
        end = self._last_programmed(sector, self._pos)
        if end > self._pos:
            self._zero(sector, self._pos, end)
            self._pos = end

    def _last_programmed(self, sector: int, pos: int) -> int:
        """End (even) of the programmed bytes at or after `pos`; `pos` if all is blank."""
        end = pos
        step = len(self._win)
        self._win_sector = -1
        while pos < self._size:
            n = min(step, self._size - pos)
            self._dev.readblocks(sector, self._view[:n], pos)
            for i in range(n):
                if self._win[i] != 0xFF:
                    end = pos + i + 1
            pos += n
        return (end + 1) & ~1

    def _zero(self, sector: int, pos: int, end: int) -> None:
        step = min(len(self._out), 64)
        for i in range(step):
            self._out[i] = 0
        while pos < end:
            n = min(step, end - pos)
            self._dev.writeblocks(sector, self._out_view[:n], pos)
            pos += n
        self._win_sector = -1

    # --- flash ---------------------------------------------------------------------------------------

    def _sector_of(self, no: int) -> int:
        return (self._head_sector + no - self._head_no) % self._count

    def _open_next(self) -> None:
        """Start writing into the prepared sector; its header also carries boot and acknowledged seq."""
        if not self._prepared:
            self.prepare()
        n = (self._head_sector + 1) % self._count
        head = self._hdr
        number = self._head_no + 1
        struct.pack_into("<HHIIII", head, 4, _VERSION, self.boot, self.stream, self.head + 1, self.acked, number)
        struct.pack_into("<I", head, 24, crc32(memoryview(head)[4:24]))
        self._prepared = False  # first: after an error in the next line the sector must be erased again
        self._dev.writeblocks(n, memoryview(head)[4:_DEAD], 4)
        self._head_sector = n
        self._head_no = number
        self._pos = _HEADER
        self._kept_ack = self.acked
        if self._win_sector == n:
            self._win_sector = -1

    def _program(self, kind: int, payload: bytes | bytearray | memoryview, n: int) -> None:
        """Program one frame at the write position as one operation."""
        out = self._out
        head = kind << 14 | n
        out[0] = head & 0xFF
        out[1] = head >> 8
        out[2 : 2 + n] = payload
        check = crc32(self._out_view[: 2 + n], self.stream ^ (self.head + 1)) & 0xFFFF
        out[2 + n] = check & 0xFF
        out[3 + n] = check >> 8
        size = _FRAME + n
        if self._win_sector == self._head_sector and self._win_off + len(self._win) > self._pos:
            self._win_sector = -1
        self._torn = True  # until the driver has said that all of it is programmed
        self._dev.writeblocks(self._head_sector, self._out_view[:size], self._pos)
        self._torn = False
        self._pos += (size + 1) & ~1

    def _note(self, kind: int, value: int, reserve: int) -> None:
        """Write a small mark if it fits and leaves `reserve` bytes; the next header carries it otherwise."""
        if self._torn:
            self._recover()
        if self._pos + 8 + reserve > self._size:
            return
        data = struct.pack("<I", value)
        self._program(kind, data, 4)
        if kind == _ACK:
            self._kept_ack = value

    def _load(self, sector: int, pos: int, n: int) -> int:
        """Offset in the window of [pos, pos + n) of a sector."""
        off = pos - self._win_off
        if self._win_sector != sector or off < 0 or off + n > len(self._win):
            m = min(len(self._win), self._size - pos)
            self._win_sector = -1
            self._dev.readblocks(sector, self._view[:m] if m < len(self._win) else self._win, pos)
            self._win_sector = sector
            self._win_off = pos
            off = 0
            if m < len(self._win):  # keep the rule "the window is whole": what lies beyond reads as blank
                for i in range(m, len(self._win)):
                    self._win[i] = 0xFF
        return off

    def _parse(self, sector: int, pos: int, limit: int, seq: int) -> int:
        """Kind of the frame at `pos` (or _BLANK, _SKIP, _BAD); sets `_len` and `_off` (in the window)."""
        if pos + 2 > limit:
            return _BLANK
        off = self._load(sector, pos, 2)
        win = self._win
        head = win[off] | win[off + 1] << 8
        if head == 0xFFFF:
            return _BLANK
        if head == 0:
            return _SKIP
        kind = head >> 14
        n = head & 0x3FFF
        self._len = n
        if n == 0 or n > self.max_record or kind > _BOOT or pos + _FRAME + n > limit:
            self._len = 0
            return _BAD
        off = self._load(sector, pos, _FRAME + n)
        check = win[off + 2 + n] | win[off + 3 + n] << 8
        self._off = off + 2
        if check != crc32(self._view[off : off + 2 + n], self.stream ^ seq) & 0xFFFF:
            return _BAD
        if kind != _RECORD and n != 4:
            return _BAD
        return kind

    def _oldest(self) -> memoryview | None:
        reader = Reader(self, self.tail)
        buf = bytearray(self.max_record)
        n = reader.read(buf)
        return memoryview(buf)[:n] if n else None

    def _report_gap(self, oldest: memoryview | None) -> None:
        """Append a gap record if records were dropped that neither an ack nor a gap of this boot covers."""
        if self._first <= max(self.acked, self._told) + 1:
            return
        self._told = self._first - 1
        record = self._on_drop(self.acked + 1, self._first - 1, oldest)
        if record is not None:
            self.append(record)


class Reader:
    """Cursor over the records of an outbox. `read` looks, `advance` moves on; survives drops and appends."""

    def __init__(self, outbox: Outbox, seq: int = 0) -> None:
        self._box = outbox
        self._no = -1
        self._pos = 0
        self._at = 0  # seq of the frame at _pos
        self._size = 0
        self.seq = 0  # seq of the record last read
        self.want = max(seq, 1)

    def seek(self, seq: int) -> None:
        """Continue at `seq`."""
        if seq != self.want:
            if seq < self.want:
                self._no = -1
            self.want = seq

    def advance(self) -> None:
        """Move past the record last read."""
        self.want = self.seq + 1

    def read(self, buf: bytearray) -> int:
        """Copy the first held record with seq >= `want` into `buf`: its length and `seq`; 0 = none yet."""
        box = self._box
        self.want = max(self.want, box.tail)
        if self._no < box._tail_no:
            self._no = -1
        if self.want > box.head:
            return 0
        if self._no < 0:
            self._locate()
        while True:
            last = self._no >= box._head_no
            sector = box._sector_of(self._no)
            kind = box._parse(sector, self._pos, box._pos if last else box._size, self._at)
            if kind == _SKIP:
                self._pos += 2
            elif kind == _RECORD or (kind == _BAD and box._len):
                n = box._len
                if kind == _RECORD and self._at >= self.want:
                    buf[:n] = box._view[box._off : box._off + n]
                    self.seq = self._at
                    return n
                self._pos += (_FRAME + n + 1) & ~1
                self._at += 1
            elif kind >= 0:
                self._pos += (_FRAME + box._len + 1) & ~1
            elif last:
                return 0
            else:
                self._enter(self._no + 1)

    def _locate(self) -> None:
        """Go to the start of the sector that holds `want`."""
        box = self._box
        no = box._head_no
        while no > box._tail_no:
            if box._is_live(no) and struct.unpack_from("<I", box._hdr, 12)[0] <= self.want:
                break
            no -= 1
        self._enter(no)

    def _enter(self, no: int) -> None:
        box = self._box
        while no < box._head_no and not box._is_live(no):
            no += 1
        box._read_header(box._sector_of(no))
        self._no = no
        self._pos = _HEADER
        self._at = struct.unpack_from("<I", box._hdr, 12)[0]
