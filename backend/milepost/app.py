"""The composition root: here, and only here, the parts of the service are put together.

What runs against the direction of imports (ingest feeding sinks above it, detectors moving orders) is wired here.
"""

import secrets
from importlib.metadata import version

from fastapi import FastAPI

from milepost import http
from milepost.access import api as access_api
from milepost.access.scope import install_guard
from milepost.alerts import api as alerts_api
from milepost.clocks import api as clocks_api
from milepost.db import Database
from milepost.evidence import api as evidence_api
from milepost.fleet import api as fleet_api
from milepost.fleet import api_foreign, refusals
from milepost.fleet.accounts import BrokerAccounts
from milepost.fleet.outgoing import Outgoing
from milepost.ingest import api as ingest_api
from milepost.ingest.drain import Drainer
from milepost.ingest.foreign import api as foreign_api
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.live import api as live_api
from milepost.live import news
from milepost.live.feed import Feed, ignitions
from milepost.live.hub import LiveHub
from milepost.live.news import News
from milepost.live.relay import LiveSink
from milepost.live.targets import FleetTargets
from milepost.masterdata import api as masterdata_api
from milepost.notify import api as notify_api
from milepost.observe import api as observe_api
from milepost.observe.figures import Figures
from milepost.observe.observed import Observed
from milepost.observe.requests import CountedRequests, Requests
from milepost.orders import api as orders_api
from milepost.parts import (
    START_S,
    Process,
    database_rounds,
    embedded_broker,
    listen,
    own_accounts,
    sinks_of,
    sinks_of_the_dead,
    worker_rounds,
)
from milepost.periodic import Periodic
from milepost.plan import api as plan_api
from milepost.reports import api as reports_api
from milepost.server import HttpServer
from milepost.settings import Settings
from milepost.telemetry import api as telemetry_api
from milepost.web import api as web_api

_APIS = (
    access_api,
    ingest_api,
    foreign_api,
    telemetry_api,
    fleet_api,
    api_foreign,
    masterdata_api,
    plan_api,
    evidence_api,
    orders_api,
    clocks_api,
    notify_api,
    alerts_api,
    reports_api,
    live_api,
    observe_api,
    web_api,
)


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
    api.state.requests = Requests()
    install_guard(db.engine)
    listen(settings)
    http.install(api)
    api.add_middleware(CountedRequests, requests=api.state.requests)
    for each in _APIS:
        api.include_router(each.router, responses=http.PROBLEMS)
    return api


class _WithPages(Process):
    """A process that serves pages and API."""

    def _serve(self, observed: Observed, **parts: object) -> None:
        """Serve them, `parts` being what of `app.state` runs here."""
        api = create_api(self.db, self.settings)
        for name, part in parts.items():
            setattr(api.state, name, part)
        api.state.observed, api.state.figures = observed, Figures(observed, api.state.requests)
        pages = HttpServer(api, self.settings.http_host, self.settings.http_port)
        self._run(observed, pages)
        self.url = pages.url


class Service(_WithPages):
    """One process that does everything: broker (unless you bring your own), ingest, detectors, pages."""

    def start(self) -> None:
        """Bring the schema up to date and start every part; returns when pages are served and ingest is subscribed.

        Raises BrokerError or OSError when the broker or the HTTP port is not to be had.
        """
        spool = self._open_spool()
        apart = self._telemetry_apart(spool)  # first of all: it loads while the rest starts
        self.db.migrate()
        listen(self.settings)
        store = self.telemetry = self._open_store()
        broker, self.accounts = self._open_broker()
        targets = FleetTargets(self.db)
        hub = LiveHub(targets, spool_end=spool.last_id())
        hub.load(store.latest().values())
        hub.apply(ignitions(self.db))
        outgoing = Outgoing(self.db, self._to_device)
        online, keep_days = outgoing.came_online, self.settings.minute_days
        sinks = sinks_of(spool, self.db, store, online, hub, keep_days, apart)
        self.ingest = Ingest(self.settings, spool, sinks, broker)
        drainer = Drainer(
            self.settings.data_dir,
            self.settings.worker,
            lambda dead: sinks_of_the_dead(dead, self.db, store, online, LiveSink(hub.apply, targets, 0), keep_days),
        )
        self._run(hub, Periodic("live-news", news.POLL_S, News(self.db, hub.notify).poll), self.ingest, drainer)
        foreign = Intake(self.settings, spool, self.db, lambda: self.ingest.full)
        self._run(
            *database_rounds(self.db),
            *worker_rounds(self.ingest, self.db, outgoing, store, lambda _name: True),
            foreign,
        )
        observed = Observed(
            "serve",
            self.settings,
            self.db,
            store,
            self.threads,
            self.rounds,
            ingest=self.ingest,
            hub=hub,
            foreign=foreign,
        )
        self._serve(observed, ingest=self.ingest, telemetry=store, live=hub, accounts=self.accounts, foreign=foreign)
        self.ingest.wait_ready(START_S)

    @property
    def failure(self) -> str | None:
        """Why this process had better end, or None."""
        return self.ingest.failure

    def _open_broker(self) -> tuple[Broker, BrokerAccounts | None]:
        """The place and the account that ingest uses: your broker, else the embedded one, started here."""
        if self.settings.broker_url:
            return self._own_broker(), own_accounts(self.settings)
        embedded, accounts, broker = embedded_broker(self.settings)
        self._parts.callback(embedded.stop)
        self._run(Periodic("refusals", refusals.EVERY_S, refusals.Refusals(self.db, embedded.log).round))
        self.broker_address = f"mqtt://{broker.host}:{broker.port}"
        return broker, accounts

    def _to_device(self, device_id: str, leaf: str, payload: bytes, retain: bool) -> None:
        self.ingest.publish(device_id, leaf, payload, retain)  # which stands between its sinks and what they cause


class WebWorker(_WithPages):
    """One of several processes that serve pages and API; what is live comes from the ingest workers by the broker."""

    def start(self) -> None:
        """Bring the schema up to date and start every part; returns when pages are served.

        Raises Invalid without a broker of your own, OSError when the HTTP port is not to be had.
        """
        broker = self._own_broker()
        self.db.migrate()
        listen(self.settings)
        store = self._open_store()
        targets = FleetTargets(self.db)
        hub = LiveHub(targets)
        name = f"mp-web-{self.settings.worker or 'one'}-{secrets.token_hex(4)}"
        feed = Feed(broker, name, hub, store, self.db, targets)
        self._run(
            feed,
            hub,
            Periodic("live-news", news.POLL_S, News(self.db, hub.notify).poll),
            *database_rounds(self.db),
        )
        observed = Observed("web", self.settings, self.db, store, self.threads, self.rounds, hub=hub, feed=feed)
        self._serve(observed, telemetry=store, live=hub, accounts=own_accounts(self.settings))

    @property
    def failure(self) -> str | None:
        """Why this process had better end: never by itself."""
        return None
