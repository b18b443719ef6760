"""Flash of the virtual board: NOR semantics, numbered power cuts, images, NVS."""

import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from littlefs import LittleFS

from milepost_hil import image
from milepost_hil.virtual import flash

PROMPT = b">>> "


def test_programming_only_clears_bits_and_erasing_sets_them(make, run):
    board = make()
    code = (
        "import esp32\np = esp32.Partition.find(1, label='outbox')[0]\n"
        "p.ioctl(6, 3); p.writeblocks(3, b'\\xf0\\x0f\\xff', 5); p.writeblocks(3, b'\\x3c\\x3c\\x3c', 5)\n"
        "b = bytearray(5); p.readblocks(3, b, 4); print(b.hex())\n"
        "p.ioctl(6, 3); p.readblocks(3, b, 4); print(b.hex(), p.ioctl(4, 0), p.ioctl(5, 0))\n"
    )
    assert run(board, code) == "ff300c3cff\nffffffffff 128 4096\n"
    row = flash.partition("outbox")
    assert board.flash.read_bytes()[row.offset : row.offset + 4096] == b"\xff" * 4096


def test_writing_beyond_a_partition_is_refused(make, run):
    board = make()
    code = (
        "import esp32\np = esp32.Partition.find(1, label='outbox')[0]\n"
        "w, c, r = p.writeblocks, p.ioctl, p.readblocks\n"
        "for f in (lambda: w(127, b'12', 4095), lambda: c(6, 128), lambda: r(-1, bytearray(1))):\n"
        "    try: f(); print('done')\n"
        "    except OSError as e: print(e.errno)\n"
    )
    assert run(board, code) == "5\n5\n5\n"


@pytest.mark.parametrize("torn", [0, 1, 16, 255])
def test_power_fails_at_the_numbered_operation_after_the_torn_bytes(make, torn):
    board = make()
    board.wait_for(PROMPT)
    board.send(b"import esp32; p = esp32.Partition.find(1, label='outbox')[0]; p.ioctl(6, 0)\r")
    board.wait_for(PROMPT, since=board.wait_for(b"ioctl(6, 0)"))
    time.sleep(0.05)
    board.cut_at(3, torn)
    board.send(b"for i in range(9): p.writeblocks(0, bytes(256), 256 * i)\r\r\r")
    deadline = time.monotonic() + 5
    while board.powered and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not board.powered
    written = board.flash.read_bytes()[flash.partition("outbox").offset :][:4096]
    assert written == bytes(512 + torn) + b"\xff" * (4096 - 512 - torn)
    at = board.position
    board.start()
    board.wait_for(PROMPT, since=at)


def test_the_file_system_survives_a_cut_at_any_operation(make, run):
    """Config is replaced by tmp + rename; after every cut the old or the new one is whole."""
    main = (
        "import json, os\n"
        "try: n = json.load(open('/c.json'))['n']\n"
        "except OSError: n = 0\n"
        "print('start', n)\n"
        "while True:\n"
        "    n += 1\n"
        "    with open('/c.tmp', 'w') as f: json.dump({'n': n, 'pad': 'x' * 600}, f)\n"
        "    os.rename('/c.tmp', '/c.json')\n"
        "    print('wrote', n)\n"
    )
    board = make({"main.py": main}, start=False)
    highest = 0
    for i in range(25):
        at = board.position
        board.start()
        board.cut_at(5 + 7 * i % 40, torn_bytes=(0, 1, 16, 255)[i % 4])
        board.wait_for(b"start ", since=at)
        deadline = time.monotonic() + 10
        while board.powered and time.monotonic() < deadline:
            time.sleep(0.005)
        seen = board.console[at:]
        start = int(seen.split(b"start ")[1].split()[0])
        assert start in (highest, highest + 1), "a committed version was lost"
        highest = max([start, *(int(part.split()[0]) for part in seen.split(b"wrote ")[1:] if b"\r\n" in part)])
    assert highest > 10


def test_nvs_keeps_values_over_power_and_a_torn_commit(make, run):
    board = make()
    run(board, "import esp32; n = esp32.NVS('mp'); n.set_i32('a', 7); n.set_blob('k', b'\\x00secret'); n.commit()")
    board.power_cut()
    board.start()
    look = (
        "import esp32; n = esp32.NVS('mp'); b = bytearray(16)\n"
        "s = n.get_blob('k', b); print(n.get_i32('a'), bytes(b[:s]))\n"
        "try: n.get_i32('k')\nexcept OSError as e: print(e.args[0])\n"
    )
    assert run(board, look) == "7 b'\\x00secret'\n-4354\n"
    board.cut_at(2, 3)
    board.send(b"import esp32; n = esp32.NVS('mp'); n.set_i32('a', 8); n.commit()\r")
    deadline = time.monotonic() + 5
    while board.powered and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not board.powered
    board.start()
    assert run(board, look).startswith("7 ")


FIRMWARE = {
    "boot.py": "",
    "main.py": "import milepost_device.hello\n",
    "milepost_device/__init__.py": "",
    "milepost_device/hello.py": "import json\nprint('device', json.load(open('/identity.json'))['device'])\n1/0\n",
}


def firmware(folder):
    for name, text in FIRMWARE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_an_application_image_boots_and_keeps_line_numbers(make, tmp_path):
    image.write_application(
        tmp_path / "board", firmware=firmware(tmp_path / "fw"), identity={"device": "t1"}, config={"version": 1}
    )
    board = make()
    board.wait_for(b"device t1")
    board.wait_for(b'File "milepost_device/hello.py", line 3, in <module>')


def test_an_image_replaces_files_but_not_the_outbox(make, tmp_path):
    folder = tmp_path / "board"
    flash.write_region(folder.parent / "x.bin", "outbox", b"record")
    folder.mkdir()
    (folder.parent / "x.bin").rename(folder / "flash.bin")
    image.write_files(folder, {"a.txt": b"1"})
    image.write_files(folder, {"b.txt": b"2"})
    assert (folder / "flash.bin").read_bytes()[flash.partition("outbox").offset :][:6] == b"record"
    board = make()
    board.wait_for(PROMPT)
    board.send(b"import os; os.listdir()\r")
    board.wait_for(b"['b.txt']")


def test_a_folder_without_boot_is_no_firmware(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"boot\.py is missing"):
        image.application(tmp_path)


def test_a_syntax_error_names_file_and_line(tmp_path):
    folder = firmware(tmp_path)
    (folder / "milepost_device" / "hello.py").write_text("a = 1\nb = = 2\n")
    with pytest.raises(image.CompileFailed, match=r"(?s)hello\.py.*line 2"):
        image.application(folder)


@settings(max_examples=10, deadline=None)
@given(
    st.dictionaries(st.from_regex(r"(d/){0,2}[a-z]{1,8}\.bin", fullmatch=True), st.binary(max_size=9000), max_size=5)
)
def test_any_files_come_back_out_of_the_image(files):
    data = image.filesystem(files, 64)
    fs = LittleFS(block_size=4096, block_count=64, mount=False)
    fs.context.buffer = bytearray(data)
    fs.mount()
    for name, content in files.items():
        with fs.open(name, "rb") as f:
            assert f.read() == content


def test_plugin_and_command_line_load_no_board_code_until_needed():
    heavy = ("serial", "littlefs", "mpremote", "asyncio")
    code = f"import sys, milepost_hil.plugin; print([m for m in {heavy} if m in sys.modules])"
    assert (
        json.loads(
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.replace(
                "'", '"'
            )
        )
        == []
    )
