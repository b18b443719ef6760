"""The TCP server for JT/T 808 terminals: an event loop in a thread of its own.

A terminal is answered once what it sent is on disk. Whoever trickles, falls silent or does not read is cut off.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from concurrent.futures import Future

from sqlalchemy.exc import SQLAlchemyError

from milepost.ingest.foreign.directory import Directory
from milepost.ingest.foreign.jt808.decode import CHANNEL
from milepost.ingest.foreign.jt808.frames import Scanner
from milepost.ingest.foreign.jt808.session import Outcome, Session, state_of
from milepost.ingest.foreign.limits import Bucket, Buckets
from milepost.ingest.foreign.writer import GroupWriter
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_MOST_CONNECTIONS = 20_000
_MOST_STRANGERS = 1_000
_PROVE_S = 60.0  # within which somebody does
_IDLE_S = 900.0  # heartbeats come every few minutes at the latest
_FRAME_S = 30.0  # from the first byte of a frame to its last
_DRAIN_S = 30.0  # for a terminal to read its answers
_READ_BYTES = 8_192
_FRAMES_PER_S, _FRAMES_AT_ONCE = 100, 1_000
_START_S = 10.0


class Jt808Server:
    """Listens until stopped. `port` is the real one once started."""

    def __init__(self, host: str, port: int, directory: Directory, writer: GroupWriter, attempts: Buckets) -> None:
        self.host, self.port = host, port
        self.missed: dict[str, int] = {}  # by device: serials that were left out since the service started
        self._directory = directory
        self._writer = writer
        self._attempts = attempts
        self._open: set[asyncio.StreamWriter] = set()
        self._strangers: set[asyncio.StreamWriter] = set()  # connections on which nobody has proven anything yet
        self._newest: dict[str, Session] = {}  # by device: whose connection speaks for it
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="jt808", daemon=True)
        self._stopping: asyncio.Event | None = None
        self._up: Future[int] = Future()

    def start(self) -> None:
        """Listen. Raises OSError when the port is not to be had."""
        self._thread.start()
        self.port = self._up.result(_START_S)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def stop(self) -> None:
        """Close every connection and end."""
        if self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself: the port was taken
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.ident is not None:
            self._thread.join(10)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._open)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        self._stopping = asyncio.Event()
        try:
            server = await asyncio.start_server(self._serve, self.host, self.port, limit=_READ_BYTES, backlog=512)
        except OSError as error:
            self._up.set_exception(OSError(f"JT/T 808 cannot listen on {self.host}:{self.port}: {error}"))
            return
        self._up.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        for each in list(self._open):
            each.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        full = len(self._open) >= _MOST_CONNECTIONS or len(self._strangers) >= _MOST_STRANGERS
        if full or not self._directory.ready:  # who is who is not known yet: the terminal comes again
            writer.close()
            return
        self._open.add(writer)
        self._strangers.add(writer)
        session = self._session()
        try:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._talk(session, reader, writer)
        except (OSError, TimeoutError):
            pass  # the terminal went away, or was too slow: it connects again
        except Exception:
            _log.exception("a connection of JT/T 808 ended by a defect of ours")
        finally:
            self._open.discard(writer)
            self._strangers.discard(writer)
            writer.close()
            self._gone(session)

    async def _talk(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        scanner = Scanner()
        begun = time.monotonic()
        pace = Bucket(_FRAMES_PER_S, _FRAMES_AT_ONCE, begun)
        frame_since: float | None = None
        while True:
            now = time.monotonic()
            ends = begun + _PROVE_S if writer in self._strangers else now + _IDLE_S
            if frame_since is not None:
                ends = min(ends, frame_since + _FRAME_S)
            data = await asyncio.wait_for(reader.read(_READ_BYTES), max(0.0, ends - now))
            if not data:
                return
            frames = list(scanner.push(data))
            if not scanner.waiting:
                frame_since = None
            elif frame_since is None or frames:
                frame_since = time.monotonic()
            for _ in frames:
                while (wait_s := pace.take(time.monotonic())) > 0:
                    await asyncio.sleep(wait_s)
            if not await self._take(session, frames, writer):
                return

    async def _take(self, session: Session, frames: list[bytes], writer: asyncio.StreamWriter) -> bool:
        """Deal with frames that came together; False when the connection is over."""
        outcomes: list[Outcome] = []
        stored: list[Future[None]] = []
        for frame in frames:
            outcome = session.take(frame, now_ms())
            if outcome.register is not None and not await self._register(session, outcome):
                return False
            stored += [self._writer.submit(message) for message in outcome.store]
            outcomes.append(outcome)
            if outcome.close:
                break
        for identity in session.proven:
            self._newest[identity.device] = session
            self._strangers.discard(writer)
        results = await asyncio.gather(*map(asyncio.wrap_future, stored), return_exceptions=True)
        errors = [each for each in results if isinstance(each, BaseException)]
        if errors:
            _log.warning("JT/T 808: %d messages could not be stored and stay with the terminal: %s",
                         len(errors), errors[0])  # fmt: skip
            return False
        for outcome in outcomes:
            writer.writelines(outcome.answers)
        await asyncio.wait_for(writer.drain(), _DRAIN_S)
        return not (outcomes and outcomes[-1].close)

    async def _register(self, session: Session, outcome: Outcome) -> bool:
        assert outcome.register is not None
        message, hello = outcome.register
        try:
            code = await asyncio.to_thread(self._directory.register, CHANNEL, message.terminal, hello.hardware)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("terminal %s could not be registered now: %s", message.terminal, error)
            return False
        if code is None:
            self._directory.unknown(CHANNEL, message.terminal, f"refused: number taken; {hello.hardware}")
        outcome.answers.append(session.registered(message, code))
        return True

    def _session(self) -> Session:
        def find(terminal: str):
            return self._directory.find(CHANNEL, terminal)

        return Session(
            find,
            may_try=lambda terminal: self._attempts.spare(f"{CHANNEL} {terminal}", time.monotonic()),
            failed=self._failed,
            unknown=lambda terminal, said: self._directory.unknown(CHANNEL, terminal, said),
            missed=self._miss,
        )

    def _miss(self, device: str, count: int) -> None:
        self.missed[device] = self.missed.get(device, 0) + count

    def _failed(self, terminal: str) -> None:
        self._attempts.take(f"{CHANNEL} {terminal}", time.monotonic())

    def _gone(self, session: Session) -> None:
        """Say that the terminals of a connection are offline, unless they have a newer one or the service stops."""
        if self._stopping is None or self._stopping.is_set():
            return
        for identity in session.proven:
            if self._newest.get(identity.device) is session:
                del self._newest[identity.device]
                self._writer.submit(state_of(identity, now_ms(), online=False))
