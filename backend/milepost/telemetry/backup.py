"""Copies of everything that an installation keeps in its data folder, and the way back (docs/operations.md).

The order of the copies is what makes them fit together while the service runs: first the spools, then the databases
that the sinks write. What a spool no longer holds when it is copied, every sink had had by then, so the database copied
later has it; what arrives after that is not in the backup. Item numbers of a restored spool go on above all earlier
ones, so no position in a newer database hides what comes.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from milepost.errors import Conflict, Invalid, NotFound
from milepost.settings import Settings
from milepost.times import now_ms, to_rfc3339

MANIFEST = "backup.json"
_VERSION = 1
_BROKER = "broker"
_NOT_KEPT = ("nats.conf", "nats.log", "users.conf.lock")  # of the broker's folder: made anew at every start


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup holds: bytes by file name, and what it does not hold."""

    files: dict[str, int]
    elsewhere: list[str]


def back_up(settings: Settings, target: Path, told: Callable[[str], object]) -> Copied:
    """Copy all databases and accounts of the data folder into the new folder `target`; the service may run.

    `told`: gets the name of each file as it begins. The folder has its name only once every copy is whole and synced.
    Raises Conflict when there is one, NotFound without a data folder, Invalid for a database that is damaged.
    """
    source = settings.data_dir
    if not source.is_dir():
        raise NotFound(f"there is no folder {source}; name the service's one by --data")
    if target.exists():
        raise Conflict(f"{target} is there already; a backup goes into a folder of its own")
    aside = target.with_name(f".{target.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True, mode=0o700)
    for database in _databases(source):
        told(database.name)
        _copy_database(database, aside / database.name)
    for file in _accounts(source):
        (aside / _BROKER).mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(file, aside / _BROKER / file.name)
        _synced(aside / _BROKER / file.name)
    sums = {name: _sha256(aside / name) for name in _names(aside)}
    manifest = {"version": _VERSION, "made_at": to_rfc3339(now_ms()), "sha256": sums}
    (aside / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _synced(aside / MANIFEST)
    aside.rename(target)
    _synced(target.parent)
    return Copied({name: (target / name).stat().st_size for name in sums}, _elsewhere(settings))


def _databases(folder: Path) -> list[Path]:
    """Every SQLite file of the folder, spools first."""
    return sorted(folder.glob("*.db"), key=lambda path: (not path.name.startswith("spool"), path.name))


def _accounts(folder: Path) -> Iterator[Path]:
    if (folder / _BROKER).is_dir():
        for path in sorted((folder / _BROKER).iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.name not in _NOT_KEPT:
                yield path


def _copy_database(source: Path, target: Path) -> None:
    """One consistent snapshot in one step: writers of a WAL database go on meanwhile."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30) as old, sqlite3.connect(target) as new:
        try:
            old.backup(new, pages=-1)
            found = new.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            found = str(error)
    old.close()
    new.close()
    if found != "ok":
        raise Invalid(f"{source} is damaged ({found}); the backup was not finished, keep the one before")
    _synced(target)


def _elsewhere(settings: Settings) -> list[str]:
    """What this installation keeps where a copy of files does not reach."""
    found = []
    if not settings.sql_url.startswith("sqlite"):
        found.append("orders, fleet and evidence lie in PostgreSQL: run pg_dump now, after this")
    if settings.telemetry_url is not None:
        found.append("readings lie in InfluxDB: run `influx backup` now, after this")
    return found


def put_back(backup: Path, settings: Settings, *, force: bool) -> Path | None:
    """Bring a data folder to the state of a backup. The service must not run.

    With `force` what is there is moved aside, into the folder returned; without it a folder that holds databases is
    left alone. Raises Conflict then and while a program has its databases open; Invalid for a backup that is not whole.
    """
    names = _checked(backup)
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    there = [path for path in (*folder.glob("*.db*"), folder / _BROKER) if path.exists()]
    aside = None
    if there:
        if not force:
            raise Conflict(f"{folder} holds databases already; restore elsewhere, or move them aside with --force")
        for database in _databases(folder):
            _nobody_uses(database)
        aside = folder / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        aside.mkdir(mode=0o700)
        # Listed again: closing the databases has taken their journals away.
        for path in [path for path in (*folder.glob("*.db*"), folder / _BROKER) if path.exists()]:
            path.rename(aside / path.name)
    for name in names:
        target = folder / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(backup / name, target)
        _synced(target)
    _synced(folder)
    return aside


def _checked(backup: Path) -> list[str]:
    """The files of a backup, each as its sum says."""
    try:
        manifest = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
        sums: dict[str, str] = manifest["sha256"]
        version = manifest["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{backup}: is no backup of `milepost backup` ({error})") from None
    if version != _VERSION:
        raise Invalid(f"{backup}: is of form {version}, this program knows {_VERSION}; restore it with its own release")
    for name, wanted in sums.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Invalid(f"{backup}: names a file outside of it, {name!r}")
        if not (backup / name).is_file() or _sha256(backup / name) != wanted:
            raise Invalid(f"{backup / name}: is missing or is not what was backed up; take another backup")
    return list(sums)


def _nobody_uses(database: Path) -> None:
    """Raises Conflict while another program has this database open."""
    conn = sqlite3.connect(database, timeout=1)
    try:
        # Leaving WAL needs the file alone.
        mode = conn.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        mode = str(error)
    except sqlite3.DatabaseError:
        mode = "delete"  # damaged: a reason to restore
    finally:
        conn.close()
    if mode != "delete":
        raise Conflict(f"{database} is in use ({mode}); stop the service first")


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _synced(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
