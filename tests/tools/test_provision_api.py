"""`milepost provision --api` against the running service: register, take the credentials, see the first record."""

import json

import httpx
import pytest
from click.testing import CliRunner

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.app import Service
from milepost.settings import Settings
from milepost.times import now_ms
from milepost_hil.virtual import VirtualBoard
from milepost_tools.provision.verb import provision

WORD = "a-good-long-password"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Service(Settings(data_dir=tmp_path_factory.mktemp("service"), http_port=0))
    running.start()
    for login, role in (("engineer", "engineer"), ("keeper", "keeper")):
        with running.db.tx() as conn:
            stored = access.hash_password(WORD)
            access.create_person(conn, login=login, name=role, password_hash=stored, grants=[Grant(role)], now=now_ms())
    yield running
    running.stop()


def token(service, login="engineer"):
    answer = httpx.post(f"{service.url}/api/v1/auth/login", json={"login": login, "password": WORD}, trust_env=False)
    return answer.json()["token"]


def device(service, name):
    answer = httpx.get(
        f"{service.url}/api/v1/devices/{name}", headers={"Authorization": f"Bearer {token(service)}"}, trust_env=False
    )
    return answer.json()


@pytest.fixture
def call(service):
    def run(board, *more, login="engineer"):
        words = ["--port", board.port, "--broker", service.broker_address, "--wifi-ssid", "bench", "--json"]
        words += ["--api", service.url, "--timeout", "30", *more]
        done = CliRunner().invoke(provision, words, env={"MILEPOST_TOKEN": token(service, login)})
        assert done.stdout, done.exception
        return done, json.loads(done.stdout.strip().splitlines()[-1])

    return run


@pytest.fixture
def boards(tmp_path):
    made = [VirtualBoard(tmp_path / f"b{i}").start() for i in range(2)]
    for board in made:
        board.wait_for(b">>> ")
    yield made
    for board in made:
        board.stop()


def test_a_board_registers_itself_and_its_first_record_is_seen_by_the_service(service, boards, call):
    done, report = call(boards[0], "--role", "reader", "--name", "Door 4")
    assert done.exit_code == 0, done.output
    known = device(service, boards[0].mac)
    assert known["role"] == "reader"
    assert known["name"] == "Door 4"
    assert known["contact"]["acknowledged"] >= 1
    assert report["hop"] is None


def test_provisioning_again_gives_a_new_password_and_waits_for_a_new_record(service, boards, call):
    call(boards[0])
    before = device(service, boards[0].mac)["contact"]
    done, _ = call(boards[0])
    assert done.exit_code == 0, done.output
    after = device(service, boards[0].mac)["contact"]
    assert after["last_received_at"] > before["last_received_at"]
    assert after["boot"] > before["boot"]


def test_an_id_in_use_on_another_board_is_refused_until_replaced(service, boards, call):
    done, _ = call(boards[0], "--device", "truck-7")
    assert done.exit_code == 0, done.output
    done, report = call(boards[1], "--device", "truck-7")
    assert done.exit_code == 6
    assert "in use on another board" in report["error"]
    done, _ = call(boards[1], "--device", "truck-7", "--replace")
    assert done.exit_code == 0, done.output
    assert device(service, "truck-7")["contact"]["boot"] == 1  # the other board's ring


def test_another_role_is_refused_and_named(service, boards, call):
    call(boards[0], "--device", "door-9", "--role", "reader")
    done, report = call(boards[0], "--device", "door-9", "--role", "tracker")
    assert done.exit_code == 1
    assert "registered as reader" in report["error"]


def test_a_person_who_is_no_engineer_is_told_so(boards, call):
    done, report = call(boards[0], "--device", "not-mine", login="keeper")
    assert done.exit_code == 1
    assert "must be of an engineer" in report["error"]
