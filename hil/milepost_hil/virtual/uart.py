"""The far end of one machine.UART: what a GNSS receiver or an RFID module is wired to."""

import socket

from milepost_hil.loop import Pipe, call


class UartLink:
    """Byte stream to and from UART n of a board; stays valid over resets of the board.

    What is written while the board has the UART closed is lost, as on a wire. `baudrate` of the far end
    may be set: while it differs from the board's, both sides receive garbage.
    """

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self._near = near
        self._far = far
        self.baudrate: int | None = None
        self.board_baudrate: int | None = None
        self._board: Pipe | None = None
        self._pipe = call(lambda: Pipe(far.detach(), self._to_board))

    @property
    def is_open(self) -> bool:
        """True while the board has the UART open: a little later than what it prints then may be read."""
        return self._board is not None

    def write(self, data: bytes) -> int:
        """Sends to the board, all of it; never blocks long (the relay drains it)."""
        self._near.sendall(data)
        return len(data)

    def read(self, max_bytes: int = 4096) -> bytes:
        """What the board has sent, at most max_bytes; b"" when there is nothing."""
        try:
            return self._near.recv(max_bytes, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def fileno(self) -> int:
        return self._near.fileno()

    def _garbled(self, data: bytes) -> bytes:
        if self.baudrate in (None, self.board_baudrate):
            return data
        return bytes((b ^ 0xA5 ^ (i * 37)) & 0xFF for i, b in enumerate(data[::2]))

    def _to_board(self, data: bytes) -> None:
        if self._board is not None:
            self._board.write(self._garbled(data))

    def attach(self, fd: int) -> None:
        """The board has opened its UART (in the loop's thread)."""
        self.detach()
        self._board = Pipe(fd, lambda data: self._pipe.write(self._garbled(data)), limit_bytes=65536)

    def detach(self) -> None:
        if self._board is not None:
            self._board.drain()
            self._board.close()
            self._board = None

    def close(self) -> None:
        """In the loop's thread."""
        self.detach()
        self._pipe.close()
        self._near.close()
