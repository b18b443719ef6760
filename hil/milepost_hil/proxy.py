"""A TCP proxy between one board and the world, so that a test can cut exactly this board's link.

Cuts: ``blackhole`` lets connections stand and moves no byte (a dead uplink, a truck in a tunnel);
``reset`` aborts what stands and every new connection.
"""

import asyncio
import contextlib
import socket
import struct

from milepost_hil.loop import call

MODES: tuple[str, ...] = ("blackhole", "reset")
_CHUNK_BYTES = 65536
_EOF_SETTLE_S = 0.05


class TcpProxy:
    """Routes to any number of targets. `cut`, `restore` and `delay` may be called from any thread."""

    modes = MODES

    def __init__(self, bind: str = "127.0.0.1") -> None:
        self._bind = bind
        self._routes: dict[tuple[str, int], asyncio.Server] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._mode: str | None = None
        self._delay_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaths = 0

    @property
    def is_cut(self) -> bool:
        return self._mode is not None

    def cut(self, mode: str = "blackhole") -> None:
        """Breaks the link in the given mode (see `modes`) until `restore`. Raises ValueError for another name."""
        if mode not in self.modes:
            raise ValueError(f"unknown kind of cut {mode!r}; there are {', '.join(self.modes)}")
        call(self._cut, mode)

    def restore(self) -> None:
        """Ends every cut. Connections that stood through a black hole go on where they stopped."""
        call(self._restore)

    def delay(self, delay_ms: float) -> None:
        """Holds every chunk in either direction for this long."""
        self._delay_s = delay_ms / 1000

    def _cut(self, mode: str) -> None:
        self._restore()
        self._mode = mode
        if mode == "reset":
            self._abort_all()
        else:
            self._open.clear()

    def _restore(self) -> None:
        self._mode = None
        self._open.set()

    def _abort_all(self) -> None:
        for writer in list(self._writers):
            _abort(writer)

    def board_died(self) -> None:
        """The board lost power or was reset: no FIN went out, the far end learns of it by its own timers."""
        self._deaths += 1

    async def route(self, host: str, port: int) -> int:
        """Local port behind which (host, port) lies."""
        server = self._routes.get((host, port))
        if server is None:

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._carry(host, port, reader, writer)

            server = await asyncio.start_server(connected, self._bind, 0)
            self._routes[host, port] = server
        return server.sockets[0].getsockname()[1]

    async def _carry(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deaths = self._deaths
        self._writers.add(writer)
        try:
            if self._mode == "reset":
                return
            await self._open.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection(host, port)
            except OSError:
                return
            self._writers.add(far_writer)
            down = asyncio.ensure_future(self._pump_down(far_reader, writer))
            self._tasks.add(down)
            down.add_done_callback(self._tasks.discard)
            await self._pump(reader, far_writer)
            await asyncio.sleep(_EOF_SETTLE_S)
            down.cancel()
            await asyncio.wait({down})
            if self._deaths != deaths:
                with contextlib.suppress(OSError):
                    while await far_reader.read(_CHUNK_BYTES):
                        pass
            self._writers.discard(far_writer)
            far_writer.close()
        finally:
            self._writers.discard(writer)
            _abort(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    async def _pump_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._pump(reader, writer)
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def close(self) -> None:
        """Ends every connection and listener."""
        self._open.set()
        for server in self._routes.values():
            server.close()
        self._abort_all()
        self._routes.clear()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._mode or 'up'}>"


def _abort(writer: asyncio.StreamWriter) -> None:
    """Closes with RST, as a peer that has gone answers."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
