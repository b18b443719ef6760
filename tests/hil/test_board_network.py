"""The network of a board: a link that can be cut in three ways, and what a dead board leaves behind."""

import socket
import threading
import time

import pytest

from milepost_hil.proxy import TcpProxy

PROMPT = b">>> "

CLIENT = """
import network, socket, select, time
w = network.WLAN(network.STA_IF); w.active(True); w.connect('net', 'pw')
def dial():
    s = socket.socket()
    s.connect(socket.getaddrinfo('127.0.0.1', {port})[0][-1])
    return s
"""


class Listener:
    """Accepts one connection at a time and keeps what it receives."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.peers = []
        self.data = bytearray()
        self.closed = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self._read, args=(peer,), daemon=True).start()

    def _read(self, peer):
        try:
            while data := peer.recv(4096):
                self.data += data
        except OSError:
            pass
        self.closed += 1

    def wait(self, condition, timeout_s=5.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (
                f"peers {len(self.peers)}, closed {self.closed}, data {bytes(self.data)}"
            )
            time.sleep(0.01)


@pytest.fixture
def listener():
    it = Listener()
    yield it
    it.server.close()
    for peer in it.peers:
        peer.close()


@pytest.fixture
def board(make, listener):
    board = make({"main.py": CLIENT.format(port=listener.port)})
    board.wait_for(PROMPT)
    return board


def test_data_goes_both_ways_with_native_sockets(board, listener, run):
    assert run(board, "s = dial(); s.write(b'hi'); print(w.isconnected())") == "True\n"
    listener.wait(lambda: listener.data == b"hi")
    listener.peers[0].sendall(b"yo")
    assert run(board, "print(s.recv(9))") == "b'yo'\n"


def test_a_black_hole_moves_nothing_and_then_everything(board, listener, run):
    run(board, "s = dial(); s.write(b'1')")
    listener.wait(lambda: listener.data == b"1")
    board.link.cut()
    run(board, "s.write(b'2')")
    time.sleep(0.2)
    assert listener.data == b"1"
    assert listener.closed == 0
    board.link.restore()
    listener.wait(lambda: listener.data == b"12")


def test_a_reset_link_aborts_what_stands_and_what_comes(board, listener, run):
    run(board, "s = dial(); s.write(b'1')")
    listener.wait(lambda: listener.data == b"1")
    board.link.cut("reset")
    listener.wait(lambda: listener.closed == 1)
    code = "try:\n    s.recv(1); t = dial(); print(t.recv(1) or 'closed')\nexcept OSError as e: print('OSError')\n"
    assert run(board, code) in ("OSError\n", "closed\n")
    board.link.restore()
    run(board, "s = dial(); s.write(b'3')")
    listener.wait(lambda: bytes(listener.data) == b"13")


def test_without_its_access_point_the_board_has_no_address(board, listener, run):
    board.link.cut("wifi")
    code = "print(w.isconnected())\ntry: dial()\nexcept OSError as e: print(e.errno)\n"
    assert run(board, code) == "False\n-202\n"
    board.link.restore()
    assert run(board, "print(w.isconnected()); dial()") == "True\n"


def test_a_dead_board_sends_no_goodbye(board, listener, run):
    """A broker must learn of a power cut by its keep-alive, not by a FIN."""
    run(board, "s = dial(); s.write(b'1')")
    listener.wait(lambda: listener.data == b"1")
    board.power_cut()
    time.sleep(0.3)
    assert listener.closed == 0


def test_a_soft_reset_closes_its_sockets(board, listener, run):
    run(board, "s = dial(); s.write(b'1')")
    listener.wait(lambda: listener.data == b"1")
    board.send(b"\x04")
    listener.wait(lambda: listener.closed == 1)


def test_a_delay_holds_each_direction(board, listener, run):
    board.link.delay(150)
    run(board, "s = dial()")
    start = time.monotonic()
    run(board, "s.write(b'x')")
    listener.wait(lambda: listener.data == b"x")
    assert time.monotonic() - start >= 0.15


def test_a_refused_target_shows_as_a_closed_connection(make, run):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    board = make({"main.py": CLIENT.format(port=port)})
    code = "try: print(dial().recv(1))\nexcept OSError as e: print('refused')\n"
    assert run(board, code) in ("refused\n", "b''\n")


def test_an_unknown_cut_is_named():
    with pytest.raises(ValueError, match="blackhole, reset"):
        TcpProxy().cut("axe")
