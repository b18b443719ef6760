"""Every sink reads the spool in a thread of its own, at its own pace: a broken one holds nobody else."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from milepost.ingest import dead_letters, tracing
from milepost.ingest.apart import SinkApart
from milepost.ingest.decode import ITEM_RECORDS, count_of
from milepost.ingest.model import Sink, SpoolItem
from milepost.ingest.spool import Spool
from milepost.tally import Tally

_log = logging.getLogger(__name__)
# One hand-over is one transaction of the sink: many small messages share it, few large ones do not make it long. In a
# backlog it holds several batches of each vehicle: detectors load and keep what they know of one less often (1.9 µs a
# fix with 240 to 300 of each, 1.5 with 450), and it is over in a fifth of a second.
_AT_ONCE, _BYTES_AT_ONCE = 1536, 400_000
# Whoever works apart keeps nobody here waiting, and has the next part ready when it is done with one.
_AT_ONCE_APART, _BYTES_AT_ONCE_APART = 4096, 1_536_000
_TICK_S = 1.0
_GIVE_WAY_S = 1.0
_LEAD = 100_000  # records: with the next hand-over the memory of decoded ones (200,000) still holds them
_REACH = 220_000  # who is farther behind finds nothing in that memory, whoever waits
_WAIT_FOR_OTHERS_S = 0.1
_WAIT_FOR_RECORD_S = 120e-6  # and for each record: whoever waits still takes 8,000 a second
_LIVELY_S = 2.0  # one hand-over to a store on another host takes a second
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0
_TRIES = 3
# Errors of code over data, not of a database that is away: waiting does not heal them.
_POISON = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)


class SinkRunner:
    """Feeds one sink. A failing hand-over is repeated with growing pauses until it succeeds.

    A single item at which the sink's own code fails again and again (not its database) is put into the dead letters
    and handed over empty, so that the position passes it: one poison message never stops a sink for good.
    """

    def __init__(self, sink: Sink, spool: Spool) -> None:
        self.sink = sink
        self.position = 0
        self.error: str | None = None
        self.moved_at = float("-inf")  # monotonic time of the last step forward
        self.failing_since: float | None = None  # monotonic time of the first failure in a row
        self.failures = 0
        self._busy_since: float | None = None  # with the hand-over at hand
        self.taken = 0  # items handed over
        self.took_s = Tally()  # each hand-over
        self.others: Sequence[SinkRunner] = ()  # readers of the same spool, to keep near in a backlog
        self._apart = isinstance(sink, SinkApart)
        self._most = (_AT_ONCE_APART, _BYTES_AT_ONCE_APART) if self._apart else (_AT_ONCE, _BYTES_AT_ONCE)
        self._careful_until = 0
        self._took_records = 0  # with the last hand-over
        self._took_items = 1
        self._in_hand = 0  # what lies behind this id is being handed over
        self._spool = spool
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)

    def start(self) -> None:
        """Begin behind the sink's own stored position."""
        self.moved_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Finish the hand-over at hand and end."""
        self._stop.set()
        self._spool.wake()
        if self._thread.is_alive():
            self._thread.join(30)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def waiting_s(self, now: float) -> float:
        """How long a hand-over has been under way, or repeated, at the monotonic time `now`; 0 between two."""
        since = self._busy_since
        return 0.0 if since is None else max(0.0, now - since)

    def _run(self) -> None:
        failures = 0
        next_tick = 0.0
        while not self._stop.is_set():
            try:
                if failures or not self.position:
                    self.position = self.sink.position()  # the sink knows best how far it got
                tick = getattr(self.sink, "tick", None)
                if tick is not None and time.monotonic() >= next_tick:
                    tick()
                    next_tick = time.monotonic() + _TICK_S
                if self._spool.wait_beyond(self.position, _TICK_S):
                    self._hand_over(failures)
                failures, self.error, self.failing_since = 0, None, None
            except Exception as error:
                failures += 1
                self.failures += 1
                self.failing_since = self.failing_since or time.monotonic()
                self.error = f"{type(error).__name__}: {error}"
                _log.exception("sink %s failed behind item %d (try %d)", self.sink.name, self.position, failures)
                self._stop.wait(min(_FIRST_PAUSE_S * 2 ** min(failures, 10), _LONGEST_PAUSE_S))

    def _hand_over(self, failures: int) -> None:
        if not self._apart:  # who takes nothing of this interpreter, and decodes for itself, waits for nobody
            self._spool.give_way(_GIVE_WAY_S)
            self._stay_near()
        most, most_bytes = self._most
        items = self._spool.after(self.position, 1 if self.position < self._careful_until else most, most_bytes)
        if not items:  # announced, but deleted meanwhile
            self._stop.wait(0.05)
            return
        began = time.monotonic()
        self._busy_since = self._busy_since or began
        self._in_hand = items[0].id - 1  # ids leap where a spool was opened anew
        try:
            self.sink.handle(items)
        except _POISON as error:
            if len(items) > 1:
                self._careful_until = items[-1].id  # one by one until the bad one is passed
                raise
            if failures < _TRIES:
                raise
            self._set_aside(items[0], error)
            self.sink.handle([replace(items[0], payload=b"")])
        self.position = items[-1].id
        self.moved_at = time.monotonic()
        self._busy_since = None
        self.took_s.add(self.moved_at - began)
        self.taken += len(items)
        self._took_records, self._took_items = sum(map(count_of, items)), len(items)
        if tracing.on():
            tracing.tell("sunk", items, sink=self.sink.name)

    def _stay_near(self) -> None:
        """Far ahead in a backlog, wait a little for the slower ones: what was decoded once then serves them all.

        Only for those that move and are within reach, and never longer than is said above: a slow sink costs the others
        some speed of catching up, and keeps none from showing what comes live; a broken one costs nothing. Decoding is
        a quarter of the work, and six sinks do it.
        """
        deadline = time.monotonic() + _WAIT_FOR_OTHERS_S + self._took_records * _WAIT_FOR_RECORD_S
        per_item = self._took_records / self._took_items + ITEM_RECORDS
        while (now := time.monotonic()) < deadline and not self._stop.is_set():
            if not any(each.is_near_behind(self.position, per_item, now) for each in self.others):
                return
            self._stop.wait(0.005)

    def is_near_behind(self, position: int, per_item: float, now: float) -> bool:
        """Whether this one is some way behind `position`, and moves (`now`: monotonic). `per_item`: what an item takes
        up in the memory of decoded ones, as records."""
        begun = self._busy_since or self.moved_at  # the first hand-over counts as well
        if self.failing_since is not None or now - max(begun, self.moved_at) >= _LIVELY_S:
            return False
        return _LEAD < (position - max(self.position, self._in_hand)) * per_item <= _REACH

    def _set_aside(self, item: SpoolItem, error: Exception) -> None:
        with self._spool.tx() as conn:
            dead_letters.bury(
                conn,
                device=item.device,
                channel=item.channel,
                at=item.received_ms,
                payload=item.payload,
                reason="sink",
                detail=f"sink {self.sink.name}: {type(error).__name__}: {error}",
            )
        self._spool.buried["sink"] += 1
