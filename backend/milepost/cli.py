"""The command line: `milepost VERB`. Verbs register through the entry-point group `milepost.verbs`."""

import gc
import json
import os
import signal
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from milepost import logs
from milepost.errors import MilepostError

if TYPE_CHECKING:
    from milepost.settings import Settings

_WATCH_S = 1.0


class Verbs(click.Group):
    """Commands found by entry point, loaded only when one is asked for (DESIGN: Command line)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({verb.name for verb in entry_points(group="milepost.verbs")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for verb in entry_points(group="milepost.verbs", name=cmd_name):
            return verb.load()
        return None


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="milepost", message="milepost %(version)s")
def main_group() -> None:
    """Proves where every order is: trackers and dock-door readers, evidence, nine mileposts.

    Example: milepost demo
    """
    level = os.environ.get("MILEPOST_LOG_LEVEL", "warning").lower()
    logs.set_up(os.environ.get("MILEPOST_LOG_FORMAT", "text"), level if level in logs.LEVELS else "warning")


def main() -> None:
    """Entry point. Exit 0 done, 1 failed, 2 usage; some verbs add their own (docs)."""
    try:
        main_group(standalone_mode=True)
    except (MilepostError, OSError) as error:
        click.echo(f"milepost: {error}", err=True)
        sys.exit(1)


_DATA = click.option("--data", type=click.Path(path_type=Path), help="Folder of databases, spool and broker.")
_HOST = click.option("--host", help="Address to listen on (default 127.0.0.1).")
_PORT = click.option("--port", type=click.IntRange(0, 65535), help="HTTP port; 0 takes a free one.")
_BROKER = click.option("--broker", help="mqtt://host:port of your own broker.")
_DATABASE = click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
_TELEMETRY = click.option("--telemetry", help="influx://host:8086/ORG?bucket=NAME; default: SQLite in the data folder.")
_WORKER = click.option("--worker", help="Name of this process among several: a-z, 0-9 and -, at most 24.")
_METRICS_PORT = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="HTTP port of this worker: /metrics, /healthz, /readyz, and positions of phones (default: none).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON line.")


@click.command()
@_DATA
@_HOST
@_PORT
@_BROKER
@_DATABASE
@_TELEMETRY
@_JSON
def serve(as_json: bool, **given: Any) -> None:
    """Run the service in one process: broker (the embedded one, unless you name yours), ingest, detectors, pages.

    Options override the environment (MILEPOST_DATA_DIR, MILEPOST_HTTP_PORT, ...).

    Example: milepost serve --data /var/lib/milepost --port 8080
    """
    gc.disable()  # until it runs: looking for garbage among what is being loaded is a fifth of the start
    from milepost.app import Service  # noqa: PLC0415  (keeps `milepost --help` quick)

    _run(Service(_settings(**given)), as_json)


@click.command()
@_DATA
@_BROKER
@_DATABASE
@_TELEMETRY
@click.option("--parts", help="Topic parts that are this worker's own, as hex digits and ranges: 0-7,a (default 0-f).")
@_WORKER
@_METRICS_PORT
@click.option("--standby", is_flag=True, help="Take the parts only while the workers whose own they are are gone.")
@_JSON
def ingest(as_json: bool, standby: bool, **given: Any) -> None:
    """Run one of several processes that ingest. Needs a broker and a database that all of them share.

    Example: milepost ingest --worker a --parts 0-7 --broker mqtt://broker:1883 --database postgresql+psycopg://db/mp
    """
    gc.disable()
    from milepost.worker import IngestWorker  # noqa: PLC0415  (loads no pages)

    _run(IngestWorker(_settings(**given), standby=standby), as_json)


@click.command()
@_DATA
@_HOST
@_PORT
@_BROKER
@_DATABASE
@_TELEMETRY
@_WORKER
@_JSON
def web(as_json: bool, **given: Any) -> None:
    """Run one of several processes that serve pages and API, beside `milepost ingest`, behind any proxy.

    Example: milepost web --worker w1 --port 8081 --broker mqtt://broker:1883 --database postgresql+psycopg://db/mp
    """
    gc.disable()
    from milepost.app import WebWorker  # noqa: PLC0415

    _run(WebWorker(_settings(**given)), as_json)


_NAMES = {
    "data": "data_dir",
    "host": "http_host",
    "port": "http_port",
    "broker": "broker_url",
    "database": "database_url",
    "telemetry": "telemetry_url",
    "parts": "ingest_parts",
}


def _settings(**given: Any) -> "Settings":
    """The settings of the environment, overridden by the options given."""
    from milepost.settings import Settings  # noqa: PLC0415

    found = Settings(**{_NAMES.get(key, key): value for key, value in given.items() if value is not None})
    logs.set_up(found.log_format, found.log_level)
    return found


class _Process(Protocol):
    url: str
    broker_address: str

    @property
    def failure(self) -> str | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


def _run(process: _Process, as_json: bool) -> None:
    """Start a process of the service, say where it is, and stop it when a signal comes or it has failed for good."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        process.start()
        gc.freeze()  # what was loaded stays: no later search for garbage walks through it, nor holds up an answer
        gc.enable()
        where = {"url": process.url, "broker": process.broker_address}
        if as_json:
            click.echo(json.dumps({key: value for key, value in where.items() if value}))
        else:
            at = f" at {process.url}" if process.url else ""
            click.echo(f"Milepost{at}, broker at {process.broker_address}; Ctrl-C stops it")
        while not stop.wait(_WATCH_S):
            if process.failure:
                # Pages over an ingest that takes nothing would look alive; whoever started us shall see the end.
                click.echo(f"milepost: ingest has stopped for good: {process.failure}", err=True)
                sys.exit(1)
    finally:
        process.stop()
