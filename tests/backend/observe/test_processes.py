"""Each kind of process answers for itself: an ingest worker on a port of its own, a web worker beside its pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from milepost.app import WebWorker
from milepost.db import Database
from milepost.ingest.foreign import identities
from milepost.observe import observed
from milepost.settings import Settings
from milepost.times import now_ms
from milepost.worker import IngestWorker

from ..ingest.conftest import BrokerHouse, until


class Site:
    """A broker, an ingest worker and a web worker on one folder."""

    def __init__(self, folder: Path, house: BrokerHouse) -> None:
        common: dict[str, Any] = {
            "data_dir": folder,
            "broker_url": f"mqtt://{house.host}:{house.port}",
            "broker_password": "service-password",
        }
        self.house = house
        self.ingest = IngestWorker(Settings(**common, worker="a", metrics_port=0))
        self.web = WebWorker(Settings(**common, worker="w", http_port=0))

    def start(self) -> None:
        self.ingest.start()
        self.web.start()

    def get(self, process: IngestWorker | WebWorker, path: str) -> httpx.Response:
        return httpx.get(process.url + path, trust_env=False, timeout=20)

    def checks(self, process: IngestWorker | WebWorker) -> dict[str, bool]:
        return {name: each["ok"] for name, each in self.get(process, "/readyz").json()["checks"].items()}

    def families(self, process: IngestWorker | WebWorker) -> set[str]:
        return {each.name for each in text_string_to_metric_families(self.get(process, "/metrics").text)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    house = BrokerHouse(tmp_path_factory.mktemp("broker"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(observed, "EVERY_S", 0.2)
        made = Site(tmp_path_factory.mktemp("site"), house)
        made.start()
        yield made
        made.web.stop()
        made.ingest.stop()
    house.server.stop()


def test_each_is_ready_for_the_work_of_its_kind(site: Site) -> None:
    until(lambda: all(site.checks(site.ingest).values()) and all(site.checks(site.web).values()))
    common = {"threads", "database", "schema", "telemetry", "disk", "broker"}
    assert site.checks(site.ingest).keys() == common | {"receiver", "spool", "sinks"}
    assert site.checks(site.web).keys() == common


def test_each_shows_its_own_figures(site: Site) -> None:
    until(lambda: "milepost_spool_bytes" in site.families(site.ingest))
    only_ingest = {"milepost_ingest_messages", "milepost_spool_bytes", "milepost_sink_lag_items"}
    assert only_ingest <= site.families(site.ingest)
    assert not only_ingest & site.families(site.web)
    assert {"milepost_live_viewers", "milepost_live_ticks"} <= site.families(site.web)
    assert "milepost_live_viewers" not in site.families(site.ingest)


def test_a_broker_that_is_gone_makes_both_unready_until_it_is_back(site: Site) -> None:
    site.house.server.stop()
    until(lambda: not site.checks(site.web)["broker"] and not site.checks(site.ingest)["broker"], 30)
    assert site.get(site.web, "/readyz").status_code == 503
    assert site.get(site.web, "/healthz").status_code == 200
    site.house.server.start()
    until(lambda: site.checks(site.web)["broker"] and site.checks(site.ingest)["broker"], 30)


def test_phones_reach_the_ingest_worker_by_its_port_and_are_answered_once_it_is_on_disk(site: Site) -> None:
    db = Database(site.ingest.settings.sql_url)
    with db.tx() as conn:
        secret = identities.add(
            conn, protocol="osmand", identifier="phone-1", device="phone-1", secret=None, open=False, by="test",
            now=now_ms(),
        )  # fmt: skip
    db.close()
    query = f"id=phone-1&lat=31.2&lon=121.4&timestamp={now_ms() // 1000}"
    until(lambda: site.get(site.ingest, f"/api/v1/osmand?{query}&token={secret}").json() == {"stored": 1})
    assert [item.channel for item in site.ingest.ingest.spool.after(0)].count("osmand") >= 1
    refused = site.get(site.ingest, f"/api/v1/osmand?{query}&token=wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    # A web worker has no spool, and says where to go; the worker's port has nothing else of the API.
    assert site.get(site.web, f"/api/v1/osmand?{query}&token={secret}").status_code == 503
    assert site.get(site.ingest, "/api/v1/orders").status_code == 404
    assert site.get(site.ingest, "/").status_code == 404


def test_without_the_option_a_worker_opens_no_port(tmp_path: Path, site: Site) -> None:
    common = {"broker_url": f"mqtt://{site.house.host}:{site.house.port}", "broker_password": "service-password"}
    plain = IngestWorker(Settings(data_dir=tmp_path, worker="b", ingest_parts="0", **common))  # pyright: ignore
    plain.start()
    assert plain.url == ""
    plain.stop()
