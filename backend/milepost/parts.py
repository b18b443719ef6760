"""Builders of what several compositions of the service share (app.py puts them together)."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from milepost.access import once
from milepost.alerts import door_watch, room
from milepost.alerts import service as inbox
from milepost.broker import EmbeddedBroker
from milepost.clocks import service as clocks
from milepost.db import Database
from milepost.errors import Invalid
from milepost.evidence.sink import DetectorSink
from milepost.fleet.accounts import BrokerAccounts, Mosquitto, NatsFile
from milepost.fleet.outgoing import Outgoing
from milepost.ingest.completeness_sink import CompletenessSink
from milepost.ingest.contact import StateSink
from milepost.ingest.ears import Ears
from milepost.ingest.files import Claim, spool_path
from milepost.ingest.model import Sink
from milepost.ingest.positions import position_of
from milepost.ingest.service import Ingest, broker_of
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.live import announce, news, roads, troubles, watch, yards
from milepost.live.relay import LiveSink
from milepost.notify import service as notify
from milepost.orders import history, projector
from milepost.orders import service as orders
from milepost.orders.model import Calendar
from milepost.periodic import Periodic
from milepost.reports import service as reports
from milepost.settings import Settings
from milepost.telemetry.apart import TelemetryApart, is_apart
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.stores import open_store
from milepost.times import now_ms

START_S = 15


def listen(settings: Settings) -> None:
    """Let every subject hear of every order that is folded anew, in any process that may fold one (twice is once)."""
    history.install()
    projector.use_calendar(Calendar(settings.time_zone))
    clocks.use()
    clocks.install()
    notify.install()
    inbox.install()
    reports.install()
    announce.install()


def sinks_of(
    spool: Spool, db: Database, store: TelemetryStore, came_online: Callable[[str], None], live: Sink, keep_days: int,
    telemetry: Sink | None = None,
) -> list[Sink]:  # fmt: skip
    """What reads a spool, whichever process has it open. `live`: shows it on boards, or sends it to those that do;
    `keep_days`: how long the account of what has arrived is kept; `telemetry`: writes into the store, default: here.
    """
    return [
        telemetry or TelemetrySink(store, spool.key),
        DetectorSink(db, orders.on_facts, store, spool.key),
        StateSink(db, spool, came_online),
        CompletenessSink(db, spool, keep_days),
        live,
    ]


def sinks_of_the_dead(
    spool: Spool, db: Database, store: TelemetryStore, came_online: Callable[[str], None], live: LiveSink,
    keep_days: int,
) -> list[Sink]:  # fmt: skip
    """The same for a spool whose worker is gone: boards are shown what its detectors have not seen yet. All of them
    work here: it is soon done with, and several may write into a store."""
    with db.read() as conn:
        live.begin(position_of(conn, DetectorSink.name, spool.key))
    return sinks_of(spool, db, store, came_online, live, keep_days)


def database_rounds(db: Database) -> list[Periodic]:
    """What is due in the database. Every process does it: each row is leased or locked by one of them at a time."""
    return [
        Periodic("wake", 0.5, lambda: clocks.wake(db)),
        Periodic("contact", watch.EVERY_S, watch.ContactWatch(db).round),
        Periodic("docks", yards.EVERY_S, yards.DockWatch(db).round),
        Periodic("door-questions", door_watch.EVERY_S, door_watch.QuestionWatch(db).round),
        Periodic("device-signs", watch.EVERY_S, troubles.SignsWatch(db).round),
        Periodic("notices", 1.0, lambda: notify.deliver(db)),
        Periodic("keys", 3600.0, lambda: once.forget(db)),
        Periodic("announcements", 3600.0, lambda: news.forget(db)),
    ]


def worker_rounds(
    ingest: Ingest, db: Database, outgoing: Outgoing, store: TelemetryStore, holds: Callable[[str], bool]
) -> list[Periodic]:
    """What runs where the broker's sessions are. `holds(TELEMETRY)`: whether this worker keeps the store in order."""

    def maintain() -> None:
        if holds(TELEMETRY):
            store.maintain(now_ms())

    road = roads.RoadWatch(db, store)

    def look_at_the_road() -> None:
        if holds(TELEMETRY):
            road.round()

    return [
        Periodic("outgoing", 0.25, outgoing.round),
        Periodic("road", roads.EVERY_S, look_at_the_road),
        Periodic("telemetry", 60.0, maintain),
        # A dead letter that another process ran again lies behind the last item that our sinks have been told of.
        Periodic("spool-news", 1.0, lambda: ingest.spool.announce(ingest.spool.last_id())),
        Periodic("ears", 5.0, Ears(db, ingest.listening).note),
        Periodic("room", room.EVERY_S, room.RoomWatch(db, host_of(ingest.worker), lambda: ingest.shortage).round),
    ]


def host_of(worker: str) -> str:
    """How an ingesting process is called before people: its name, where it has one, and its host."""
    return "@".join(part for part in (worker, socket.gethostname()) if part)[:80]


TELEMETRY = "telemetry"  # lease of the worker that folds and thins out the store


def embedded_broker(settings: Settings) -> tuple[EmbeddedBroker, NatsFile, Broker]:
    """The broker of the house, started, with its accounts, and the service's own account there. Raises BrokerError."""
    listen_on = settings.embedded_broker_host or settings.http_host
    broker = EmbeddedBroker(settings.data_dir, settings.embedded_broker_port, listen_on)
    accounts = NatsFile(broker.users_file, broker.reload)
    password = _kept_secret(settings.data_dir / "broker" / "ingest.password")
    accounts.service(settings.broker_user, password)
    host, port = broker.start()
    return broker, accounts, Broker(host, port, settings.broker_user, password)


def own_accounts(settings: Settings) -> BrokerAccounts | None:
    """Accounts on your own Mosquitto or nats-server when its files are named; else they are yours to make."""
    passwords, rules, pid_file = (
        settings.mosquitto_password_file,
        settings.mosquitto_acl_file,
        settings.mosquitto_pid_file,
    )
    if passwords is not None and rules is not None and pid_file is not None:
        return Mosquitto(passwords, rules, lambda: os.kill(int(pid_file.read_text()), signal.SIGHUP))
    users, pid_file = settings.nats_users_file, settings.nats_pid_file
    if users is not None and pid_file is not None:
        return NatsFile(users, lambda: os.kill(int(pid_file.read_text()), signal.SIGHUP))
    return None


class Part(Protocol):
    """Something that runs between `start` and `stop`."""

    @property
    def threads(self) -> list[threading.Thread]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Process:
    """Parts that start one after the other and stop in the opposite order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.db = Database(settings.sql_url)
        self.url = ""
        self.broker_address = ""
        self._running: list[Part] = []
        self._parts = ExitStack()
        self._parts.callback(self.db.close)

    def stop(self) -> None:
        """Stop every part: first what receives, last what stores."""
        self._parts.close()

    def threads(self) -> list[threading.Thread]:
        """Every thread that must be alive while this process is."""
        return [thread for part in self._running for thread in part.threads]

    def rounds(self) -> list[Periodic]:
        """What is done again and again."""
        return [part for part in self._running if isinstance(part, Periodic)]

    def _run(self, *parts: Part) -> None:
        for part in parts:
            part.start()
            self._running.append(part)
            self._parts.callback(part.stop)

    def _open_store(self) -> TelemetryStore:
        store = open_store(self.settings, self.db)
        self._parts.callback(store.close)
        return store

    def _telemetry_apart(self, spool: Spool) -> TelemetryApart | None:
        """What writes telemetry of a spool in a process of its own, beginning to load; None where it is to be done
        here."""
        if not is_apart(self.settings):
            return None
        telemetry = TelemetryApart(self.settings, spool.key)
        self._run(telemetry)
        return telemetry

    def _open_spool(self) -> Spool:
        """The spool file of this worker, which nobody else may use meanwhile. Raises Conflict."""
        path = spool_path(self.settings.data_dir, self.settings.worker)
        self._parts.callback(Claim(path).own().release)
        spool = Spool(path)
        self._parts.callback(spool.close)
        return spool

    def _own_broker(self) -> Broker:
        """The broker that the settings name. Raises Invalid when they name none."""
        if not self.settings.broker_url:
            raise Invalid(
                "several processes share a broker of your own: name it with --broker mqtt://host:port or"
                " MILEPOST_BROKER_URL (only `milepost serve` brings one along)"
            )
        try:
            broker = broker_of(self.settings)
        except ValueError as error:
            raise Invalid(str(error)) from None
        self.broker_address = f"mqtt://{broker.host}:{broker.port}"
        return broker


def _kept_secret(path: Path) -> str:
    """A random secret, made once and readable by the owner alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()
