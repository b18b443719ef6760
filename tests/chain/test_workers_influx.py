"""Workers with an InfluxDB: each has a process for the telemetry of its parts, and one is killed with its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_setup import set_up
from milepost.times import now_ms
from milepost_device import wire
from milepost_device.wire import part_of
from milepost_tools.bench.influxd import ADMIN, Influxd
from milepost_tools.served import until

from .workers import Fleet, Site, Tracker, Worker

RECORDS = 400


def drive(lon_e6: int) -> list[wire.Fix]:
    start = now_ms() // 1000 - wire.EPOCH - RECORDS - 100
    return [
        wire.Fix(t=start + n, lat_e6=31_230_400 + 90 * n, lon_e6=lon_e6, alt_m=4, speed_dmps=100, course_2deg=0,
                 sats=9, hdop_d=9)
        for n in range(RECORDS)
    ]  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, postgres_url: str, influxd: Influxd) -> Iterator[Site]:
    shared = Site(tmp_path, postgres_url)
    made = set_up(influxd.url("workers"), ADMIN, raw_days=30, minute_days=400)
    shared.env |= {
        "MILEPOST_TELEMETRY_URL": influxd.url("workers"), "MILEPOST_TELEMETRY_TOKEN": made.write_token,
        "MILEPOST_TELEMETRY_READ_TOKEN": made.read_token, "MILEPOST_TELEMETRY_PROCESS": "on",
    }  # fmt: skip
    yield shared
    shared.close()


def apart(worker: Worker) -> list[int]:
    """The processes that a worker has for its telemetry."""
    children = [
        int(pid) for each in Path(f"/proc/{worker.pid}/task").glob("*/children") for pid in each.read_text().split()
    ]
    return [pid for pid in children if b"apart_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_worker_killed_with_its_process_loses_and_doubles_nothing(site: Site) -> None:
    env = site.env
    store = InfluxTelemetry(
        env["MILEPOST_TELEMETRY_URL"], env["MILEPOST_TELEMETRY_TOKEN"], env["MILEPOST_TELEMETRY_READ_TOKEN"], site.db
    )
    workers = [site.worker("ingest", "a", "--parts", "0-7"), site.worker("ingest", "b", "--parts", "8-f")]
    for each in workers:
        each.launch()
    for each in workers:
        each.ready()
    devices = [f"tr-{n}" for n in range(8)]
    assert len({part_of(each) < "8" for each in devices}) == 2  # both have some
    fleet = Fleet(site, [Tracker(each, drive(121_400_000 + n * 9_000)) for n, each in enumerate(devices)], 150)
    try:
        until(lambda: min(fleet.safe.values()) > RECORDS // 4, 60, lambda: fleet.behind)
        (its,), (others,) = map(apart, workers)
        workers[0].kill()
        until(lambda: not Path(f"/proc/{its}").exists(), 10)  # it does not outlive its worker
        workers[0].launch()
        workers[0].ready()
        assert apart(workers[0]) != [its]
        assert apart(workers[1]) == [others]
        until(lambda: not fleet.behind, 60, lambda: fleet.behind)
        until(
            lambda: all(store.counts(each, 77).stored == RECORDS for each in devices), 60,
            lambda: [store.counts(each, 77) for each in devices],
        )  # fmt: skip
        for each in devices:
            found = store.track(each, 0, 1 << 50)
            assert [(one.stream, one.seq) for one in found] == [(77, seq) for seq in range(1, RECORDS + 1)]
    finally:
        fleet.close()
        for each in workers:
            each.stop()
        store.close()
