"""The whole application on a virtual board: crashes, safe mode, heap, the file in place of the partition."""

import json

import pytest

from milepost_device import wire
from milepost_hil import image

# Put before main.py: while /broken exists, the named job of the application fails as soon as it starts.
BREAK = b"""
import os
try:
    os.stat("/broken")
    from milepost_device import app
    async def fail(self):
        raise OSError("made to fail")
    app.App._health = fail
except OSError:
    pass
"""


def files_for(board, broker, **config):
    password = "secret-of-the-test"
    broker.accounts.put(board.device_id, password)
    host, port = board.link.address(broker.host, broker.port)
    identity = {
        "device": board.device_id,
        "broker": {"host": host, "port": port, "user": board.device_id, "password": password},
        "wifi": dict(board.wifi),
        "role": "tracker",
    }
    files = image.application(image.firmware_folder())
    files["/identity.json"] = json.dumps(identity).encode()
    files["/config.json"] = json.dumps({"version": 1, "batch_wait_ms": 100, **config}).encode()
    return files


def boots(backend):
    return [e for e in backend.of(wire.Event) if e.code == wire.EV_BOOT]


def test_crash_is_told_with_its_traceback_and_a_loop_of_crashes_ends_at_the_prompt(board, broker, backend_ack):
    files = files_for(board, broker)
    files["/main.py"] = BREAK + files["/main.py"].replace(b"_PAUSE_S = 3", b"_PAUSE_S = 1")
    files["/broken"] = b""
    board.install(files)
    for n in range(1, 6):
        board.expect(rb"crashed \(%d in a row\)" % n)
    board.expect(rb"safe mode after 5 crashes in a row")
    board.expect(rb"made to fail")
    board.expect(rb">>> ")
    board.exec("import os; os.remove('/broken'); os.remove('/crash.json')")
    board.reset()
    board.expect(rb"first record acknowledged", 30)
    backend_ack.wait(lambda: len(boots(backend_ack)) == 6)
    traces = [b.args.get("trace", "") for b in boots(backend_ack)]
    assert traces[0] == traces[5] == ""
    assert all("OSError: made to fail" in t for t in traces[1:5])
    assert [b.args["boot"] for b in boots(backend_ack)] == [1, 2, 3, 4, 5, 6]
    backend_ack.assert_complete()


def test_board_without_the_partition_keeps_its_outbox_in_a_file_and_says_so(board, broker, backend_ack):
    files = files_for(board, broker)
    files["/main.py"] = (
        b"from milepost_device import platform\nplatform.Partition.find = lambda *a, **k: []\n" + files["/main.py"]
    )
    board.install(files)
    board.expect(rb"outbox in a file")
    board.expect(rb"first record acknowledged", 30)
    stream = boots(backend_ack)[0].args
    assert stream["store"] == "file"
    board.reset()
    board.expect(rb"boot 2, outbox in a file")
    backend_ack.wait(lambda: len(boots(backend_ack)) == 2)
    backend_ack.assert_complete()


HEAP = "import gc; gc.collect(); print(gc.mem_alloc())"


def test_application_leaves_half_of_an_esp32s_heap_free(board, broker, backend_ack):
    """The virtual board has 160 K words of heap, as an ESP32 without PSRAM; most of ours is bytecode."""
    board.install({"/boot.py": b"", "/main.py": b""})
    empty = int(board.exec(HEAP))
    board.install(files_for(board, broker))
    board.expect(rb"first record acknowledged", 30)
    used = int(board.exec(HEAP)) - empty
    assert used < 128 * 1024, f"the application holds {used} bytes"


@pytest.mark.feature("network")
def test_virtual_board_and_plain_interpreter_count_from_different_epochs(board):
    """D01: the application never uses time.time(); where an epoch matters, gmtime(0) tells which it is."""
    board.install({"/boot.py": b"", "/main.py": b""})
    code = "import time; print(time.gmtime(0)[0], time.mktime((2024, 1, 28, 15, 30, 0, 0, 0)))"
    assert board.exec(code) == "2000 759771000\n"
