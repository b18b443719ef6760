"""`milepost provision` against virtual boards, a real broker and the real service."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from milepost_device import wire
from milepost_hil import deploy, image
from milepost_hil.bench.backend import AckBackend
from milepost_hil.bench.device import Broker
from milepost_hil.virtual import VirtualBoard
from milepost_tools.provision.verb import provision

PASSWORD = "do-not-print-me-4711"
QUICK = {"batch_wait_ms": 100, "ack_stall_s": 2}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = Broker(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        board.wait_for(b">>> ")
        yield board


@pytest.fixture
def backend(broker, board):
    broker.accounts.put(board.mac, PASSWORD)
    listener = AckBackend(broker.host, broker.port, broker.user, broker.password, board.mac)
    yield listener
    listener.close()


@pytest.fixture
def words(board, broker, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(QUICK))
    return [
        *("--port", board.port),
        *("--broker", f"mqtt://{broker.host}:{broker.port}"),
        *("--wifi-ssid", "bench", "--wifi-password", "wifi-secret-0815"),
        *("--config", str(tmp_path / "config.json")),
        *("--timeout", "20", "--json"),
    ]


def call(words, *more, password=PASSWORD):
    done = CliRunner().invoke(
        provision, [*words, *more], env={"MILEPOST_DEVICE_PASSWORD": password, "MILEPOST_TOKEN": None}
    )
    lines = done.stdout.strip().splitlines()
    return done, json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


def test_a_blank_board_becomes_a_device_whose_first_record_is_acknowledged(words, board, backend):
    done, report = call(words)
    assert done.exit_code == 0, done.output
    assert report["device"] == board.mac
    assert report["written"] > 10
    assert report["first_record_s"] < 10
    boots = [e for e in backend.of(wire.Event) if e.code == wire.EV_BOOT]
    assert boots
    assert b"identity.json" not in board.console.split(b"rst:")[-1]


def test_no_secret_is_ever_printed(words, backend, board):
    done, _ = call([w for w in words if w != "--json"])
    assert done.exit_code == 0, done.output
    for secret in (PASSWORD, "wifi-secret-0815"):
        assert secret not in done.output
        assert secret.encode() not in board.console
    assert board.mac in done.output


def test_a_second_run_copies_nothing_and_still_proves_the_way(words, backend):
    _, first = call(words)
    done, second = call(words)
    assert done.exit_code == 0, done.output
    assert second["written"] == 0
    assert second["kept"] == first["written"] + first["kept"]


def test_a_forgotten_source_file_that_would_win_over_its_bytecode_goes(words, board, backend):
    call(words)
    transport = deploy.connect(board.port)
    deploy.copy(transport, {"/lib/milepost_device/app.py": b"raise SystemError('old file')\n", "/mine.txt": b"stays"})
    transport.exit_raw_repl()
    deploy.disconnect(transport)
    done, report = call(words)
    assert done.exit_code == 0, done.output
    assert report["removed"] == 1
    transport = deploy.connect(board.port)
    assert "mine.txt" in transport.exec("import os; print(os.listdir('/'))").decode()
    deploy.disconnect(transport)


@pytest.mark.parametrize("kill_after", ["/lib/milepost_device/app.mpy", "/lib/milepost_device/wire.mpy", "/main.py"])
def test_a_run_killed_in_the_middle_converges_when_run_again(words, board, backend, kill_after):
    env = {**os.environ, "MILEPOST_DEVICE_PASSWORD": PASSWORD}
    plain = [w for w in words if w != "--json"]
    code = "from milepost_tools.provision.verb import provision; provision()"
    first = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *plain],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=env,
    )
    for line in first.stderr:
        if kill_after in line:
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stderr.close()
    done, report = call(words)
    assert done.exit_code == 0, done.output
    assert report["kept"] > 0, "the second run started from nothing"
    assert report["written"] > 0
    transport = deploy.connect(board.port)
    assert b".part" not in transport.exec("import os; print(os.listdir('/'), os.listdir('/lib/milepost_device'))")
    deploy.disconnect(transport)


def test_power_cuts_during_the_copy_leave_every_file_old_or_new(tmp_path):
    folder = tmp_path / "cut"
    image.write_files(folder, {"/boot.py": b"", "/c.json": b'{"n": 0}'})
    big = bytes(range(256)) * 20
    for i, operation in enumerate((1, 9, 17, 30, 45)):
        board = VirtualBoard(folder).start()
        board.wait_for(b">>> ")
        transport = deploy.connect(board.port)
        board.cut_at(operation, (0, 1, 16, 255, 16)[i])
        unplugged = threading.Thread(target=_unplug_when_dead, args=(board,))
        unplugged.start()
        with pytest.raises(deploy.DeployFailed, match="stopped answering"):
            for n in range(50):
                deploy.copy(transport, {"/c.json": b'{"n": %d}' % (100 * i + n), f"/lib/big{i}.mpy": big})
                big = big[1:] + b"x"
        unplugged.join()
        deploy.disconnect(transport)
    with VirtualBoard(folder) as board:
        board.wait_for(b">>> ")
        transport = deploy.connect(board.port)
        text = transport.exec("print(open('/c.json').read())").decode()
        assert json.loads(text)["n"] % 100 < 50
        sizes = transport.exec(
            "import os; print([r[3] for r in os.ilistdir('/lib') if r[0].endswith('.mpy')])"
        ).decode()
        deploy.disconnect(transport)
    assert set(json.loads(sizes)) <= {5120}


def _unplug_when_dead(board):
    while board.powered:
        time.sleep(0.01)
    board.stop()


def test_a_wrong_password_ends_with_nine_and_names_the_broker(words, backend):
    done, report = call(words, "--timeout", "4", password="not-the-password")
    assert done.exit_code == 9
    assert report["hop"] == "broker"
    assert "account and password" in report["error"]


def test_an_application_that_does_not_start_ends_with_nine_and_shows_the_console(words, tmp_path):
    folder = tmp_path / "fw"
    (folder / "milepost_device").mkdir(parents=True)
    (folder / "boot.py").write_text("")
    (folder / "main.py").write_text("import milepost_device.app\n")
    (folder / "milepost_device" / "app.py").write_text("raise RuntimeError('no antenna')\n")
    done, report = call(words, "--firmware", str(folder), "--timeout", "2")
    assert done.exit_code == 9
    assert report["hop"] == "application"
    assert "no antenna" in report["error"]


def test_a_port_that_is_not_there_is_named(words):
    done, report = call([*words, "--port", "/dev/does-not-exist"])
    assert done.exit_code == 1
    assert "/dev/does-not-exist" in report["error"]


def test_something_else_than_micropython_is_refused(words):
    """A port that talks, but no prompt: as a board with another firmware."""
    master, slave = os.openpty()
    try:
        with pytest.raises(deploy.DeployFailed, match="does not answer as MicroPython"):
            deploy.connect(os.ttyname(slave), 2)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--port", "x", "--broker", "http://h:1"], "mqtt://host:port"),
        (["--port", "x", "--broker", "mqtt://u:p@h:1"], "--user and --password"),
        (["--port", "x", "--broker", "mqtt://h:99999"], "--broker"),
        (["--port", "x", "--broker", "mqtt://h:1", "--device", "UPPER"], "1 to 12 of a-z"),
        (["--port", "x", "--broker", "mqtt://h:1", "--api", "http://h"], "--token"),
        (["--port", "x", "--broker", "mqtt://h:1"], "--password"),
    ],
)
def test_usage_errors_say_what_is_missing_and_touch_nothing(words, reason):
    done = CliRunner().invoke(provision, words, env={"MILEPOST_DEVICE_PASSWORD": None, "MILEPOST_TOKEN": None})
    assert done.exit_code == 2
    assert reason in done.output


@pytest.fixture
def nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_a_service_that_is_down_is_named_before_anything_is_written(words, board, nothing_listens):
    done, report = call(words, "--api", f"http://127.0.0.1:{nothing_listens}", "--token", "t")
    assert done.exit_code == 1
    assert "milepost serve" in report["error"]
    time.sleep(0.1)
    transport = deploy.connect(board.port)
    assert deploy.device_of(transport) is None
    deploy.disconnect(transport)
