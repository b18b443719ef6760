"""Every answer of the server has its consequence: one bad line never costs its batch, nothing is retried blindly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from milepost.db import Database
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_place import place_of
from milepost.telemetry.influx_query import QueryReader
from milepost.telemetry.influx_setup import SetUp, set_up
from milepost.telemetry.influx_write import InfluxAway, InfluxMisconfigured, LineWriter
from milepost.telemetry.model import FixBody, Reading
from milepost.times import now_ms
from milepost_tools.bench.influxd import ADMIN, Influxd

DAY_MS = 86_400_000


def fix(seq: int, at: int | None = None, received_at: int | None = None) -> Reading:
    moment = now_ms() - 60_000 + seq if at is None else at
    body = FixBody(31.2304, 121.4737, 4.0, 13.4, 90.0, 9, 0.9)
    return Reading("truck-1", 1, seq, "fix", moment, "gnss", received_at or moment, body)


@pytest.fixture
def ready(influxd: Influxd, request: pytest.FixtureRequest) -> SetUp:
    """Buckets of a day with tokens of least rights."""
    return set_up(influxd.url(f"a-{request.node.name}"), ADMIN, raw_days=1, minute_days=2)


@pytest.fixture(params=[True, False], ids=["packed", "plain"])
def writer(ready: SetUp, request: pytest.FixtureRequest) -> Iterator[LineWriter]:
    made = LineWriter(ready.place, ready.write_token, packed=request.param)
    yield made
    made.close()


@pytest.fixture
def reader(ready: SetUp) -> Iterator[QueryReader]:
    made = QueryReader(ready.place, ready.read_token)
    yield made
    made.close()


@pytest.fixture
def store(influxd: Influxd, ready: SetUp, db: Database) -> Iterator[InfluxTelemetry]:
    made = InfluxTelemetry(influxd.url(ready.place.bucket), ready.write_token, ready.read_token, db, raw_days=1)
    yield made
    made.close()


def lines(values: list[str], measurement: str = "m") -> list[str]:
    start = time.time_ns() - len(values)
    return [f"{measurement},device=a v={value} {start + n}" for n, value in enumerate(values)]


def stored(reader: QueryReader, bucket: str, measurement: str = "m") -> int:
    found = reader.series(bucket, f"SELECT count(v) FROM {measurement}")[0]
    return found[0].values[0][1] if found else 0


def test_one_bad_line_never_costs_its_batch(writer: LineWriter, reader: QueryReader, ready: SetUp) -> None:
    values = [f"{n}i" for n in range(300)]
    for bad, value in ((0, "nonsense"), (171, "NaN"), (172, "9223372036854775808i"), (299, "")):
        values[bad] = value
    outcome = writer.write(ready.place.bucket, lines(values))
    assert [n for n, _ in outcome.refused] == [0, 171, 172, 299]
    assert all("unable to parse" in reason for _, reason in outcome.refused)
    assert stored(reader, ready.place.bucket) == 296


def test_a_field_of_another_type_costs_its_own_line_only(writer: LineWriter, reader: QueryReader, ready: SetUp) -> None:
    assert not writer.write(ready.place.bucket, lines(["1i"])).refused
    outcome = writer.write(ready.place.bucket, lines(["1i"] * 70 + ["1.5"] + ["1i"] * 29))
    assert [n for n, _ in outcome.refused] == [70]
    assert "field type conflict" in outcome.refused[0][1]
    assert stored(reader, ready.place.bucket) == 100


def test_conflicts_of_two_fields_are_all_found_although_the_server_names_one(
    writer: LineWriter, reader: QueryReader, ready: SetUp
) -> None:
    now = time.time_ns()
    writer.write(ready.place.bucket, [f"m,device=a v=1i,w=1i {now}"])
    some = [f"m,device=a v=1i,w=1i {now + n}" for n in range(1, 20)]
    some[3], some[11] = f"m,device=a v=1.5,w=1i {now + 4}", f"m,device=a v=1i,w=1.5 {now + 12}"
    outcome = writer.write(ready.place.bucket, some)
    assert sorted(n for n, _ in outcome.refused) == [3, 11]
    assert stored(reader, ready.place.bucket) == 18


def test_a_batch_that_is_refused_as_a_whole_is_not_asked_about_line_by_line(
    writer: LineWriter, ready: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(ready.place.bucket, lines(["1i"]))
    asked = []
    post = writer._post
    monkeypatch.setattr(writer, "_post", lambda *args: asked.append(1) or post(*args))
    assert len(writer.write(ready.place.bucket, lines(["1.5"] * 1000)).refused) == 1000
    assert len(asked) == 1


def test_what_is_older_than_the_bucket_keeps_is_counted_and_the_rest_is_stored(store: InfluxTelemetry) -> None:
    store.write([fix(1, now_ms() - 3 * DAY_MS), fix(2), fix(3, now_ms() - 2 * DAY_MS)], 7)
    assert (store.expired, store.position()) == (2, 7)
    assert [each.seq for each in store.track("truck-1", 0, 1 << 50)] == [2]
    assert store.status()["state"] == "ok"


def test_expired_and_refused_lines_of_one_batch_are_told_apart(
    writer: LineWriter, reader: QueryReader, ready: SetUp
) -> None:
    now = time.time_ns()
    writer.write(ready.place.bucket, [f"m,device=a v=1i {now}"])
    old = [f"m,device=a v=1i {now - 3 * DAY_MS * 1_000_000 + n}" for n in range(5)]
    outcome = writer.write(ready.place.bucket, [*old, f"m,device=a v=1.5 {now + 1}", f"m,device=a v=2i {now + 2}"])
    assert ([n for n, _ in outcome.refused], outcome.expired) == ([5], 5)
    assert stored(reader, ready.place.bucket) == 2


def test_a_reading_that_the_server_refuses_is_put_aside_with_its_reason_and_holds_nobody(
    store: InfluxTelemetry,
) -> None:
    store.write([fix(1), fix(2, received_at=1 << 63), fix(3)], 5)
    assert store.position() == 5
    assert [each.seq for each in store.track("truck-1", 0, 1 << 50)] == [1, 3]
    assert store.counts("truck-1", 1).stored == 2
    (refused,) = store.refused()
    assert (refused["device"], refused["stream"], refused["seq"], refused["kind"]) == ("truck-1", 1, 2, "fix")
    assert "unable to parse" in refused["reason"]
    assert store.status()["refused"] == 1


def test_refused_lines_can_be_tried_again_once_the_cause_is_gone(
    influxd: Influxd, ready: SetUp, store: InfluxTelemetry
) -> None:
    place = ready.place
    # Somebody else's program has written a field of ours with another type.
    foreign = f"fix,device=x lat_e6=1.5 {time.time_ns()}"
    ask = {"org": place.org, "bucket": place.bucket}
    admin = httpx.Client(base_url=influxd.base_url, headers={"Authorization": f"Token {ADMIN}"})
    admin.post("/api/v2/write", params=ask, content=foreign).raise_for_status()
    store.write([fix(1), fix(2)], 1)
    assert store.status()["refused"] == 2
    assert store.retry_refused() == 0
    found = admin.get("/api/v2/buckets", params={"name": place.bucket}).json()["buckets"][0]
    admin.delete(f"/api/v2/buckets/{found['id']}").raise_for_status()
    again = set_up(influxd.url(place.bucket), ADMIN, raw_days=1, minute_days=2, renew=True)
    admin.close()
    healed = InfluxTelemetry(influxd.url(place.bucket), again.write_token, again.read_token, store._db, raw_days=1)
    assert healed.retry_refused() == 2
    assert [each.seq for each in healed.track("truck-1", 0, 1 << 50)] == [1, 2]
    assert (healed.status()["refused"], healed.counts("truck-1", 1).stored) == (0, 2)
    healed.close()


def test_a_deleted_bucket_holds_the_position_and_nothing_is_dropped(
    influxd: Influxd, ready: SetUp, store: InfluxTelemetry, caplog: pytest.LogCaptureFixture
) -> None:
    store.write([fix(1)], 1)
    admin = httpx.Client(base_url=influxd.base_url, headers={"Authorization": f"Token {ADMIN}"})
    found = admin.get("/api/v2/buckets", params={"name": ready.place.bucket}).json()["buckets"][0]
    admin.delete(f"/api/v2/buckets/{found['id']}").raise_for_status()
    admin.close()
    for _ in range(3):
        with pytest.raises(InfluxMisconfigured, match="milepost telemetry setup"):
            store.write([fix(2)], 2)
    assert (store.position(), store.status()["state"]) == (1, "misconfigured")
    assert sum("misconfigured" in each.message for each in caplog.records) == 1  # told once, not at every try
    again = set_up(influxd.url(ready.place.bucket), ADMIN, raw_days=1, minute_days=2, renew=True)
    healed = InfluxTelemetry(influxd.url(ready.place.bucket), again.write_token, again.read_token, store._db)
    healed.write([fix(2)], 2)
    assert (healed.position(), [each.seq for each in healed.track("truck-1", 0, 1 << 50)]) == (2, [2])
    healed.close()


def test_a_revoked_token_holds_the_position(influxd: Influxd, ready: SetUp, store: InfluxTelemetry) -> None:
    store.write([fix(1)], 1)
    set_up(influxd.url(ready.place.bucket), ADMIN, raw_days=1, minute_days=2, renew=True)
    with pytest.raises(InfluxMisconfigured, match="401"):
        store.write([fix(2)], 2)
    with pytest.raises(InfluxMisconfigured, match="MILEPOST_TELEMETRY_READ_TOKEN"):
        store.track("truck-1", 0, 1 << 50)
    assert store.position() == 1


def test_tokens_have_the_least_rights(influxd: Influxd, ready: SetUp) -> None:
    swapped = LineWriter(ready.place, ready.read_token)
    with pytest.raises(InfluxMisconfigured):
        swapped.write(ready.place.bucket, lines(["1i"]))
    swapped.close()
    blind = QueryReader(ready.place, ready.write_token)
    for ask in (
        lambda: blind.series(ready.place.bucket, "SELECT bits FROM fix"),
        lambda: blind.table(ready.place.bucket, "SELECT bits FROM fix", 1),  # never an empty answer
    ):
        with pytest.raises(InfluxMisconfigured):
            ask()
    blind.close()
    admin = {"Authorization": f"Token {ADMIN}"}
    org = httpx.get(f"{influxd.base_url}/api/v2/orgs", params={"org": ready.place.org}, headers=admin).json()["orgs"][0]
    for token in (ready.write_token, ready.read_token):
        head = {"Authorization": f"Token {token}"}
        made = httpx.post(f"{influxd.base_url}/api/v2/buckets", json={"orgID": org["id"], "name": "x"}, headers=head)
        assert made.status_code in (401, 403)
        assert httpx.get(f"{influxd.base_url}/api/v2/authorizations", headers=head).json()["authorizations"] == []


# --- answers that a healthy InfluxDB on its own does not give: another server in its place ---


@pytest.fixture
def answering() -> Iterator[Callable[..., tuple[LineWriter, list[bytes]]]]:
    """`answering(answer)`: a writer, whose server gives `answer(body) -> (status, headers, text)`, and what it sent."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[bytes], tuple[int, dict, str]]) -> tuple[LineWriter, list[bytes]]:
        sent: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent.append(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, text = answer(sent[-1])
                if status == 0:  # hangs up in the middle
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return LineWriter(place_of(f"influx://127.0.0.1:{servers[-1].server_port}/acme?bucket=raw"), "token"), sent

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 0])
def test_a_server_that_cannot_now_is_asked_again_later(answering, status: int) -> None:
    writer, _ = answering(lambda _: (status, {}, ""))
    with pytest.raises(InfluxAway):
        writer.write("raw", lines(["1i"]))


def test_a_server_that_names_a_pause_is_left_alone_for_it(answering) -> None:
    now = [0.0]
    writer, sent = answering(lambda _: (429, {"Retry-After": "7"}, "slow down"))
    writer._clock = lambda: now[0]
    for _ in range(3):
        with pytest.raises(InfluxAway):
            writer.write("raw", lines(["1i"]))
    assert len(sent) == 1
    now[0] = 7.5
    with pytest.raises(InfluxAway):
        writer.write("raw", lines(["1i"]))
    assert len(sent) == 2


def test_a_request_that_is_wrong_in_itself_puts_no_line_aside(answering) -> None:
    writer, _ = answering(lambda _: (400, {}, json.dumps({"code": "invalid", "message": "that is no way to ask"})))
    with pytest.raises(InfluxMisconfigured, match="no way to ask"):
        writer.write("raw", lines(["1i"] * 10))


def test_a_request_that_is_too_large_is_sent_in_parts(answering) -> None:
    writer, sent = answering(lambda body: (413, {}, "too large") if len(body) > 120 else (204, {}, ""))
    outcome = writer.write("raw", [*lines([f"{n}i" for n in range(64)]), "m v=" + "".join(map(str, range(500)))])
    assert [n for n, _ in outcome.refused] == [64]
    assert len(sent) > 2


def test_nobody_there_is_away(answering) -> None:
    writer = LineWriter(place_of("influx://127.0.0.1:9/acme"), "token")
    with pytest.raises(InfluxAway, match="cannot be reached"):
        writer.write("raw", lines(["1i"]))
