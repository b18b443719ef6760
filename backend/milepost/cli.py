"""The command line: `milepost VERB`. Verbs register through the entry-point group `milepost.verbs`."""

import json
import signal
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path

import click

from milepost.errors import MilepostError

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


def main() -> None:
    """Entry point. Exit 0 done, 1 failed, 2 usage; some verbs add their own (docs)."""
    try:
        main_group(standalone_mode=True)
    except (MilepostError, OSError) as error:
        click.echo(f"milepost: {error}", err=True)
        sys.exit(1)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of databases, spool and broker.")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="HTTP port; 0 takes a free one.")
@click.option("--broker", help="mqtt://host:port of your own broker; default: the embedded one.")
@click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
@click.option("--telemetry", help="influx://host:8086/ORG?bucket=NAME; default: SQLite in the data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON line.")
def serve(
    data: Path | None,
    host: str | None,
    port: int | None,
    broker: str | None,
    database: str | None,
    telemetry: str | None,
    as_json: bool,
) -> None:
    """Run the service: broker, ingest, detectors, pages.

    Options override the environment (MILEPOST_DATA_DIR, MILEPOST_HTTP_PORT, ...).

    Example: milepost serve --data /var/lib/milepost --port 8080
    """
    from milepost.app import Service  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost.settings import Settings  # noqa: PLC0415

    given = {
        "data_dir": data,
        "http_host": host,
        "http_port": port,
        "broker_url": broker,
        "database_url": database,
        "telemetry_url": telemetry,
    }
    settings = Settings(**{key: value for key, value in given.items() if value is not None})
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service = Service(settings)
    service.start()
    try:
        if as_json:
            click.echo(json.dumps({"url": service.url, "broker": service.broker_address}))
        else:
            click.echo(f"Milepost at {service.url}, broker at {service.broker_address}; Ctrl-C stops it")
        while not stop.wait(_WATCH_S):
            if service.ingest.failure:
                # Pages over an ingest that takes nothing would look alive; whoever started us shall see the end.
                click.echo(f"milepost: ingest has stopped for good: {service.ingest.failure}", err=True)
                sys.exit(1)
    finally:
        service.stop()
