"""The time server of a virtual board's network, asked by the firmware's own SNTP client."""

import struct
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from milepost_hil import image
from milepost_hil.virtual import timeserver

_NTP_S = 2_208_988_800
_2020_S = 1_577_836_800
ASK = """
import network, asyncio
w = network.WLAN(network.STA_IF); w.active(True); w.connect('net', 'pw')
from milepost_device.platform import set_time_from_sntp
print('told', asyncio.run(set_time_from_sntp('time.example')))
"""


@given(st.binary(max_size=100))
def test_only_a_clients_request_is_answered(request: bytes) -> None:
    reply = timeserver.answer(request, 0)
    if len(request) >= 48 and request[0] & 7 == 3:
        assert reply is not None
        assert len(reply) == 48
        assert reply[24:32] == request[40:48]
    else:
        assert reply is None


@given(st.integers(0, 4_000_000_000), st.integers(0, 999))
def test_the_answer_holds_the_time(seconds: int, ms: int) -> None:
    reply = timeserver.answer(b"\x23" + bytes(47), seconds * 1_000_000_000 + ms * 1_000_000)
    assert reply is not None
    assert (reply[0] >> 6, reply[0] & 7, reply[1]) == (0, 4, 1)
    whole, fraction = struct.unpack(">II", reply[40:48])
    assert whole == (seconds + _NTP_S) & 0xFFFFFFFF
    assert abs(fraction / 2**32 - ms / 1000) < 1e-6


def test_the_firmware_gets_the_hosts_time_while_the_link_stands(make, run) -> None:
    files = {
        path: content
        for path, content in image.application(Path(image.firmware_folder())).items()
        if path.startswith("/lib/")
    }
    board = make({}, start=False)
    image.write_files(board.folder, files)
    board.start()
    board.wait_for(b">>> ")
    told = run(board, ASK)
    t = int(told.split("(")[1].split(",")[0])
    assert abs(t + _2020_S - time.time()) < 3
    board.link.cut("blackhole")
    assert "told None" in run(board, ASK)
