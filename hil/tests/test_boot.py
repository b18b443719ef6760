"""The board starts, says why, runs the application, and gives its prompt back."""

import pytest

from milepost_device import wire
from milepost_hil import image


def test_a_plain_board_answers_at_its_prompt(board):
    board.install({"/boot.py": b"", "/main.py": b""})
    assert board.exec("print(6 * 7)") == "42\n"


def test_a_hard_reset_is_told_as_one(board):
    board.install({"/boot.py": b"", "/main.py": b"import machine\nprint('cause', machine.reset_cause())\n"})
    board.expect(rb"cause [0-9]")
    board.reset()
    board.expect(rb"rst:0x1 \(POWERON_RESET\)")  # EN low looks like power-on to the chip
    board.expect(rb"cause 1\r\n")


def test_every_cause_that_a_program_can_make(board):
    board.install({"/boot.py": b"", "/main.py": b"import machine\nprint('cause', machine.reset_cause())\n"})
    board.expect(rb"cause 1\r\n")
    board.console.interrupt()
    board.console.write(b"import machine; machine.reset()\r")
    board.expect(rb"cause 2\r\n")
    board.console.interrupt()
    board.console.write(b"\x04")
    board.expect(rb"cause 5\r\n")
    board.console.interrupt()
    board.console.write(b"import machine; machine.deepsleep(200)\r")
    board.expect(rb"cause 4\r\n")
    board.console.interrupt()
    board.console.write(b"import machine; w = machine.WDT(timeout=1000)\rwhile True: pass\r\r\r")
    board.expect(rb"cause 3\r\n")


@pytest.mark.feature("network")
@pytest.mark.parametrize("role", ["tracker", "reader"])
def test_the_application_starts_and_leaves_at_ctrl_c(board, device, backend_ack, role):
    app = device(role)
    app.started()
    assert board.exec("import os; print('identity.json' in os.listdir('/'))") == "True\n"
    board.reset()
    app.started()


def test_a_board_without_identity_says_so_and_stays_at_the_prompt(board):
    files = image.application(image.firmware_folder())
    board.install({**files, "/identity.json": b"{}"})
    board.expect(rb"identity\.json: device must be a text")
    board.expect(rb">>> ")


@pytest.mark.feature("network")
def test_the_boot_event_names_cause_and_store(board, device, backend_ack):
    device().first_acknowledged()
    boots = [e for e in backend_ack.of(wire.Event) if e.code == wire.EV_BOOT]
    assert boots[-1].args["store"] == "partition"
    assert boots[-1].args["reset"] == "power_on"
