"""Copies that are whole or not there, and a way back that destroys nothing."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from milepost.errors import Conflict, Invalid, NotFound
from milepost.ingest.spool import Message, Spool
from milepost.settings import Settings
from milepost.telemetry.backup import MANIFEST, back_up, put_back
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import T0, drive


def installation(folder: Path) -> Settings:
    """A data folder with readings, a spool with an item, and accounts of a broker."""
    settings = Settings(data_dir=folder)  # pyright: ignore[reportCallIssue]
    store = SqliteTelemetry(folder / "telemetry.db")
    store.write(drive(T0, 50), 1)
    store.close()
    spool = Spool(folder / "spool-a.db")
    spool.append([Message("gps-1", "state", T0, b'{"online": true}')])
    spool.close()
    broker = folder / "broker"
    broker.mkdir()
    for name in ("users.conf", "ingest.password", "port", "nats.log"):
        (broker / name).write_text(name)
    return settings


def restored(settings: Settings) -> int:
    store = SqliteTelemetry(settings.data_dir / "telemetry.db")
    try:
        return len(store.track("gps-1", T0, T0 + 3_600_000))
    finally:
        store.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A backup of an installation."""
    back_up(installation(tmp_path / "data"), tmp_path / "copy", lambda _name: None)
    return tmp_path / "copy"


def test_spools_are_copied_before_what_their_sinks_write(tmp_path: Path) -> None:
    settings = installation(tmp_path / "data")
    sqlite3.connect(tmp_path / "data" / "milepost.db").close()
    told: list[str] = []
    made = back_up(settings, tmp_path / "copy", told.append)
    assert told == ["spool-a.db", "milepost.db", "telemetry.db"]
    assert {name for name in made.files if name.startswith("broker")} == {
        "broker/users.conf", "broker/ingest.password", "broker/port"
    }  # fmt: skip


def test_a_backup_comes_back_and_new_items_lie_above_every_position(copy: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")  # pyright: ignore[reportCallIssue]
    assert put_back(copy, settings, force=False) is None
    assert restored(settings) == 50
    spool = Spool(tmp_path / "new" / "spool-a.db")
    (old,) = spool.after(0)
    spool.append([Message("gps-1", "state", T0, b'{"online": false}')])
    # A sink's position may be newer than the copy of the spool: no new item may hide below it.
    assert spool.after(old.id)[0].id > old.id + 1_000
    spool.close()


def test_what_is_there_is_left_alone_or_moved_aside(copy: Path, tmp_path: Path) -> None:
    settings = installation(tmp_path / "other")
    with pytest.raises(Conflict, match="--force"):
        put_back(copy, settings, force=False)
    aside = put_back(copy, settings, force=True)
    assert aside is not None
    assert (aside / "telemetry.db").exists() and (aside / "broker" / "users.conf").exists()
    assert restored(settings) == 50


def test_nothing_is_restored_under_a_running_service(copy: Path, tmp_path: Path) -> None:
    settings = installation(tmp_path / "other")
    running = Spool(tmp_path / "other" / "spool-a.db")
    with pytest.raises(Conflict, match="stop the service"):
        put_back(copy, settings, force=True)
    running.close()
    assert put_back(copy, settings, force=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: (copy / "telemetry.db").write_bytes((copy / "telemetry.db").read_bytes()[:-1] + b"x"),
        lambda copy: (copy / "spool-a.db").unlink(),
        lambda copy: (copy / MANIFEST).unlink(),
        lambda copy: (copy / MANIFEST).write_text("[]"),
        lambda copy: (copy / MANIFEST).write_text(json.dumps({"version": 2, "sha256": {}})),
        lambda copy: (copy / MANIFEST).write_text(json.dumps({"version": 1, "sha256": {"../data/telemetry.db": "0"}})),
        lambda copy: (copy / MANIFEST).write_text(json.dumps({"version": 1, "sha256": {"/etc/passwd": "0"}})),
    ],
)
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    copy: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(copy)
    settings = installation(tmp_path / "other")
    with pytest.raises(Invalid):
        put_back(copy, settings, force=True)
    assert restored(settings) == 50


def test_a_damaged_database_makes_no_backup(tmp_path: Path) -> None:
    settings = installation(tmp_path / "data")
    file = tmp_path / "data" / "telemetry.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4_096] + b"\xff" * (len(whole) - 4_096))
    with pytest.raises(Invalid, match="damaged"):
        back_up(settings, tmp_path / "copy", lambda _name: None)
    assert not (tmp_path / "copy").exists()


def test_a_backup_goes_into_a_folder_of_its_own(tmp_path: Path) -> None:
    settings = installation(tmp_path / "data")
    (tmp_path / "copy").mkdir()
    with pytest.raises(Conflict, match="of its own"):
        back_up(settings, tmp_path / "copy", lambda _name: None)
    with pytest.raises(NotFound, match="--data"):
        nowhere = Settings(data_dir=tmp_path / "no")  # pyright: ignore[reportCallIssue]
        back_up(nowhere, tmp_path / "x", lambda _name: None)


def test_what_lies_elsewhere_is_named(tmp_path: Path) -> None:
    settings = installation(tmp_path / "data").model_copy(
        update={"database_url": "postgresql+psycopg://x/y", "telemetry_url": "influx://h:8086/o"}
    )
    found = back_up(settings, tmp_path / "copy", lambda _name: None).elsewhere
    assert ["pg_dump" in found[0], "influx backup" in found[1]] == [True, True]


def test_a_copy_can_be_taken_of_what_a_killed_service_left(tmp_path: Path) -> None:
    """Its journal still holds the last transactions."""
    settings = installation(tmp_path / "data")
    store = SqliteTelemetry(tmp_path / "data" / "telemetry.db")
    store.write(drive(T0 + 600_000, 7), 2)
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in (tmp_path / "data").glob("telemetry.db*"):
        if not path.name.endswith("-shm"):
            (killed / path.name).write_bytes(path.read_bytes())
    store.close()
    back_up(settings.model_copy(update={"data_dir": killed}), tmp_path / "copy", lambda _name: None)
    fresh = Settings(data_dir=tmp_path / "new")  # pyright: ignore[reportCallIssue]
    put_back(tmp_path / "copy", fresh, force=False)
    assert restored(fresh) == 57
