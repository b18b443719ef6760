"""/metrics: what is counted is what happened, and the names keep the rules of Prometheus."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from milepost.settings import Settings
from milepost.tally import Tally

from ..ingest.conftest import batch, drive, fix, until
from .conftest import Asked

_LABELS = {"round", "sink", "reason", "method", "route", "code", "check", "state", "le", "process", "version"}
_UNITS = ("_seconds", "_bytes", "_items", "_messages", "_info", "_total", "_ready", "_withheld", "_open", "_up")
_PLAIN = {"milepost_notices", "milepost_live_viewers", "milepost_broker_sessions_wanted"}  # a number of something named


def figures(asked: Asked, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = asked.http.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def driven(asked: Asked) -> Iterator[Asked]:
    """After some batches, a repeat, junk, a jump that goes into quarantine, and a few requests."""
    device = asked.device("truck-1")
    for first in range(1, 100, 10):
        device.send(drive(first, 10))
    device.send(drive(1, 10))
    device.send(b"junk")
    device.send(b"other junk")
    device.send(batch([fix(101), fix(102, lat_e6=40_000_000), fix(103)], 101))
    until(lambda: device.acknowledged(103))
    assert asked.service.ingest.drained()
    asked.http.get("/api/v1/orders/none-such")
    asked.http.get("/no/such/page")
    asked.http.get("/healthz")
    until(lambda: figures(asked)["milepost_spool_items", ()] == 0)
    # Asked of the database in the background.
    until(lambda: ("milepost_dead_letters_open", ("short",)) in figures(asked))
    yield asked


def test_what_arrived_is_counted_once_and_what_was_bad_by_its_reason(driven: Asked) -> None:
    found = figures(driven)
    assert found["milepost_ingest_messages_total", ()] == 14
    assert found["milepost_ingest_records_total", ()] == 103
    assert found["milepost_ingest_duplicate_records_total", ()] == 10
    assert found["milepost_ingest_dead_letters_total", ("short",)] == 2
    assert found["milepost_dead_letters_open", ("short",)] == 2
    assert found["milepost_telemetry_readings_total", ()] >= 103
    assert found["milepost_telemetry_quarantined_fixes_total", ("spike",)] >= 1
    assert found["milepost_sink_items_total", ("telemetry",)] == 11


def test_how_long_it_took_is_known_from_the_arrival_to_the_acknowledgement(driven: Asked) -> None:
    found = figures(driven)
    groups = found["milepost_ingest_group_messages_count", ()]
    assert 1 <= groups <= 14
    assert found["milepost_ingest_group_messages_sum", ()] == 14
    assert (
        found["milepost_ingest_synced_seconds_count", ()] == groups == found["milepost_ingest_acked_seconds_count", ()]
    )
    assert 0 < found["milepost_ingest_synced_seconds_sum", ()] <= found["milepost_ingest_acked_seconds_sum", ()]
    assert found["milepost_telemetry_write_seconds_count", ()] >= 1
    assert found["milepost_sink_handover_seconds_count", ("evidence",)] >= 1


def test_how_the_process_is_can_be_read_without_asking_it_more(driven: Asked) -> None:
    found = figures(driven)
    assert found["milepost_broker_sessions_up", ()] == found["milepost_broker_sessions_wanted", ()] == 32
    assert found["milepost_ingest_withheld", ()] == 0
    assert found["milepost_disk_free_bytes", ()] > 0
    assert found["milepost_spool_bytes", ()] > 0
    assert found["milepost_spool_oldest_seconds", ()] == 0
    assert found["milepost_clock_wake_lag_seconds", ()] == 0
    assert found["milepost_notices", ("queued",)] == 0
    assert found["milepost_live_viewers", ()] == 0
    assert found["milepost_ready", ("database",)] == 1
    before = found["milepost_live_ticks_total", ()]
    until(lambda: figures(driven)["milepost_live_ticks_total", ()] > before)


def test_requests_are_counted_by_route_and_never_by_what_stood_in_it(driven: Asked) -> None:
    found = figures(driven)
    assert found["milepost_http_request_seconds_count", ("GET", "/healthz")] >= 1
    assert found["milepost_http_request_seconds_count", ("GET", "/api/v1/orders/{ref}")] == 1
    assert found["milepost_http_request_seconds_count", ("GET", "other")] == 1
    assert found["milepost_http_answers_total", ("4xx",)] >= 2
    assert not any("none-such" in label for _, labels in found for label in labels)


def test_every_name_has_a_unit_and_a_help_and_no_label_names_a_device(driven: Asked) -> None:
    text = driven.http.get("/metrics").text
    for family in text_string_to_metric_families(text):
        if family.name.startswith("process_"):
            continue
        assert re.fullmatch(r"milepost_[a-z0-9]+(_[a-z0-9]+)*", family.name), family.name
        assert family.documentation.endswith("."), family.name
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.endswith(_UNITS) or name in _PLAIN, name
        assert (family.type == "counter") == name.endswith("_total"), name
        for sample in family.samples:
            assert sample.labels.keys() <= _LABELS, sample
            assert "truck-1" not in sample.labels.values()
    assert "truck-1" not in text


def test_more_devices_and_orders_make_no_more_series(driven: Asked) -> None:
    before = figures(driven).keys()
    for n in range(3):
        driven.device(f"more-{n}").send(drive(1, 10))
        driven.http.get(f"/api/v1/orders/o{n}")
    assert driven.service.ingest.drained()
    assert figures(driven).keys() == before


def test_without_a_token_only_a_program_on_this_host_reads_it(asked: Asked) -> None:
    assert asked.http.get("/metrics").status_code == 200
    for name, value in (("X-Forwarded-For", "10.1.1.1"), ("Forwarded", "for=10.1.1.1"), ("Host", "milepost.example")):
        assert asked.http.get("/metrics", headers={name: value}).status_code == 403, name
        assert asked.http.get("/readyz", headers={name: value}).status_code == 200
        assert all(each.keys() == {"ok"} for each in _checks(asked.http, name, value))
    assert all(each.keys() == {"ok", "detail"} for each in _checks(asked.http, "Host", "127.0.0.1:80"))


def test_with_a_token_its_bearer_reads_it_from_anywhere_and_nobody_else(asked: Asked, tmp_path) -> None:
    api = asked.http  # the same service, with a token from now on
    settings: Settings = asked.service.settings
    held = settings.metrics_token
    settings.metrics_token = Settings(data_dir=tmp_path, metrics_token="of-operators").metrics_token  # pyright: ignore
    try:
        assert api.get("/metrics").status_code == 403
        assert api.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
        far = {"Authorization": "Bearer of-operators", "Host": "milepost.example", "X-Forwarded-For": "10.1.1.1"}
        assert api.get("/metrics", headers=far).status_code == 200
    finally:
        settings.metrics_token = held


def test_a_process_that_only_answers_says_that_nothing_runs_here(client_of) -> None:
    client: TestClient = client_of()
    for path in ("/healthz", "/readyz"):
        assert client.get(path).json()["code"] == "unavailable"


def test_a_tally_counts_each_value_below_its_bounds() -> None:
    tally = Tally((1, 10))
    for value in (0, 1, 1.5, 10, 11, 1e9):
        tally.add(value)
    assert tally.cumulative() == [(1, 2), (10, 4), (float("inf"), 6)]
    assert (tally.count, tally.sum) == (6, 1_000_000_023.5)


def _checks(http: httpx.Client, name: str, value: str) -> list[dict]:
    return list(http.get("/readyz", headers={name: value}).json()["checks"].values())
