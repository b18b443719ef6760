"""Ours → InfluxDB beside Telegraf → InfluxDB: the same fixes, one influxd, one kind of broker, in turns.

Telegraf takes the fixes as line protocol, 60 in a message, and checks nothing. Ours takes the same 60 in a batch of the
wire, and a run ends when everything has them: store, quality, detectors, state and live board. Both are connected, and
have taken one message of every truck, before the clock starts; what counts is the time from the first message after
that until the last fix can be asked for. Each turn has a bucket, a broker and a database of its own.

There are 10,000 messages, which Telegraf needs ten seconds for: it takes 5,000 ahead of what it has written, and fewer
than that measure how fast it reads, not how fast it stores. Whether all is stored is asked in the same way of both, and
so that the asking costs the server little: first the last minute of the trucks, then, once that is there, everything.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from milepost.telemetry.influx_query import QueryReader, span
from milepost.telemetry.influx_setup import SetUp, set_up
from milepost_device import wire
from milepost_tools.bench.influxd import ADMIN, Influxd, NoInfluxd
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.fleet import Drive
from milepost_tools.bench.ingest.house import House
from milepost_tools.bench.ingest.sender import Sender
from milepost_tools.bench.telegraf_build import NoTelegraf, telegraf
from milepost_tools.served import until

_FIXES = 60  # in a message
_TRUCKS = 200
_LONGEST_S = 300
_CONFIG = """
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 2000000
  omit_hostname = true
  quiet = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://{host}:{port}"]
  username = "{user}"
  password = "{password}"
  topics = ["mp/v1/+/+/up"]
  client_id = "telegraf"
  qos = 1
  persistent_session = true
  max_undelivered_messages = 5000
  topic_tag = ""
  data_format = "influx"
[[outputs.influxdb_v2]]
  urls = ["{url}"]
  organization = "{org}"
  bucket = "{bucket}"
  token = "{token}"
"""


def measure(messages: int = 10_000, turns: int = 4) -> dict:
    """The row `influx_fixes_per_s_over_telegraf`: our fixes/s over Telegraf's of the run beside it, of `turns` such
    pairs of `messages` each the median: a host's speed may change by a third from one minute to the next.

    Where there is no influxd or no Telegraf the value is None and `why` says so.
    """
    row = {"metric": "influx_fixes_per_s_over_telegraf", "value": None, "unit": "ratio", "baseline": None}
    try:
        program = telegraf()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            server = Influxd(Path(folder) / "influxd")
            server.start()
            try:
                server.onboard()
                theirs, ours = [], []
                pipelines = [("telegraf", theirs, partial(_telegraf_run, program)), ("ours", ours, _our_run)]
                for turn in range(turns):
                    for name, rates, run in pipelines:
                        rates.append(run(Path(folder) / f"{name}-{turn}", server, messages))
                    pipelines.reverse()  # neither is always the one that comes second
            finally:
                server.kill()
    except (NoTelegraf, NoInfluxd) as reason:
        return row | {"why": str(reason)}
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    name = (
        f"Telegraf, 60 fixes a message, unchecked: {median(theirs):,.0f} fixes/s; ours {median(ours):,.0f};"
        f" pairs {min(ratios):.2f} to {max(ratios):.2f}"
    )
    return row | {"value": round(median(ratios), 2), "baseline": {"name": name, "value": 1}}


def _telegraf_run(program: Path, folder: Path, server: Influxd, messages: int) -> float:
    """Fixes per second of Telegraf."""
    house = House(folder)
    made = _buckets(server, folder.name)
    place = house.place
    config = folder / "telegraf.conf"
    config.write_text(
        _CONFIG.format(
            host=place.host, port=place.port, user=place.user, password=place.password, url=server.base_url,
            org=made.place.org, bucket=made.place.bucket, token=made.write_token,
        )
    )  # fmt: skip
    with (folder / "telegraf.log").open("w") as log:
        process = subprocess.Popen([program, "--config", config], stdout=log, stderr=log)
    trucks, counter = _Trucks(messages), _Counter(made, "lat")
    try:
        _wait_for_first(made, house)
        took_s = _flood(house, list(_lines(trucks, messages)), trucks, counter, lambda: True)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{(folder / 'telegraf.log').read_text()[-1000:]}") from None
    finally:
        process.terminate()
        process.wait(30)
        counter.close()
        house.stop()
    return messages * _FIXES / took_s


def _our_run(folder: Path, server: Influxd, messages: int) -> float:
    """Fixes per second of ours, everything on."""
    made = _buckets(server, folder.name)
    settings = {
        "MILEPOST_TELEMETRY_URL": server.url(made.place.bucket),
        "MILEPOST_TELEMETRY_TOKEN": made.write_token,
        "MILEPOST_TELEMETRY_READ_TOKEN": made.read_token,
    }
    house = House(folder, settings=settings)
    house.register(_TRUCKS)
    trucks, counter = _Trucks(messages), _Counter(made, "bits")
    try:
        house.start()
        batches = list(fleet.rounds(trucks.drives, messages // _TRUCKS + 1, _FIXES))
        took_s = _flood(house, batches, trucks, counter, lambda: not any(house.lags().values()))
    finally:
        counter.close()
        house.stop()
    return messages * _FIXES / took_s


def _buckets(server: Influxd, name: str) -> SetUp:
    return set_up(server.url(name), ADMIN, raw_days=30, minute_days=400)


class _Trucks:
    """What drives: so far in the past that no fix of so many messages lies in the future."""

    def __init__(self, messages: int) -> None:
        self._start_s = fleet.now_s() - 2 * (messages + _TRUCKS) * _FIXES // _TRUCKS - 100
        self.drives = [Drive(n, self._start_s) for n in range(_TRUCKS)]

    def last_message_ms(self, messages: int) -> int:
        """Behind this instant (UTC ms) lies only the last of so many messages of each truck."""
        return (wire.EPOCH + self._start_s + (messages // _TRUCKS - 1) * _FIXES) * 1000 + 1


class _Counter:
    """Asks how much is stored, over one connection."""

    def __init__(self, made: SetUp, field: str) -> None:
        self._reader = QueryReader(made.place, made.read_token)
        self._bucket, self._field = made.place.bucket, field

    def close(self) -> None:
        self._reader.close()

    def has(self, messages: int, trucks: _Trucks) -> bool:
        """Whether all fixes of the first so many messages are stored."""
        last = span(trucks.last_message_ms(messages), 1 << 62)
        return self._count(f" WHERE {last}") == _TRUCKS * _FIXES and self._count("") == messages * _FIXES

    def _count(self, condition: str) -> int:
        query = f"SELECT count({self._field}) FROM fix{condition}"
        found = self._reader.series(self._bucket, query)[0]
        return found[0].values[0][1] if found else 0


def _flood(
    house: House, messages: list[tuple[str, bytes]], trucks: _Trucks, counter: _Counter, done: Callable[[], bool]
) -> float:
    """Publish one message of every truck, then, when these are stored, all others; returns the seconds that those took
    from the first byte until all is stored and `done()`."""
    sender = Sender(house.place, "bench", lambda *_: None)
    sender.connect()

    def publish(some: list[tuple[str, bytes]], sent: int) -> float:
        begin = time.monotonic()
        sender.send(some)
        until(
            lambda: done() and counter.has(sent, trucks),
            _LONGEST_S, lambda: f"of {sent} messages not all are stored", pause_s=0.25,
        )  # fmt: skip
        return time.monotonic() - begin

    try:
        publish(messages[:_TRUCKS], _TRUCKS)
        return publish(messages[_TRUCKS:], len(messages))
    finally:
        sender.close()


def _wait_for_first(made: SetUp, house: House) -> None:
    """Wait until Telegraf takes messages: it subscribes some time after its start."""
    sender = Sender(house.place, "probe", lambda *_: None)
    sender.connect()
    reader = QueryReader(made.place, made.read_token)

    def arrived() -> bool:
        sender.send([("probe", b"probe,device=probe v=1")])
        return bool(reader.series(made.place.bucket, "SELECT count(v) FROM probe")[0])

    until(arrived, 60, lambda: "Telegraf does not store its first message", pause_s=0.5)
    reader.close()
    sender.close()


def _lines(trucks: _Trucks, messages: int) -> Iterator[tuple[str, bytes]]:
    """The same fixes as line protocol: tag device, nine fields."""
    for _ in range(messages // _TRUCKS + 1):
        for drive in trucks.drives:
            yield drive.device, "\n".join(_line(drive.device, drive.fix()) for _ in range(_FIXES)).encode()


def _line(device: str, fix: wire.Fix) -> str:
    lat, lon, alt_m = (fix.lat_e6 or 0) / 1e6, (fix.lon_e6 or 0) / 1e6, float(fix.alt_m or 0)
    speed_mps, course_deg, hdop = (fix.speed_dmps or 0) / 10, (fix.course_2deg or 0) * 2.0, (fix.hdop_d or 0) / 10
    return (
        f"fix,device={device} lat={lat},lon={lon},alt_m={alt_m},speed_mps={speed_mps},course_deg={course_deg},"
        f"sats={fix.sats}i,hdop={hdop},source={fix.source}i,clock={fix.clock}i {(wire.EPOCH + fix.t) * 1_000_000_000}"
    )
