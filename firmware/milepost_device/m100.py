"""M100 / R200 / JRD-4035 UHF reader: frames in, commands out.

A frame is head, type, command, length (2 bytes, high first), parameters, sum, end. It is framed by its
length: the end byte may occur inside. There are two dialects of the same protocol, `BB ... 7E` and
`AA ... DD`; both are read, `head` tells which one the reader speaks, commands take it.
"""

from micropython import const

from milepost_device.wire import crc16_gen2

HEAD_M100 = 0xBB
HEAD_R200 = 0xAA

REGION_CHINA_900, REGION_US, REGION_EU, REGION_CHINA_800, REGION_JAPAN, REGION_KOREA = 1, 2, 3, 4, 5, 6

CMD_VERSION = 0x03
CMD_SET_REGION = 0x07
CMD_GET_REGION = 0x08
CMD_GET_QUERY = 0x0D
CMD_SET_QUERY = 0x0E
CMD_POLL = 0x22
CMD_MULTI_POLL = 0x27
CMD_STOP = 0x28
CMD_SET_POWER = 0xB6
CMD_GET_POWER = 0xB7
CMD_ERROR = 0xFF

ERR_NO_TAG = 0x15  # nothing answered this round: normal while idle, and it floods

_HEADS = (HEAD_M100, HEAD_R200)
_END_M100 = const(0x7E)
_END_R200 = const(0xDD)
_REPLY = const(1)
_NOTICE = const(2)
_MAX_PARAMS = const(192)  # the longest known are a 62 byte EPC with its frame (67) and version texts
_FRAME = const(7)
_BUFFER = const(512)


class M100:
    """The receiving side of one reader.

    Counters: `tags` good tag notices, `replies`, `no_tag` (error 0x15), `errors` (every other error
    reply), `bad_frames` (wrong sum, wrong end or torn), `bad_crc` (right sum, but length or Gen2 CRC of
    PC and EPC wrong: no ghost tag comes of it), `skipped` bytes outside frames.
    """

    def __init__(self, on_tag, on_reply) -> None:
        """on_tag(epc: bytes, pc: int, rssi_dbm: int) for every good tag notice.
        on_reply(command: int, params: bytes) for every reply; an error comes as CMD_ERROR with its code
        first, the flood of ERR_NO_TAG does not come at all."""
        self._on_tag = on_tag
        self._on_reply = on_reply
        self._buf = bytearray(_BUFFER)
        self._view = memoryview(self._buf)
        self._n = 0
        self.head = 0
        self.tags = self.replies = self.no_tag = self.errors = 0
        self.bad_frames = self.bad_crc = self.skipped = 0

    def feed(self, data: bytes | bytearray | memoryview, count: int) -> None:
        """Take the first `count` bytes of `data`, however they are cut. Raises nothing."""
        source = memoryview(data)
        done = 0
        while done < count:
            n = self._n
            part = min(count - done, _BUFFER - n)
            self._view[n : n + part] = source[done : done + part]
            self._n = n + part
            done += part
            self._frames(False)

    def quiet(self) -> None:
        """Give up a frame under way: the line has been silent, the rest of it will not come."""
        self._frames(True)

    def _frames(self, last: bool) -> None:
        """Take every complete frame off the buffer; a candidate that fails costs its first byte only,
        so that a good frame behind or inside garbage is found."""
        buf = self._buf
        n = self._n
        p = 0
        while n - p >= _FRAME or (last and p < n):
            head = buf[p]
            if n - p < _FRAME or head not in _HEADS:
                self.skipped += 1
                p += 1
                continue
            kind = buf[p + 1]
            size = buf[p + 4] + _FRAME
            if buf[p + 3] or not _REPLY <= kind <= _NOTICE or size > _MAX_PARAMS + _FRAME:
                self.skipped += 1
                p += 1
                continue
            if n - p < size and not last:
                break
            if n - p < size or not self._whole(p, size):
                self.bad_frames += 1
                p += 1
            elif kind == _NOTICE and (buf[p + 2] == CMD_POLL or buf[p + 2] == CMD_MULTI_POLL):
                p += size if self._tag(p + 5, size - _FRAME) else 1
                self.head = head
            else:
                self.head = head
                self._reply(buf[p + 2], bytes(self._view[p + 5 : p + size - 2]))
                p += size
        if p:
            left = n - p
            for i in range(left):
                buf[i] = buf[p + i]
            self._n = left

    def _whole(self, p: int, size: int) -> bool:
        buf = self._buf
        if buf[p + size - 1] != (_END_M100 if buf[p] == HEAD_M100 else _END_R200):
            return False
        total = 0
        for i in range(p + 1, p + size - 2):
            total += buf[i]
        return total & 255 == buf[p + size - 2]

    def _tag(self, p: int, size: int) -> bool:
        """Judge the parameters of a tag notice: RSSI, PC, EPC, CRC."""
        buf = self._buf
        if size >= 5:
            epc_end = size - 2
            crc = buf[p + epc_end] << 8 | buf[p + epc_end + 1]
            # the PC says how many words the EPC has
            if (buf[p + 1] >> 3) * 2 == size - 5 and crc16_gen2(self._view[p + 1 : p + epc_end]) == crc:
                self.tags += 1
                rssi = buf[p]
                self._on_tag(
                    bytes(self._view[p + 3 : p + epc_end]),
                    buf[p + 1] << 8 | buf[p + 2],
                    rssi - 256 if rssi > 127 else rssi,
                )
                return True
        self.bad_crc += 1
        return False

    def _reply(self, command: int, params: bytes) -> None:
        if command == CMD_ERROR:
            if params and params[0] == ERR_NO_TAG:
                self.no_tag += 1
                return
            self.errors += 1
        else:
            self.replies += 1
        self._on_reply(command, params)


def command(code: int, params: bytes = b"", head: int = HEAD_M100) -> bytes:
    """Return the frame of a command in the dialect of `head`. Raises ValueError for another head."""
    if head not in _HEADS:
        raise ValueError(f"head {head}: the dialects begin with 0xBB and 0xAA")
    body = bytes((0, code, len(params) >> 8, len(params) & 255)) + params
    end = _END_M100 if head == HEAD_M100 else _END_R200
    return bytes((head,)) + body + bytes((sum(body) & 255, end))


def get_version(what: int = 1, head: int = HEAD_M100) -> bytes:
    """Ask for a version. what: 0 hardware, 1 firmware, 2 maker."""
    return command(CMD_VERSION, bytes((what,)), head)


def poll(head: int = HEAD_M100) -> bytes:
    """Read once."""
    return command(CMD_POLL, b"", head)


def multi_poll(rounds: int = 0xFFFF, head: int = HEAD_M100) -> bytes:
    """Read `rounds` times (0..65535), unless stopped."""
    return command(CMD_MULTI_POLL, b"\x22" + _u16(rounds, "rounds"), head)


def stop(head: int = HEAD_M100) -> bytes:
    """End a multi-poll."""
    return command(CMD_STOP, b"", head)


def set_power(power_cdbm: int, head: int = HEAD_M100) -> bytes:
    """Set the transmit power in 0.01 dBm (0..65535; the module refuses what it cannot)."""
    return command(CMD_SET_POWER, _u16(power_cdbm, "power_cdbm"), head)


def get_power(head: int = HEAD_M100) -> bytes:
    """Ask for the transmit power; the reply holds it in 0.01 dBm."""
    return command(CMD_GET_POWER, b"", head)


def set_region(region: int, head: int = HEAD_M100) -> bytes:
    """Set the region. region: REGION_*. Raises ValueError for another."""
    if not REGION_CHINA_900 <= region <= REGION_KOREA:
        raise ValueError(f"region {region}: known are 1..6")
    return command(CMD_SET_REGION, bytes((region,)), head)


def get_region(head: int = HEAD_M100) -> bytes:
    """Ask for the region."""
    return command(CMD_GET_REGION, b"", head)


def set_query(session: int = 0, q: int = 4, target: int = 0, head: int = HEAD_M100) -> bytes:
    """Set the Gen2 Query. session 0..3 (S0 repeats reads, needed for direction), q 0..15, target 0 A, 1 B.

    DR 8, M 1 and TRext 1 are the only modulation the module has. Raises ValueError out of range.
    """
    if not (0 <= session <= 3 and 0 <= q <= 15 and 0 <= target <= 1):
        raise ValueError("session 0..3, q 0..15, target 0..1")
    return command(CMD_SET_QUERY, _u16(0x1000 | session << 8 | target << 7 | q << 3, "query"), head)


def get_query(head: int = HEAD_M100) -> bytes:
    """Ask for the Gen2 Query parameters."""
    return command(CMD_GET_QUERY, b"", head)


def _u16(value: int, what: str) -> bytes:
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"{what} {value}: 0..65535")
    return bytes((value >> 8, value & 255))
