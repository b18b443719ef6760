"""Unmodified tools on the console: mpremote and pyserial; interrupts; nobody left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from milepost_hil.virtual import registry
from milepost_hil.virtual.console import Cooker

PROMPT = b">>> "
MPREMOTE = [sys.executable, "-m", "mpremote"]


def mpremote(board, *words, stdin=None, timeout=20):
    return subprocess.run(  # noqa: PLW1510  (the status is what is tested)
        [*MPREMOTE, "connect", board.port, *words], capture_output=True, text=True, input=stdin, timeout=timeout
    )


BINARY = bytes(range(256)) * 8

# command, what its output must match, exit status
TABLE = [
    (("exec", "print(6 * 7)"), r"^42$", 0),
    (("eval", "2 ** 10"), r"^1024$", 0),
    (("run", "{host}/prog.py"), r"(?s)^one\ntwo\n$", 0),
    (("exec", "1/0"), r"ZeroDivisionError", 1),
    (("fs", "mkdir", ":d"), r"mkdir :d", 0),
    (("fs", "cp", "{host}/data.bin", ":d/data.bin"), r"cp", 0),
    (("fs", "ls", ":d"), r"2048 data\.bin", 0),
    (("fs", "cat", ":boot.py"), r"print\('boot'\)", 0),
    (("fs", "sha256sum", ":d/data.bin"), r"{sha}", 0),
    (("fs", "cp", ":d/data.bin", "{host}/back.bin"), r"cp", 0),
    (("fs", "cp", "-r", "{host}/tree", ":"), r"cp", 0),
    (("fs", "tree", ":tree"), r"leaf\.txt", 0),
    (("fs", "touch", ":d/empty"), r"", 0),
    (("df",), r"VfsLfs2", 0),
    (("fs", "rm", ":d/data.bin"), r"rm", 0),
    (("fs", "rm", "-r", ":tree"), r"rm", 0),
    (("exec", "a = 5", "exec", "print(a)"), r"^5$", 0),
    (("soft-reset",), r"", 0),
    (("resume", "exec", "print('a' in globals())"), r"^False$", 0),
    (("reset",), r"", 0),
    (("resume", "exec", "import machine; print(machine.reset_cause())"), r"^2$", 0),
    (("rtc", "--set"), r"", 0),
    (("rtc",), r"\(20\d\d, ", 0),
    (("mount", "{host}", "exec", "import prog"), r"one\ntwo", 0),
    (("mount", "{host}", "exec", "print(len(open('/remote/data.bin', 'rb').read()))"), r"2048", 0),
]


def test_mpremote_commands_run_unmodified(make, tmp_path):
    host = tmp_path / "host"
    (host / "tree" / "deep").mkdir(parents=True)
    (host / "tree" / "deep" / "leaf.txt").write_text("leaf")
    (host / "data.bin").write_bytes(BINARY)
    (host / "prog.py").write_text("print('one')\nprint('two')\n")
    sha = __import__("hashlib").sha256(BINARY).hexdigest()
    board = make({"boot.py": "print('boot')\n", "main.py": "import time\nwhile True: time.sleep(1)\n"})
    board.wait_for(b"boot\r\n")  # Ctrl-C during the boot is data, as on the chip (docs/hil.md T12)
    for words, pattern, status in TABLE:
        at = board.position
        done = mpremote(board, *(w.format(host=host) for w in words))
        assert done.returncode == status, (words, done.stdout, done.stderr)
        assert re.search(pattern.format(sha=sha) if "{sha}" in pattern else pattern, done.stdout + done.stderr, re.M), (
            words,
            done.stdout,
            done.stderr,
        )
        if words == ("reset",):
            board.wait_for(b"boot\r\n", since=board.wait_for(b"SW_CPU_RESET", since=at))
    assert (host / "back.bin").read_bytes() == BINARY


def test_a_second_mpremote_is_told_that_the_port_is_in_use(make):
    board = make()
    with serial.Serial(board.port, exclusive=True):
        done = mpremote(board, "exec", "1")
    assert done.returncode == 1
    assert "in use" in done.stdout + done.stderr


def test_repl_through_pyserial(make):
    board = make()
    board.wait_for(PROMPT)
    with serial.Serial(board.port, 115200, timeout=3) as port:
        port.write(b"\r")
        assert port.read_until(PROMPT).endswith(PROMPT)
        port.write(b"for i in range(3): print('row', i)\r\r\r")
        assert b"row 2\r\n>>> " in port.read_until(b"row 2\r\n>>> ")
        port.write(b"\x05")
        port.read_until(b"=== ")
        port.write(b"x = 1\rprint('paste', x + 1)\r\x04")
        assert b"paste 2" in port.read_until(b"paste 2")


def test_a_client_finds_nothing_that_was_printed_before_it_came(make):
    board = make({"main.py": "import time\nfor i in range(2000): print('old', i)\nprint('end')\ntime.sleep(9)\n"})
    board.wait_for(b"end")
    with serial.Serial(board.port, timeout=0.2) as port:
        assert b"old" not in port.read(64)


def interrupt(board, since):
    """Ctrl-C until it takes: while the board boots or compiles it is data, as on the chip (docs/hil.md T12)."""
    deadline = time.monotonic() + 15
    while b"KeyboardInterrupt" not in board.console[since:]:
        assert time.monotonic() < deadline, board.console[since:]
        board.send(b"\x03")
        time.sleep(0.05)
    board.wait_for(PROMPT, since=board.wait_for(b"KeyboardInterrupt", since=since))


def test_ctrl_c_reaches_a_program_in_every_mode(make):
    board = make({"main.py": "print('runs')\nwhile True: pass\n"})
    board.wait_for(b"runs")
    for typed in (b"", b"while True: pass\r\r", b"import time\rtime.sleep(99)\r", b"import sys\rsys.stdin.read(1)\r"):
        at = board.position
        board.send(typed)
        time.sleep(0.1)
        interrupt(board, at)


def test_a_ctrl_c_that_comes_after_the_program_never_hits_the_next_one(make, run):
    """Between the supervisor's look and the signal the program may end: the handler itself must look."""
    board = make()
    board.wait_for(PROMPT)
    for _ in range(5):
        os.kill(board.pid, signal.SIGUSR1)
        assert run(board, "for i in range(3000): pass\nprint('through')") == "through\n"


def test_a_storm_of_ctrl_c_leaves_a_sound_heap(make, run):
    """The unix port's own handler locks the heap for ever after about 70 of these (docs/hil.md T1, T2)."""
    board = make(
        {
            "main.py": (
                "def work():\n"
                "    while True:\n"
                "        with open('/f', 'w') as f: f.write('x' * 200)\n"
                "        [bytearray(64) for _ in range(50)]\n"
                "for _ in range(100):\n"
                "    try: work()\n"
                "    except KeyboardInterrupt: print('hit')\n"
            )
        }
    )
    board.wait_for(b"rst:")
    deadline = time.monotonic() + 40
    while board.console.count(b"hit") < 300 or not board.console.endswith(PROMPT):
        assert time.monotonic() < deadline, board.console[-500:]
        if board.console.endswith(PROMPT):  # a hundred hits, or one hit the handler itself: start it again
            board.send(b"\x04")
            time.sleep(0.1)
        board.send(b"\x03")
        time.sleep(0.004)
    assert b"Guru" not in board.console
    assert b"heap is locked" not in board.console
    code = "b = bytearray(20000); f = open('/g', 'w'); f.write('ok'); f.close(); print(open('/g').read())"
    assert run(board, code) == "ok\n"


def test_boards_die_with_their_parent(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from milepost_hil.virtual import VirtualBoard\n"
        "bs = [VirtualBoard(Path(sys.argv[1]) / str(i)).start() for i in range(3)]\n"
        "[b.wait_for(b'>>> ') for b in bs]\n"
        "bs[0].send(b'while 1: pass\\r\\r\\r')\n"
        "print(*[b.pid for b in bs], flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(p) for p in parent.stdout.readline().split()]
    assert len(pids) == 3
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 3
    while any(
        Path(f"/proc/{p}/status").exists() and "zombie" not in Path(f"/proc/{p}/status").read_text() for p in pids
    ):
        assert time.monotonic() < deadline, "a board outlived its parent"
        time.sleep(0.02)
    parent.stdout.close()


def test_running_boards_are_listed_and_dead_ones_are_not(make):
    board = make()
    mine = [b for b in registry.running() if b["name"] == board.name]
    assert mine == [{**mine[0], "port": board.port, "mac": board.mac, "supervisor_pid": os.getpid()}]
    stale = registry.publish("stale-board", {"supervisor_pid": 2**22 - 1})
    assert all(b.get("name") != "stale-board" for b in registry.running())
    assert not stale.exists()
    board.stop()
    assert all(b["name"] != board.name for b in registry.running())
    assert not Path(board.port).is_symlink()


def test_many_boards_idle_at_almost_no_cost(make):
    boards = [make({"main.py": ""}, f"b{i}") for i in range(8)]
    for board in boards:
        board.wait_for(PROMPT)
    time.sleep(0.2)

    def ticks():
        return sum(sum(map(int, Path(f"/proc/{b.pid}/stat").read_text().split()[13:15])) for b in boards)

    before = ticks()
    time.sleep(1.0)
    assert ticks() - before <= 2


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_the_banner_is_renamed_wherever_the_stream_is_split(cut):
    text = (
        b"MicroPython 9458e3a23f on 2026-07-05; linux [GCC 14.2.1] version\r\n"
        b'Type "help()" for more information.\r\n>>> '
    )
    cooker = Cooker()
    out = cooker.feed(text[:cut]) + cooker.feed(text[cut:]) + cooker.flush()
    assert b"linux" not in out
    assert out.endswith(b"information.\r\n>>> ")
    assert not cooker.raw_prompt


def test_line_ends_are_cooked_once_and_not_at_all_in_the_mount_protocol():
    cooker = Cooker()
    assert cooker.feed(b"a\nb\r\nc\r") + cooker.feed(b"\nd\n") == b"a\r\nb\r\nc\r\nd\r\n"
    assert cooker.feed(b"\x18\n") == b"\x18\n"
    cooker.feed(b"raw REPL; CTRL-B to exit\r\n>")
    assert cooker.feed(b"\n") == b"\r\n"
    assert cooker.raw_prompt
