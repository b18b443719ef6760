"""/healthz and /readyz mean what they say: each thing is broken for real, is told, and heals."""

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from milepost.db import Database
from milepost.ingest import session
from milepost.ingest.model import SpoolItem
from milepost.ingest.service import Ingest
from milepost.ingest.spool import Spool
from milepost.observe import checks, observed
from milepost.observe.observed import Observed
from milepost.observe.question import Question
from milepost.settings import Settings
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.stores import open_store

from ..ingest.conftest import BrokerHouse, drive, until
from .conftest import Asked

ALL = {"threads", "receiver", "database", "schema", "telemetry", "disk", "spool", "broker", "sinks"}


@pytest.fixture(scope="module")
def quick() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(session, "_LONGEST_PAUSE_S", 0.5)
        monkeypatch.setattr("milepost.ingest.service._CHECK_S", 0.05)
        monkeypatch.setattr(observed, "HANGS_S", 0.5)
        monkeypatch.setattr(observed, "_SPOOL_BUSY_S", 0.2)
        monkeypatch.setattr(checks, "_FAILING_S", 0.3)
        yield monkeypatch


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerHouse]:
    made = BrokerHouse(tmp_path_factory.mktemp("broker"))
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def running(quick: pytest.MonkeyPatch, house: BrokerHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    made = Asked(
        tmp_path_factory.mktemp("service"), quick,
        broker_url=f"mqtt://{house.host}:{house.port}", broker_password="service-password",
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def well(running: Asked) -> Iterator[Asked]:
    """The service while all is well; and it must be so again afterwards."""
    until(lambda: not running.failing())
    yield running
    until(lambda: not running.failing(), 30)
    assert running.http.get("/healthz").status_code == 200


def test_all_is_well_and_each_check_is_named(well: Asked) -> None:
    assert well.ready().keys() == ALL
    assert well.http.get("/healthz").json() == {
        "status": "ok",
        "checks": {"threads": {"ok": True, "detail": "all there"}, "receiver": {"ok": True, "detail": "reads"}},
    }


def test_a_broker_that_is_gone_is_told_and_comes_back(well: Asked, house: BrokerHouse) -> None:
    house.server.stop()
    try:
        until(lambda: well.failing() == {"broker"} and "0 of 32 sessions" in well.ready()["broker"]["detail"])
        assert well.http.get("/healthz").status_code == 200  # no reason to be killed
    finally:
        house.server.start()


@pytest.mark.parametrize(("file", "check"), [("milepost.db", "database"), ("spool.db", "spool")])
def test_a_file_that_somebody_else_keeps_locked(well: Asked, file: str, check: str) -> None:
    with closing(sqlite3.connect(well.service.settings.data_dir / file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        until(lambda: check in well.failing())
        other.execute("ROLLBACK")


def test_a_schema_of_another_version(well: Asked) -> None:
    with closing(sqlite3.connect(well.service.settings.data_dir / "milepost.db", isolation_level=None)) as other:
        (head,) = other.execute("SELECT version_num FROM alembic_version").fetchone()
        other.execute("UPDATE alembic_version SET version_num = '0001'")
        until(lambda: well.failing() == {"schema"})
        assert well.ready()["schema"]["detail"].startswith(f"0001, but this program needs {head}")
        other.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
        until(lambda: not well.failing())  # while the workers are updated one by one, the old ones go on
        assert "newer" in well.ready()["schema"]["detail"]
        other.execute("UPDATE alembic_version SET version_num = ?", (head,))


def test_a_telemetry_store_that_cannot_be_read(well: Asked) -> None:
    with closing(sqlite3.connect(well.service.settings.data_dir / "telemetry.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE minute RENAME TO gone")
        until(lambda: well.failing() == {"telemetry"})
        other.execute("ALTER TABLE gone RENAME TO minute")


def test_a_full_disk_is_told_while_nothing_is_stored(well: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
        until(lambda: "disk" in well.failing())
        assert "free at least" in well.ready()["disk"]["detail"]
        until(lambda: "broker" in well.failing())  # it has let go of the sessions
        assert "milepost_ingest_withheld 1.0" in well.http.get("/metrics").text


def test_a_sink_that_fails_on_and_on(well: Asked, house: BrokerHouse) -> None:
    with closing(sqlite3.connect(well.service.settings.data_dir / "milepost.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE device_contact RENAME TO gone")
        device = house.device("truck-1")
        device.send(drive(1, 10))
        until(lambda: "sinks" in well.failing())
        assert well.ready()["sinks"]["detail"].startswith("state fails")
        assert "no such table" in well.ready()["sinks"]["detail"]
        other.execute("ALTER TABLE gone RENAME TO device_contact")
    until(lambda: "sinks" not in well.failing(), 40)
    device.close()


# --- without a service of its own: these do not heal -----------------------------------------------------------------


class Fragile:
    """A sink whose thread ends at the first item, or which never comes back from it."""

    name = "fragile"

    def __init__(self) -> None:
        self.hang = threading.Event()
        self.dies = False

    def position(self) -> int:
        return 0

    def handle(self, items: Sequence[SpoolItem]) -> None:
        if self.dies:
            raise SystemExit
        self.hang.wait(30)


@pytest.fixture(scope="module")
def other_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerHouse]:
    """A broker whose sessions the service above does not hold."""
    made = BrokerHouse(tmp_path_factory.mktemp("broker"))
    yield made
    made.server.stop()


@pytest.fixture
def fragile(
    quick: pytest.MonkeyPatch, other_house: BrokerHouse, settings: Settings, db: Database, tmp_path: Path
) -> Iterator[tuple[Fragile, Ingest, Observed]]:
    sink, spool, store = Fragile(), Spool(tmp_path / "spool.db"), SqliteTelemetry(tmp_path / "telemetry.db")
    ingest = Ingest(settings, spool, [sink], other_house.place)
    ingest.start()
    assert ingest.wait_ready()
    yield sink, ingest, Observed("ingest", settings, db, store, lambda: ingest.threads, ingest=ingest)
    sink.hang.set()
    ingest.stop()
    store.close()
    spool.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_a_reason_to_restart(
    fragile: tuple[Fragile, Ingest, Observed], other_house: BrokerHouse
) -> None:
    sink, _, of = fragile
    assert all(each.ok for each in checks.alive(of))
    sink.dies = True
    device = other_house.device("truck-2")
    device.send(drive(1, 10))
    until(lambda: not all(each.ok for each in checks.alive(of)))
    (dead,) = [each for each in checks.alive(of) if not each.ok]
    assert (dead.name, dead.detail) == ("threads", "ended: sink-fragile; restart this process")
    device.close()


def test_a_sink_that_never_comes_back_is_stuck(
    fragile: tuple[Fragile, Ingest, Observed], other_house: BrokerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, of = fragile
    monkeypatch.setattr(checks, "_STUCK_S", 0.3)
    device = other_house.device("truck-3")
    device.send(drive(1, 10))
    until(lambda: any(not each.ok and "fragile has not moved" in each.detail for each in checks.ready(of)))
    device.close()


def test_a_receiver_that_stands_still_is_no_life(
    fragile: tuple[Fragile, Ingest, Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ingest, of = fragile
    entered, go_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        entered.set()
        go_on.wait(20)

    monkeypatch.setattr(ingest.receiver, "_care", stand_still)
    assert entered.wait(5)
    monkeypatch.setattr(checks, "_BEAT_S", 0.2)
    until(lambda: any(each.name == "receiver" and not each.ok for each in checks.alive(of)))
    go_on.set()


def test_an_influxdb_that_is_not_there_is_told(db: Database, tmp_path: Path) -> None:
    store = open_store(
        Settings(  # pyright: ignore[reportCallIssue]
            data_dir=tmp_path, telemetry_url="influx://127.0.0.1:1/ACME", telemetry_token="w", telemetry_read_token="r"
        ),  # pyright: ignore[reportArgumentType]
        db,
    )
    of = Observed("web", Settings(data_dir=tmp_path), db, store, list)  # pyright: ignore[reportCallIssue]
    of.telemetry.start()
    until(lambda: of.telemetry.trouble not in (None, "not asked yet"))
    assert [each.ok for each in checks.ready(of) if each.name == "telemetry"] == [False]
    of.telemetry.stop()
    store.close()


# --- questions -------------------------------------------------------------------------------------------------------


def test_no_answer_is_an_answer_and_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="milepost.observe")
    bad, asked = [True], threading.Event()

    def ask() -> int:
        asked.set()
        if bad[0]:
            raise OSError("gone\nwith details")
        return 7

    it = Question("thing", ask, 0.01, 5)
    assert it.trouble == "not asked yet"
    it.start()
    until(lambda: it.trouble == "OSError: gone")
    time.sleep(0.1)
    bad[0] = False
    until(lambda: it.trouble is None)
    it.stop()
    assert it.answer == 7
    assert [record.getMessage() for record in caplog.records] == ["thing: OSError: gone", "thing is well again"]


def test_a_question_that_hangs_is_trouble_though_the_last_answer_was_good() -> None:
    go = threading.Event()
    asked = 0

    def ask() -> bool:
        nonlocal asked
        asked += 1
        return asked == 1 or go.wait(10)

    it = Question("thing", ask, 0.01, 0.1)
    it.start()
    until(lambda: (it.trouble or "").startswith("no answer for"))
    go.set()
    it.stop()
