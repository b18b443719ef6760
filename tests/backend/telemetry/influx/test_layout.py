"""A bucket that an earlier build has filled is never read as if it were ours: its quarantined fixes would pass."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from milepost.db import Database
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_place import Place
from milepost.telemetry.influx_query import QueryReader
from milepost.telemetry.influx_setup import SetUp, set_up
from milepost.telemetry.influx_write import InfluxMisconfigured
from milepost.telemetry.model import FixBody, Reading
from milepost.times import now_ms
from milepost_tools.bench.influxd import ADMIN, Influxd

DAY_MS = 86_400_000


@pytest.fixture
def ready(influxd: Influxd, request: pytest.FixtureRequest) -> SetUp:
    return set_up(influxd.url(f"l-{request.node.name}"), ADMIN, raw_days=1, minute_days=2)


@pytest.fixture
def opened(influxd: Influxd, ready: SetUp, db: Database) -> Iterator[InfluxTelemetry]:
    store = InfluxTelemetry(influxd.url(ready.place.bucket), ready.write_token, ready.read_token, db, raw_days=1)
    yield store
    store.close()


def fix(seq: int) -> Reading:
    return Reading("truck-1", 1, seq, "fix", now_ms() - 60_000 + seq, "gnss", now_ms(), FixBody(31.0, 121.0))


def put(place: Place, bucket: str, line: str) -> None:
    """As somebody else's program."""
    httpx.post(
        f"{place.base_url}/api/v2/write", params={"org": place.org, "bucket": bucket}, content=line,
        headers={"Authorization": f"Token {ADMIN}"},
    ).raise_for_status()  # fmt: skip


def earlier(measurement: str) -> str:
    """A quarantined point as builds before this one wrote it."""
    return f"{measurement},block=0,device=truck-1,stream=1 state=1i,bits=511i {(now_ms() - 9_000) * 1_000_000}"


@pytest.mark.parametrize("kind", ["fix", "gate"])
def test_points_of_an_earlier_build_are_noticed_by_whoever_comes_first(
    ready: SetUp, opened: InfluxTelemetry, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(ready.place, ready.place.bucket, earlier(kind))
    for ask in (
        lambda: opened.write([fix(1)], 1),
        lambda: opened.position() or opened.write([fix(1)], 1),  # as a sink tries again
        opened.retry_refused,
        lambda: opened.track("truck-1", 0, 1 << 50),
        lambda: opened.fixes("truck-1", 0, 1 << 50),
        lambda: opened.quarantined("truck-1", 0, 1 << 50),
        opened.size,
    ):
        with pytest.raises(InfluxMisconfigured, match=f"earlier build.*'state' in {kind}.*export readings.*import"):
            ask()
    assert (opened.position(), opened.status()["state"]) == (0, "misconfigured")  # readings wait, none is lost
    assert sum("readings wait" in each.message for each in caplog.records) == 1  # told once, not at every try


def test_so_are_minutes(ready: SetUp, opened: InfluxTelemetry) -> None:
    put(ready.place, ready.place.minute_bucket, earlier("minute"))
    opened.write([fix(1)], 1)
    assert len(opened.track("truck-1", 0, 1 << 50)) == 1
    with pytest.raises(InfluxMisconfigured, match=r"earlier build.*'state' in minute"):
        opened.fixes("truck-1", 0, 1 << 50)


@pytest.mark.parametrize("minute", [False, True])
def test_setup_says_so_too(influxd: Influxd, ready: SetUp, minute: bool) -> None:
    place = ready.place
    put(place, place.minute_bucket if minute else place.bucket, earlier("minute" if minute else "fix"))
    with pytest.raises(OSError, match="milepost telemetry setup"):
        set_up(influxd.url(place.bucket), ADMIN, raw_days=1, minute_days=2)


def test_a_field_of_that_name_in_what_is_not_ours_bothers_nobody(ready: SetUp, opened: InfluxTelemetry) -> None:
    put(ready.place, ready.place.bucket, earlier("fan"))
    put(ready.place, ready.place.bucket, f"fix,device=x estate=1i {now_ms() * 1_000_000}")
    opened.write([fix(1)], 1)
    assert [each.seq for each in opened.track("truck-1", 0, 1 << 50)] == [1]


def test_it_is_asked_once_of_each_bucket(
    ready: SetUp, opened: InfluxTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    ask: Callable = QueryReader._ask
    monkeypatch.setattr(QueryReader, "_ask", lambda self, *args: asked.append(args[:2]) or ask(self, *args))
    for n in range(3):
        opened.write([fix(n)], n)
        opened.fixes("truck-1", 0, 1 << 50)
        opened.judged("truck-1", 0, 1 << 50)
    keys = [bucket for bucket, query in asked if query.startswith("SHOW")]
    assert sorted(keys) == sorted([ready.place.bucket, ready.place.minute_bucket])
