"""The composition root: here, and only here, the parts of the service are put together.

What runs against the direction of imports (ingest feeding sinks above it, detectors moving orders) is wired here.
"""

import os
import secrets
import signal
import socket
import threading
import time
from importlib.metadata import version
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from milepost import http
from milepost.access import api as access_api
from milepost.access import once
from milepost.access.scope import install_guard
from milepost.alerts import api as alerts_api
from milepost.alerts import service as inbox
from milepost.broker import EmbeddedBroker
from milepost.clocks import api as clocks_api
from milepost.clocks import service as clocks
from milepost.db import Database
from milepost.evidence import api as evidence_api
from milepost.evidence.sink import DetectorSink
from milepost.fleet import api as fleet_api
from milepost.fleet.accounts import BrokerAccounts, Mosquitto, NatsFile
from milepost.fleet.outgoing import Outgoing
from milepost.ingest import api as ingest_api
from milepost.ingest.contact import StateSink
from milepost.ingest.service import Ingest, broker_of
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.live import api as live_api
from milepost.live.announce import announcer
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost.masterdata import api as masterdata_api
from milepost.notify import api as notify_api
from milepost.notify import service as notify
from milepost.orders import api as orders_api
from milepost.orders import history, projector
from milepost.orders import service as orders
from milepost.orders.model import Calendar
from milepost.periodic import Periodic
from milepost.plan import api as plan_api
from milepost.reports import api as reports_api
from milepost.reports import service as reports
from milepost.settings import Settings
from milepost.telemetry import api as telemetry_api
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.stores import open_store
from milepost.web import api as web_api

_APIS = (
    access_api,
    ingest_api,
    telemetry_api,
    fleet_api,
    masterdata_api,
    plan_api,
    evidence_api,
    orders_api,
    clocks_api,
    notify_api,
    alerts_api,
    reports_api,
    live_api,
    web_api,
)
_START_S = 15


def create_api(db: Database, settings: Settings) -> FastAPI:
    """The HTTP application over a database whose schema is current. Starts no thread and no broker.

    Endpoints that need a running part (`app.state.ingest`, `.telemetry`, `.live`, `.accounts`) say so when it is
    absent.
    """
    api = FastAPI(
        title="Milepost",
        version=version("milepost"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's pages of the API load their scripts from elsewhere; nothing here does
        redoc_url=None,
    )
    api.state.db = db
    api.state.settings = settings
    install_guard(db.engine)
    history.install()
    projector.use_calendar(Calendar(settings.time_zone))
    clocks.use()
    clocks.install()
    notify.install()
    inbox.install()
    reports.install()
    http.install(api)
    for each in _APIS:
        api.include_router(each.router, responses=http.PROBLEMS)
    return api


class Service:
    """One process that does everything: broker (unless you bring your own), ingest, detectors, pages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.db = Database(settings.sql_url)
        self.broker: EmbeddedBroker | None = None
        self.accounts: BrokerAccounts | None = None
        self.url = ""
        self.broker_address = ""

    def start(self) -> None:
        """Bring the schema up to date and start every part; returns when pages are served and ingest is subscribed.

        Raises BrokerError or OSError when the broker or the HTTP port is not to be had.
        """
        self.db.migrate()
        self.spool = Spool(self.settings.data_dir / "spool.db")
        self.telemetry = open_store(self.settings, self.db)
        self.live = LiveHub(FleetTargets(self.db), spool_end=self.spool.last_id())
        orders.subscribe(announcer(self.live))
        self.live.load(self.telemetry.latest().values())
        outgoing = Outgoing(self.db, self._to_device)
        self.ingest = Ingest(
            self.settings,
            self.spool,
            [
                TelemetrySink(self.telemetry, self.spool.key),
                DetectorSink(self.db, orders.on_facts, self.telemetry, self.spool.key),
                StateSink(self.db, self.spool, outgoing.came_online),
                self.live,
            ],
            self._open_broker(),
        )
        self._rounds = [
            Periodic("outgoing", 0.25, outgoing.round),
            Periodic("wake", 0.5, lambda: clocks.wake(self.db)),
            Periodic("keys", 3600.0, lambda: once.forget(self.db)),
            Periodic("notices", 1.0, lambda: notify.deliver(self.db)),
        ]
        self.live.start()
        self.ingest.start()
        for each in self._rounds:
            each.start()
        self._serve()
        self.ingest.wait_ready(_START_S)

    def stop(self) -> None:
        """Stop every part in the order of the data: first what receives, last what stores."""
        self._server.should_exit = True
        self._http.join(10)
        self.ingest.stop()
        for each in self._rounds:
            each.stop()
        self.live.stop()
        if self.broker is not None:
            self.broker.stop()
        self.spool.close()
        self.telemetry.close()
        self.db.close()

    def _open_broker(self) -> Broker:
        """The place and the account that ingest uses: your broker, else the embedded one, started here."""
        if self.settings.broker_url:
            broker = broker_of(self.settings)
            self.broker_address = f"mqtt://{broker.host}:{broker.port}"
            self.accounts = _mosquitto_accounts(self.settings)
            return broker
        listen = self.settings.embedded_broker_host or self.settings.http_host
        self.broker = EmbeddedBroker(self.settings.data_dir, self.settings.embedded_broker_port, listen)
        self.accounts = NatsFile(self.broker.users_file, self.broker.reload)
        password = _kept_secret(self.settings.data_dir / "broker" / "ingest.password")
        self.accounts.service(self.settings.broker_user, password)
        host, port = self.broker.start()
        self.broker_address = f"mqtt://{host}:{port}"
        return Broker(host, port, self.settings.broker_user, password)

    def _to_device(self, device_id: str, leaf: str, payload: bytes, retain: bool) -> None:
        self.ingest.publish(device_id, leaf, payload, retain)  # which stands between its sinks and what they cause

    def _serve(self) -> None:
        api = create_api(self.db, self.settings)
        api.state.ingest = self.ingest
        api.state.telemetry = self.telemetry
        api.state.live = self.live
        api.state.accounts = self.accounts
        listener = socket.create_server((self.settings.http_host, self.settings.http_port))
        host, port = listener.getsockname()[:2]
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        self._server = uvicorn.Server(
            uvicorn.Config(api, log_level="warning", timeout_graceful_shutdown=3, ws="websockets-sansio")
        )
        self._http = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
        self._http.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._http.is_alive():
                raise OSError(f"the pages did not come up on {self.url} in {_START_S} s; see the log above")
            time.sleep(0.02)


def _mosquitto_accounts(settings: Settings) -> BrokerAccounts | None:
    """Accounts on your own Mosquitto when its files are named; else they are yours to make (docs/operations.md)."""
    passwords, rules, pid_file = (
        settings.mosquitto_password_file,
        settings.mosquitto_acl_file,
        settings.mosquitto_pid_file,
    )
    if passwords is None or rules is None or pid_file is None:
        return None
    return Mosquitto(passwords, rules, lambda: os.kill(int(pid_file.read_text()), signal.SIGHUP))


def _kept_secret(path: Path) -> str:
    """A random secret, made once and readable by the owner alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()
