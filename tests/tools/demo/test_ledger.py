"""The books of the demo: what a board's flash says it made against what the service stores."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_hil import image
from milepost_hil.virtual import flash
from milepost_tools.demo.ledger import Made, made_by, settle

MADE = Made(stream=9, head=50, acked=50, tail=51)
# Fills the outbox of a flash file with the firmware's own code, as the board does.
FILL = """
import sys
sys.path.insert(0, sys.argv[1])
from milepost_device.outbox import Outbox
class Nor:
    def __init__(self, path, offset, size):
        self.f, self.offset, self.size = open(path, "r+b"), offset, size
    def readblocks(self, n, buf, off=0):
        self.f.seek(self.offset + n * 4096 + off)
        self.f.readinto(buf)
    def writeblocks(self, n, buf, off=0):
        old = bytearray(len(buf))
        self.readblocks(n, old, off)
        self.f.seek(self.offset + n * 4096 + off)
        self.f.write(bytes(a & b for a, b in zip(old, buf)))
    def ioctl(self, op, arg):
        if op == 4: return self.size // 4096
        if op == 5: return 4096
        if op == 6:
            self.f.seek(self.offset + arg * 4096)
            self.f.write(b"\\xff" * 4096)
        return 0
nor = Nor(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
box = Outbox(nor, stream=77)
for i in range(300):
    box.append(b"record %d" % i)
box.ack(200)
box.flush()
nor.f.close()
"""


def test_the_head_is_read_from_the_flash(tmp_path: Path) -> None:
    flash.ensure(tmp_path / "flash.bin")
    program = tmp_path / "fill.py"
    program.write_text(FILL)
    row = flash.partition("outbox")
    words = [image.firmware_folder(), tmp_path / "flash.bin", row.offset, row.size_bytes]
    subprocess.run([sys.executable, "-m", "micropython_unix", program, *map(str, words)], check=True)
    before = (tmp_path / "flash.bin").read_bytes()
    assert made_by(tmp_path) == Made(stream=77, head=300, acked=200, tail=201)
    assert (tmp_path / "flash.bin").read_bytes() == before


def test_a_flash_without_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="outbox of"):
        made_by(tmp_path)


def test_all_stored_once_is_even() -> None:
    assert settle("d", MADE, range(1, 51)).even


@given(st.sets(st.integers(1, 50)), st.lists(st.integers(1, 50)), st.sets(st.integers(51, 99)))
def test_every_hole_and_every_double_is_counted(holes: set[int], twice: list[int], foreign: set[int]) -> None:
    kept = [seq for seq in range(1, 51) if seq not in holes]
    doubles = [seq for seq in twice if seq not in holes]
    account = settle("d", MADE, [*kept, *doubles, *foreign])
    assert account.lost == len(holes)
    assert account.duplicated == len(doubles) + len(foreign)
    assert account.stored == len(kept) + len(doubles) + len(foreign)
    assert account.even == (not holes and not doubles and not foreign)
