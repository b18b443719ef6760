"""The outbox on a RAM model of NOR flash, under MicroPython: power goes at every operation, in every way."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest


def verdict(output):
    return json.loads(output.strip().splitlines()[-1])


@pytest.mark.parametrize("workload", ["plain", "acked", "drop"])
def test_no_cut_at_any_flash_operation_loses_a_record_or_makes_one(run_script, workload):
    result = verdict(run_script("outbox_cuts.py", workload))
    assert result["cuts"] > {"plain": 150, "acked": 800, "drop": 750}[workload]
    assert result["lost"] == 0
    assert result["ghosts"] == 0


def test_D04_three_times_its_size_with_power_cuts_while_full(run_script):
    result = verdict(run_script("outbox_full.py"))
    assert result["cuts"] == 20
    assert result["produced"] > 3 * result["capacity"]
    assert result["missing"] == []
    assert result["both"] == []
    assert result["stored"] + result["dropped"] == result["produced"]
    assert result["newest_stored"]
    assert result["streams"] == 1, "never formatted again"


def test_write_amplification_and_wear_of_a_512_kB_ring_at_1_Hz(run_script):
    result = verdict(run_script("outbox_wear.py"))
    assert result["amplification"] <= 1.2
    assert result["years_512k"] >= 50
    assert result["erases_on_the_path_of_a_record"] == 0
    assert result["mount_ms"] < 50
    assert result["appended"] == result["read_back"]


def test_rules_of_the_interface(run_script):
    assert run_script("outbox_rules.py").strip().endswith("ok")


BREAKS = {
    "torn frames are not zeroed": ("            self._zero(sector, self._pos, end)\n", ""),
    "the oldest sector is not killed before its erase": (
        '            dev.writeblocks(n, b"\\0\\0\\0\\0", _DEAD)\n',
        "",
    ),
    "a sector without the mark of a whole erase is used": (
        'bytes(self._hdr) == (\n            _MARK + b"\\xff" * (_HEADER - 4)\n        )',
        'bytes(self._hdr[4:]) == b"\\xff" * (_HEADER - 4)',
    ),
    "a dropped range is not told again at mount": (
        "            self._note(_BOOT, self.boot, 0)\n        self._report_gap(None)\n",
        "            self._note(_BOOT, self.boot, 0)\n",
    ),
    "the check of a frame is not looked at": (
        "if check != crc32(self._view[off : off + 2 + n], self.stream ^ seq) & 0xFFFF:",
        "if False:",
    ),
}


@pytest.mark.parametrize("broken", list(BREAKS))
def test_the_cut_test_sees_a_broken_outbox(tmp_path, broken):
    """A test that cannot fail proves nothing: break one rule of the outbox, and cuts must show it."""
    root = Path(__file__).parents[3]
    package = tmp_path / "milepost_device"
    package.mkdir()
    text = (root / "firmware/milepost_device/outbox.py").read_text()
    before, after = BREAKS[broken]
    assert text.count(before) == 1
    (package / "outbox.py").write_text(text.replace(before, after))
    (package / "__init__.py").write_text("")
    micropython = Path(sys.executable).with_name("micropython")
    scripts = root / "tests/firmware/scripts"
    done = subprocess.run(
        [micropython, "-X", "heapsize=4M", scripts / "outbox_cuts.py", "drop"],
        env={"MICROPYPATH": f"{tmp_path}:{scripts}:.frozen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode or re.search(r'"(lost|ghosts)": [1-9]', done.stdout), done.stdout
