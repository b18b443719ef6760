"""UARTs, pins and timers of the virtual board."""

import select
import time
from pathlib import Path

PROMPT = b">>> "


def received(link, size, timeout_s=20.0):
    out = b""
    deadline = time.monotonic() + timeout_s
    while len(out) < size and time.monotonic() < deadline:
        if select.select([link.fileno()], [], [], 0.1)[0]:
            out += link.read(65536)
    return out


def opened(link, timeout_s=10.0):
    """The link, once the board has its UART open."""
    deadline = time.monotonic() + timeout_s
    while not link.is_open:
        assert time.monotonic() < deadline, "the board does not open its UART"
        time.sleep(0.005)
    return link


ECHO = """
import machine, select
u = machine.UART(1, 9600)
p = select.poll(); p.register(u, select.POLLIN)
print('echo')
while True:
    p.poll()
    data = u.read()
    if data:  # poll may wake before a byte is there
        u.write(data)
"""


def test_a_uart_carries_every_byte_both_ways(make):
    board = make({"main.py": ECHO})
    board.wait_for(b"echo")
    data = bytes(range(256)) * 64
    opened(board.uart(1)).write(data)
    assert received(board.uart(1), len(data)) == data


def test_the_link_outlives_a_reset_and_loses_what_comes_while_the_board_is_down(make):
    board = make({"main.py": ECHO})
    board.wait_for(b"echo")
    board.power_cut()
    board.uart(1).write(b"lost")
    time.sleep(0.05)
    at = board.position
    board.start()
    board.wait_for(b"echo", since=at)
    opened(board.uart(1)).write(b"heard")
    assert received(board.uart(1), 5) == b"heard"


def test_a_wrong_baud_rate_gives_garbage(make):
    board = make({"main.py": ECHO})
    board.wait_for(b"echo")
    opened(board.uart(1)).baudrate = 115200
    board.uart(1).write(b"$GNRMC,1,2*00\r\n")
    assert b"GNRMC" not in received(board.uart(1), 15, 0.3)
    board.uart(1).baudrate = 9600
    board.uart(1).write(b"clear")
    assert received(board.uart(1), 5).endswith(b"clear")


def test_asyncio_streams_read_lines_without_spinning(make, run):
    board = make(
        {
            "main.py": (
                "import asyncio, machine\n"
                "async def main():\n"
                "    r = asyncio.StreamReader(machine.UART(2, 115200))\n"
                "    print('up')\n"
                "    while True:\n"
                "        print('got', await r.readline())\n"
                "asyncio.run(main())\n"
            )
        }
    )
    board.wait_for(b"up")
    time.sleep(0.1)
    stat = Path(f"/proc/{board.pid}/stat")
    before = sum(map(int, stat.read_text().split()[13:15]))
    time.sleep(1.0)
    assert sum(map(int, stat.read_text().split()[13:15])) - before <= 2  # ticks of 10 ms
    for i in range(40):
        board.uart(2).write(b"line %d\r\n" % i)
    board.wait_for(b"line 39")
    assert board.console.count(b"got") == 40


def test_pins_are_seen_driven_pulled_and_interrupt(make, run):
    board = make(
        {
            "main.py": (
                "from machine import Pin\n"
                "p = Pin(32, Pin.IN, Pin.PULL_UP); out = Pin(4, Pin.OUT, value=1)\n"
                "print('pull', p.value())\n"
                "p.irq(lambda pin: print('edge', pin.value()), Pin.IRQ_FALLING)\n"
            )
        }
    )
    board.wait_for(b"pull 1")
    board.wait_for(PROMPT)
    assert board.pin(4) == 1
    assert board.pin(32) is None
    for _ in range(3):
        at = board.position
        board.set_pin(32, 0)
        board.wait_for(b"edge 0", since=at)
        board.set_pin(32, 1)
    time.sleep(0.05)
    assert board.console.count(b"edge") == 3
    assert run(board, "print(p.value())") == "1\n"


def test_an_edge_is_handled_while_the_program_sleeps(make):
    board = make(
        {
            "main.py": (
                "import time\nfrom machine import Pin\n"
                "p = Pin(33, Pin.IN); p.irq(lambda pin: print('edge seen'), Pin.IRQ_RISING)\n"
                "print('sleeping'); time.sleep(30)\n"
            )
        }
    )
    board.set_pin(33, 0)
    board.wait_for(b"sleeping")
    time.sleep(0.05)
    board.set_pin(33, 1)
    board.wait_for(b"edge seen", 1)


def test_a_timer_fires_periodically_and_once(make, run):
    board = make()
    code = (
        "import machine, time\nn = [0, 0]\n"
        "def a(t): n[0] += 1\n"
        "def b(t): n[1] += 1\n"
        "x = machine.Timer(0, period=20, callback=a)\n"
        "y = machine.Timer(1, mode=machine.Timer.ONE_SHOT, period=20, callback=b)\n"
        "e = time.ticks_add(time.ticks_ms(), 300)\n"
        "while time.ticks_diff(e, time.ticks_ms()) > 0: time.sleep_ms(1)\n"
        "x.deinit(); print(8 <= n[0] <= 15, n[1])\n"
    )
    assert run(board, code) == "True 1\n"
