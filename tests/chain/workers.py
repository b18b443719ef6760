"""An installation of several processes: a broker, PostgreSQL, ingest and web workers, and trackers that keep a ring."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import milepost
from milepost.access import service as access
from milepost.access.model import Grant
from milepost.broker import EmbeddedBroker
from milepost.db import Database, metadata
from milepost.fleet.accounts import NatsFile
from milepost.ingest.lease import database_ms, holders
from milepost.ingest.model import PARTS, topic
from milepost.schema import load_tables
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.demo.client import Client, at
from milepost_tools.served import Served, until

from .house import PASSWORD

_START_S = 60
_USER, _PASSWORD = "mp-ingest", "of the service"


class Worker(Served):
    """One process of ours among several, started again under the same name."""

    def __init__(self, verb: str, name: str, folder: Path, env: dict[str, str], *options: str) -> None:
        words = [verb, "--worker", name, *options]
        super().__init__(words, folder / f"{name}.log", env, start_s=_START_S, with_thread=True)
        self.name = name

    @property
    def url(self) -> str:
        """Where it is; empty for one that serves nothing."""
        return self.where.get("url", "")


class Site:
    """The shared parts: broker, database, data folder; and one who may do everything."""

    def __init__(self, folder: Path, postgres_url: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self.broker = EmbeddedBroker(folder, ack_wait_s=2)
        NatsFile(self.broker.users_file, self.broker.reload).service(_USER, _PASSWORD)
        host, port = self.broker.start()
        self.db = Database(postgres_url)
        load_tables()
        metadata.create_all(self.db.engine)
        _stamp(self.db)
        self.env = {
            "MILEPOST_DATA_DIR": str(self.data),
            "MILEPOST_BROKER_URL": f"mqtt://{host}:{port}",
            "MILEPOST_BROKER_PASSWORD": _PASSWORD,
            "MILEPOST_DATABASE_URL": postgres_url,
            "MILEPOST_HTTP_PORT": "0",
        }
        with self.db.tx() as conn:
            access.create_person(
                conn, login="boss", name="Boss", password_hash=access.hash_password(PASSWORD),
                grants=[Grant("admin"), Grant("dispatcher"), Grant("engineer"), Grant("desk")], now=now_ms(),
            )  # fmt: skip

    def worker(self, verb: str, name: str, *options: str) -> Worker:
        """A process that is not started yet."""
        return Worker(verb, name, self.folder, self.env, *options)

    def held(self) -> dict[str, str]:
        """Who holds each part now, by the database; parts that nobody holds are left out."""
        with self.db.read() as conn:
            now = database_ms(conn)
            return {
                row.name: row.worker for row in holders(conn) if row.name in PARTS and row.holder and row.until_ms > now
            }

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The database is away for everybody: every connection is cut, and none is let in."""
        url = make_url(self.db.url)
        admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            conn.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
            cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            conn.execute(cut, {"name": url.database})
            try:
                yield
            finally:
                conn.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")
        admin.dispose()

    def mqtt(self) -> mqtt.Client:
        """A client with the service's own account."""
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.username_pw_set(_USER, _PASSWORD)
        client.max_inflight_messages_set(500)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        return client

    def close(self) -> None:
        self.broker.stop()
        self.db.close()


class Tracker:
    """A tracker's outbox: it makes records, holds what is not acknowledged end to end, and sends that again."""

    def __init__(self, device: str, records: list[wire.Fix], stream: int = 77) -> None:
        self.device = device
        self.acked = 0
        self.made = 0
        self._records = records
        self._stream = stream
        self._sent = 0
        self._moved = time.monotonic()

    @property
    def is_done(self) -> bool:
        """Everything is made and safe."""
        return self.acked == len(self._records)

    def make(self, count: int) -> None:
        self.made = min(self.made + count, len(self._records))

    def heard(self, stream: int, seq: int) -> None:
        """An acknowledgement of the service: what it covers is gone from the flash for good."""
        if stream == self._stream and self.acked < seq <= self.made:
            self.acked, self._moved = seq, time.monotonic()

    def send(self, client: mqtt.Client) -> None:
        """Send what is new, or, where nothing has been acknowledged for two seconds, everything again."""
        if self._sent > self.acked and time.monotonic() - self._moved > 2:
            self._sent, self._moved = self.acked, time.monotonic()
        while self._sent < self.made:
            writer = wire.BatchWriter(4096)
            writer.begin(self._stream, self._sent + 1, self.acked + 1, 1, 1000)
            count = 0
            while self._sent + count < self.made and count < 40 and writer.add(self._records[self._sent + count]):
                count += 1
            self._sent += count
            client.publish(topic(self.device, "up"), bytes(writer.finish()), qos=1)


class Fleet:
    """Trackers that drive in a thread of their own, at so many records a second each."""

    def __init__(self, site: Site, trackers: list[Tracker], per_s: int) -> None:
        self.trackers = {each.device: each for each in trackers}
        self._per_s = per_s
        self._client = client = site.mqtt()
        client.on_message = self._ack
        client.subscribe("mp/v1/+/+/ack", 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _ack(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.trackers[message.topic.split("/")[3]].heard(*wire.decode_ack(message.payload))

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            for each in self.trackers.values():
                each.make(self._per_s // 2)
                each.send(self._client)

    @property
    def safe(self) -> dict[str, int]:
        """How many records of each device the service has said to be safe."""
        return {device: each.acked for device, each in self.trackers.items()}

    @property
    def behind(self) -> list[str]:
        """Devices that still hold something, and what."""
        return [f"{e.device}: {e.acked}/{e.made}" for e in self.trackers.values() if not e.is_done]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()


class Viewer:
    """A board in a browser: one socket, opened again at any worker that answers, from where it was.

    `doubled` holds ids of events that one worker told twice: in a whole new state and the frames behind it none comes
    again. (Another worker may tell some that the one before has told: it reads them when it comes to it.)
    """

    def __init__(self, workers: list[Worker], token: str) -> None:
        self.events: dict[int, dict[str, Any]] = {}
        self.doubled: list[int] = []
        self._told: set[int] = set()  # since the last whole state
        self.rows: dict[str, list[Any]] = {}
        self.resets = 0
        self._workers = workers
        self._token = token
        self._seq = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for worker in self._workers:
                if worker.url and not self._stop.is_set():
                    self._watch(worker.url.replace("http", "ws", 1) + f"/api/v1/live?since={self._seq}")
            self._stop.wait(0.2)

    def _watch(self, address: str) -> None:
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            with connect(address, additional_headers=headers, open_timeout=5, proxy=None) as socket:
                while not self._stop.is_set():
                    frame = json.loads(socket.recv(timeout=5))
                    self._take(frame)
                    socket.send(json.dumps({"ack": frame["seq"]}))
        except (OSError, ConnectionClosed, TimeoutError):
            return

    def _take(self, frame: dict[str, Any]) -> None:
        whole = frame.get("reset") or self._seq < 0
        if whole:
            self.rows.clear()
            self._told.clear()
            self.resets += 1
        self._seq = frame["seq"]
        for row in frame["v"]:
            self.rows[row[0]] = row
        for event in frame["e"]:
            if event["id"] in self._told:
                self.doubled.append(event["id"])
            self._told.add(event["id"])
            self.events[event["id"]] = event

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)


class Office:
    """Somebody at the API through whichever web worker answers; each command once, however often it is sent."""

    def __init__(self, workers: list[Worker]) -> None:
        self._workers = workers
        self.token = self.at(workers[0])._http.headers["Authorization"].split()[1]

    def at(self, worker: Worker) -> Client:
        """Signed in at one worker."""
        return Client(at(worker.url), "boss", PASSWORD)

    def post(self, path: str, key: str, **body: Any) -> Any:
        """POST with an Idempotency-Key, at one worker after the other until one has answered."""
        sent = {name.rstrip("_"): value for name, value in body.items()}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}

        def attempt() -> Any:
            for worker in self._workers:
                try:
                    answer = httpx.post(
                        f"{worker.url}/api/v1{path}", json=sent, headers=headers, timeout=10, trust_env=False
                    )
                except httpx.HTTPError:
                    continue
                if answer.status_code != 503:
                    assert answer.is_success, answer.text
                    return answer.json()
            return None

        return until(attempt, 60)


def _stamp(db: Database) -> None:
    """Tables straight from the metadata: say that no migration is due."""
    config = Config()
    config.set_main_option("script_location", str(Path(milepost.__file__).parent / "migrations"))
    config.attributes["engine"] = db.engine
    command.stamp(config, "head")
