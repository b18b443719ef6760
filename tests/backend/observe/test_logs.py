"""Logs: one form for every line, a batch is found by its name, and no secret or payload is ever in them."""

import io
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost import logs
from milepost.access import service as access
from milepost.access.model import Grant
from milepost.ingest.model import SpoolItem
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms

from ..ingest.conftest import STREAM, batch, drive, fix, until
from .conftest import Asked


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON, with all levels of our own; afterwards all is as it was."""
    root, found = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    logs.set_up("json", "debug", found)
    yield found
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("milepost", "milepost_tools", "milepost_hil"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_for_collectors_is_one_object_with_its_fields(lines: io.StringIO) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("milepost.ingest.x").exception(
            "two\nlines %s", "中", extra=logs.about(device="truck-1", count=2)
        )
    (line,) = lines.getvalue().splitlines()
    said = json.loads(line)
    assert {key: said[key] for key in ("level", "place", "text", "device", "count")} == {
        "level": "error", "place": "ingest.x", "text": "two\nlines 中", "device": "truck-1", "count": 2,
    }  # fmt: skip
    assert said["at"].endswith("Z")
    assert said["error"].endswith("ValueError: odd")


def test_a_line_for_people_says_the_same() -> None:
    record = logging.LogRecord("milepost.ingest.x", logging.INFO, "", 0, "what %s", ("happened",), None)
    record.created, record.fields = 1_772_424_306.789, {"device": "truck-1", "seq": 4}
    text = "2026-03-02T04:05:06.789Z INFO ingest.x: what happened (device=truck-1, seq=4)"
    assert logs.Text().format(record) == text


def test_libraries_are_heard_from_warning_on_and_we_at_our_level(lines: io.StringIO) -> None:
    logs.set_up("text", "warning", lines)  # again: in place of the first, not beside it
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("milepost.x").info("detail")
    logging.getLogger("some.library").warning("trouble")
    logging.getLogger("milepost.x").warning("more trouble")
    assert [line.split(": ")[1] for line in lines.getvalue().splitlines()] == ["trouble", "more trouble"]


def test_a_password_in_an_address_is_left_out(lines: io.StringIO) -> None:
    log = logging.getLogger("milepost.x")
    log.error("cannot reach %s", "postgresql+psycopg://milepost:s3cr3t@db/milepost")
    try:
        raise OSError("no answer of mqtt://mp-ingest:s3cr3t@broker:1883")
    except OSError:
        log.exception("broken")
    assert "s3cr3t" not in lines.getvalue()
    assert "mqtt://mp-ingest:…@broker:1883" in lines.getvalue()


def test_whoever_sends_much_that_is_bad_does_not_flood_the_log() -> None:
    sparing = logs.Sparing(3)
    assert [sparing.may() for _ in range(5)] == [True, True, True, False, False]


def test_the_way_of_a_batch_is_found_by_device_stream_and_seq_and_nothing_secret_stands_beside_it(
    lines: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"metrics": "secret-of-metrics", "device": "device-password", "person": "correct horse battery"}
    asked = Asked(tmp_path, monkeypatch, metrics_token=secrets["metrics"])
    secrets["broker"] = (tmp_path / "broker" / "ingest.password").read_text()
    with asked.service.db.tx() as conn:
        stored = access.hash_password(secrets["person"])
        access.create_person(
            conn, login="boss", name="Boss", password_hash=stored, grants=[Grant("engineer")], now=now_ms()
        )
    answer = asked.http.post("/api/v1/auth/login", json={"login": "boss", "password": secrets["person"]})
    secrets["session"] = answer.json()["token"]
    asked.http.get("/api/v1/ingest", headers={"Authorization": f"Bearer {secrets['session']}"})
    asked.http.get("/metrics", headers={"Authorization": f"Bearer {secrets['metrics']}"})
    asked.http.get("/api/v1/osmand", params={"id": "x", "lat": 1, "lon": 2, "token": "secret-of-phone"})
    secrets["phone"] = "secret-of-phone"
    fails = [True]

    def handle(self: TelemetrySink, items: list, whole=TelemetrySink.handle) -> None:
        if fails:
            fails.pop()
            raise OSError("the store is away for a moment")
        whole(self, items)

    monkeypatch.setattr(TelemetrySink, "handle", handle)
    device = asked.device("truck-1")
    junk = bytes(random.Random(1).choices(range(97, 123), k=300))
    device.send(junk)
    device.send(b'{"no": "state", "at": ' + junk, leaf="state")
    payload = drive(11, 10, tail=11)
    device.send(payload)
    until(lambda: device.acknowledged(20))
    assert asked.service.ingest.drained()
    asked.close()
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    way = [line for line in said if (line.get("device"), line.get("stream")) == ("truck-1", STREAM)]
    # A sink may be quicker than the receiver's next word.
    own = [line for line in way if line["text"] != "sunk"]
    steps = [line["text"] for line in own if line.get("first_seq", line.get("safe_to")) in (11, 20)]
    assert steps[:4] == ["received", "spooled", "acked", "told"]
    sinks = {line["sink"] for line in way if line["text"] == "sunk"}
    assert sinks >= {"screen", "telemetry", "evidence", "state", "live"}
    rare = [line for line in said if line["level"] != "debug"]
    assert any("dead letters" in line["text"] and line["reason"] == "magic" for line in rare)
    assert any("sink telemetry failed" in line["text"] for line in rare)
    assert len(rare) < 40, "at info and above only what is rare"
    text = lines.getvalue()
    for name, secret in secrets.items():
        assert secret not in text, name
    assert junk[:16].decode() not in text
    assert payload.hex()[:24] not in text
    assert repr(payload)[2:20] not in text


def test_the_service_logs_as_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same settings for every verb, by the environment."""
    from click.testing import CliRunner  # noqa: PLC0415

    from milepost import cli  # noqa: PLC0415

    told: list[tuple[str, str]] = []
    monkeypatch.setattr(logs, "set_up", lambda form="text", level="info", stream=None: told.append((form, level)))
    monkeypatch.setenv("MILEPOST_LOG_FORMAT", "json")
    CliRunner().invoke(cli.main_group, ["requirements", "--help"])
    assert told == [("json", "warning")]
    monkeypatch.setenv("MILEPOST_LOG_LEVEL", "debug")
    cli._settings(data=tmp_path)
    assert told[-1] == ("json", "debug")


def test_quarantine_is_told_in_sums(lines: io.StringIO, tmp_path: Path) -> None:
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    sink = TelemetrySink(store)
    fixes = [fix(1), fix(2, lat_e6=40_000_000), fix(3), fix(4, lat_e6=0, lon_e6=0), fix(5, lat_e6=0, lon_e6=0)]
    sink.handle([SpoolItem(1, "truck-1", "up", now_ms(), batch(fixes))])
    sink.tick()
    sink.tick()
    said = [line for line in map(json.loads, lines.getvalue().splitlines()) if "quarantine" in line["text"]]
    assert [(line["level"], line["spike"], line["null_island"]) for line in said] == [("info", 1, 2)]
    store.close()
