"""One of several processes that ingest. It serves no pages, and loads nothing of them."""

import socket

from milepost.fleet.outgoing import Outgoing
from milepost.ingest.drain import Drainer
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.lease import Leases, Member
from milepost.ingest.model import parse_parts
from milepost.ingest.service import Ingest
from milepost.live.relay import LiveSink, Relay
from milepost.live.targets import FleetTargets
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
        self.db.migrate()
        listen(self.settings)
        spool = self._open_spool()
        store = self._open_store()
        targets = FleetTargets(self.db)
        relay = Relay(broker, self.settings.worker)
        me = Member(f"{spool.key}@{socket.gethostname()}"[:96], self.settings.worker, self._standby)
        self.leases = leases = Leases(self.db, me, [*parse_parts(self.settings.ingest_parts), TELEMETRY])
        outgoing = Outgoing(self.db, self._to_device, leases.holds)
        online, keep_days = outgoing.came_online, self.settings.minute_days
        live = LiveSink(relay.apply, targets, spool.last_id())
        self.ingest = Ingest(
            self.settings, spool, sinks_of(spool, self.db, store, online, live, keep_days), broker, leases.holds
        )
        drainer = Drainer(
            self.settings.data_dir,
            self.settings.worker,
            lambda dead: sinks_of_the_dead(dead, self.db, store, online, LiveSink(relay.apply, targets, 0), keep_days),
        )
        self._run(relay, leases, self.ingest, drainer)
        foreign = Intake(self.settings, spool, self.db, lambda: self.ingest.full)
        self._run(*database_rounds(self.db), *worker_rounds(spool, outgoing, store, leases.holds), foreign)
        self.ingest.wait_ready(START_S)

    @property
    def failure(self) -> str | None:
        """Why this process had better end, or None."""
        return self.ingest.failure

    def _to_device(self, device_id: str, leaf: str, payload: bytes, retain: bool) -> None:
        self.ingest.publish(device_id, leaf, payload, retain)
