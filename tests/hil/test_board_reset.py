"""Resets, their causes, and what survives them (ESP32: ports/esp32/modmachine.c, docs/hil.md)."""

import time

PROMPT = b">>> "
CAUSE = "import machine; print(machine.reset_cause())"


def test_power_on_reaches_the_prompt_within_a_second(make):
    start = time.monotonic()
    board = make()
    board.wait_for(PROMPT)
    assert time.monotonic() - start < 1.0
    assert b"rst:0x1 (POWERON_RESET)" in board.console
    assert b"Generic ESP32 module with ESP32\r\n" in board.console
    assert b"linux" not in board.console


def test_boot_then_main_run_in_the_namespace_of_the_prompt(make, run):
    board = make({"boot.py": "a = 1\n", "main.py": "print('main sees', a)\nb = a + 1\n"})
    board.wait_for(b"main sees 1\r\n")
    board.wait_for(PROMPT)
    assert run(board, "print(a, b, sorted(k for k in globals() if k[0] != '_'))") == "1 2 ['a', 'b']\n"


def test_an_exception_in_boot_keeps_main_from_running(make):
    board = make({"boot.py": "1/0\n", "main.py": "print('main ran')\n"})
    board.wait_for(PROMPT)
    assert b"ZeroDivisionError" in board.console
    assert b"main ran" not in board.console


def test_every_reset_has_the_cause_the_chip_gives(make, run):
    board = make()
    board.wait_for(PROMPT)
    assert run(board, CAUSE) == "1\n"
    at = board.position
    board.reset()
    board.wait_for(PROMPT, since=at)
    assert run(board, CAUSE) == "1\n"
    at = board.position
    board.send(b"\x04")
    board.wait_for(b"soft reboot", since=at)
    board.wait_for(PROMPT, since=board.wait_for(b"soft reboot", since=at))
    assert run(board, CAUSE) == "5\n"
    at = board.position
    board.send(b"import machine; machine.reset()\r")
    board.wait_for(PROMPT, since=board.wait_for(b"SW_CPU_RESET", since=at))
    assert run(board, CAUSE) == "2\n"
    at = board.position
    board.send(b"import machine; machine.deepsleep(100)\r")
    board.wait_for(PROMPT, since=board.wait_for(b"DEEPSLEEP_RESET", since=at))
    assert run(board, CAUSE) == "4\n"


def test_the_watchdog_ends_a_loop_that_python_cannot_leave(make, run):
    board = make()
    board.wait_for(PROMPT)
    at, start = board.position, time.monotonic()
    board.send(b"import machine; w = machine.WDT(timeout=300)\r")
    board.send(b"while 1: pass\r\r\r")
    board.wait_for(PROMPT, since=board.wait_for(b"TG1WDT_SYS_RESET", since=at))
    assert 0.3 <= time.monotonic() - start < 1.5
    assert run(board, CAUSE) == "3\n"


def test_a_fed_watchdog_stays_quiet_and_lives_through_a_soft_reset(make):
    board = make(
        {
            "main.py": (
                "import machine, time\n"
                "if machine.reset_cause() == 1:\n"
                "    w = machine.WDT(timeout=400)\n"
                "    for i in range(8):\n"
                "        time.sleep_ms(100); w.feed()\n"
                "    print('fed'); machine.soft_reset()\n"
                "print('waiting'); time.sleep(5)\n"
            )
        }
    )
    at = board.wait_for(b"fed")
    assert b"TG1WDT" not in board.console
    board.wait_for(b"TG1WDT_SYS_RESET", since=board.wait_for(b"waiting", since=at))


def test_a_dead_interpreter_is_a_panic_and_restarts(make, run):
    board = make()
    board.wait_for(PROMPT)
    at = board.position
    board.send(b"import uctypes; uctypes.bytearray_at(1, 1)[0] = 1\r")
    board.wait_for(b"Guru Meditation", since=at)
    board.wait_for(PROMPT, since=board.wait_for(b"rst:", since=at))
    assert run(board, CAUSE) == "2\n"


def test_rtc_and_its_memory_survive_a_reset_and_die_with_power(make, run):
    board = make()
    board.wait_for(PROMPT)
    assert run(board, "import time; print(time.gmtime()[:3], time.gmtime(0)[0])") == "(2000, 1, 1) 2000\n"
    run(board, "import machine; r = machine.RTC(); r.datetime((2026, 3, 4, 2, 5, 6, 7, 0)); r.memory(b'kept')")
    at = board.position
    board.reset()
    board.wait_for(PROMPT, since=at)
    look = "import machine; r = machine.RTC(); print(r.datetime()[:6], r.memory())"
    assert run(board, look) == "(2026, 3, 4, 2, 5, 6) b'kept'\n"
    board.power_cut()
    at = board.position
    board.start()
    board.wait_for(PROMPT, since=at)
    assert run(board, look) == "(2000, 1, 1, 5, 0, 0) b''\n"


def test_unique_id_is_the_mac_of_the_network(make, run):
    board = make()
    code = (
        "import machine, network; print(machine.unique_id() == network.WLAN().config('mac'), machine.unique_id().hex())"
    )
    assert run(board, code) == f"True {board.mac}\n"


def test_what_was_printed_just_before_the_cut_is_not_lost(make):
    """docs/hil.md T7: output still in the PTY when the child is killed."""
    board = make({"main.py": "import machine\nprint('x' * 3000 + 'last words')\nmachine.reset()\n"})
    at = 0
    for _ in range(8):
        at = board.wait_for(b"last words\r\nets ", since=at)
    whole = board.console[:at]
    assert whole.count(b"last words") == whole.count(b"SW_CPU_RESET") + 1, "a boot lost its last line"
