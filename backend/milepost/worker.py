"""One of several processes that ingest. It serves no pages, and loads nothing of them."""

import socket

from fastapi import FastAPI

from milepost import http
from milepost.fleet.outgoing import Outgoing
from milepost.ingest.drain import Drainer
from milepost.ingest.foreign import api as foreign_api
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.lease import Leases, Member
from milepost.ingest.model import parse_parts
from milepost.ingest.service import Ingest
from milepost.live.relay import LiveSink, Relay
from milepost.live.targets import FleetTargets
from milepost.observe import api as observe_api
from milepost.observe.figures import Figures
from milepost.observe.observed import Observed
from milepost.observe.requests import CountedRequests, Requests
from milepost.parts import (
    START_S,
    TELEMETRY,
    Process,
    database_rounds,
    listen,
    sinks_of,
    sinks_of_the_dead,
    worker_rounds,
)
from milepost.server import HttpServer
from milepost.settings import Settings


class IngestWorker(Process):
    """One of several processes that ingest: takes the parts that are its own, or waits for those of others."""

    def __init__(self, settings: Settings, *, standby: bool = False) -> None:
        """`standby`: leave the parts to the workers whose own they are, and take them while those are gone."""
        super().__init__(settings)
        self._standby = standby

    def start(self) -> None:
        """Bring the schema up to date and start every part; returns when the parts that are free are subscribed.

        Raises Invalid without a broker of your own, Conflict when another process uses the worker's spool.
        """
        broker = self._own_broker()
        spool = self._open_spool()
        apart = self._telemetry_apart(spool)  # first of all: it loads while the rest starts
        self.db.migrate()
        listen(self.settings)
        store = self._open_store()
        targets = FleetTargets(self.db)
        relay = Relay(broker, self.settings.worker)
        me = Member(f"{spool.key}@{socket.gethostname()}"[:96], self.settings.worker, self._standby)
        self.leases = leases = Leases(self.db, me, [*parse_parts(self.settings.ingest_parts), TELEMETRY])
        outgoing = Outgoing(self.db, self._to_device, leases.holds)
        online, keep_days = outgoing.came_online, self.settings.minute_days
        live = LiveSink(relay.apply, targets, spool.last_id())
        sinks = sinks_of(spool, self.db, store, online, live, keep_days, apart)
        self.ingest = Ingest(self.settings, spool, sinks, broker, leases.holds)
        drainer = Drainer(
            self.settings.data_dir,
            self.settings.worker,
            lambda dead: sinks_of_the_dead(dead, self.db, store, online, LiveSink(relay.apply, targets, 0), keep_days),
        )
        self._run(relay, leases, self.ingest, drainer)
        foreign = Intake(self.settings, spool, self.db, lambda: self.ingest.full)
        self._run(
            *database_rounds(self.db), *worker_rounds(self.ingest, self.db, outgoing, store, leases.holds), foreign
        )
        if self.settings.metrics_port is not None:
            self._serve(
                Observed(
                    "ingest",
                    self.settings,
                    self.db,
                    store,
                    self.threads,
                    self.rounds,
                    ingest=self.ingest,
                    foreign=foreign,
                )
            )
        self.ingest.wait_ready(START_S)

    @property
    def failure(self) -> str | None:
        """Why this process had better end, or None."""
        return self.ingest.failure

    def _serve(self, observed: Observed) -> None:
        """The port of this worker: what operators ask, and what phones send; no pages."""
        api = FastAPI(title="Milepost ingest", openapi_url=None, docs_url=None, redoc_url=None)
        requests = Requests()
        api.state.db, api.state.settings, api.state.foreign = self.db, self.settings, observed.foreign
        api.state.observed, api.state.figures = observed, Figures(observed, requests)
        http.install(api)
        api.add_middleware(CountedRequests, requests=requests)
        for each in (observe_api, foreign_api):
            api.include_router(each.router)
        assert self.settings.metrics_port is not None
        server = HttpServer(api, self.settings.http_host, self.settings.metrics_port)
        self._run(observed, server)
        self.url = server.url

    def _to_device(self, device_id: str, leaf: str, payload: bytes, retain: bool) -> None:
        self.ingest.publish(device_id, leaf, payload, retain)
