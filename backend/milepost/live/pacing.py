"""How much one viewer may be sent: nothing is queued for it, it is skipped while behind and dropped when silent."""

from collections import deque

TICKS_BEHIND = 2
SILENT_MS = 30_000
HEARTBEAT_MS = 2_000


class Pace:
    """What one viewer has been sent and has said it applied. Pure: time is an argument, ms."""

    def __init__(self, since: int, now: int) -> None:
        self.since = since  # the sequence number after the last frame sent
        self._unacked: deque[int] = deque()
        self._heard = now
        self._sent = now

    def may_send(self) -> bool:
        """False while the viewer has more than two frames in front of it."""
        return len(self._unacked) <= TICKS_BEHIND

    def heartbeat_due(self, now: int) -> bool:
        """True when nothing was sent for two seconds: an empty frame proves that the line is alive."""
        return now - self._sent >= HEARTBEAT_MS

    def sent(self, seq: int, now: int) -> None:
        """A frame that brings the viewer to `seq` has been handed over."""
        if seq > self.since or not self._unacked:
            self._unacked.append(seq)
        self.since = seq
        self._sent = now

    def acked(self, seq: int, now: int) -> None:
        """The viewer has applied everything up to `seq`."""
        self._heard = now
        while self._unacked and self._unacked[0] <= seq:
            self._unacked.popleft()

    def lost(self, now: int) -> bool:
        """True when the viewer has said nothing for half a minute."""
        return now - self._heard >= SILENT_MS
