"""The verb `milepost telemetry`: an InfluxDB made ready, and what it would not take."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from milepost.db import Database
from milepost.settings import Settings
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_setup import SetUp, set_up
from milepost.telemetry.stores import open_store
from milepost.times import to_rfc3339


@click.group()
def telemetry() -> None:
    """The InfluxDB that keeps the readings of devices.

    Example: milepost telemetry setup --url influx://db.example:8086/ACME --token ADMIN --out influx.env
    """


@telemetry.command()
@click.option("--url", envvar="MILEPOST_TELEMETRY_URL", required=True, help="influx://host:8086/ORG?bucket=NAME")
@click.option(
    "--token", envvar="INFLUX_TOKEN", required=True,
    help="One that may do all this: the operator's, or an all-access token of ORG. It is kept nowhere.",
)  # fmt: skip
@click.option("--raw-days", type=click.IntRange(1, 3650), help="How long readings are kept one by one (default 30).")
@click.option("--minute-days", type=click.IntRange(1, 36500), help="One position a minute (default 400).")
@click.option("--renew", is_flag=True, help="Revoke the tokens made before and make new ones.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the settings, readable by its owner alone.")
@click.option("--json", "as_json", is_flag=True)
def setup(
    url: str, token: str, raw_days: int | None, minute_days: int | None, renew: bool, out: Path | None, as_json: bool
) -> None:
    """Make organisation, buckets and two tokens of least rights: one may write, one may read. Safe to run again.

    Prints the settings for `milepost serve`, or writes them to --out; these are the only places where the tokens stand.

    Example: milepost telemetry setup --url influx://db.example:8086/ACME --token ADMIN --out influx.env
    """
    settings = Settings()  # pyright: ignore[reportCallIssue]
    raw, minute = raw_days or settings.raw_days, minute_days or settings.minute_days
    try:
        made = set_up(url, token, raw_days=raw, minute_days=minute, renew=renew)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    found = _environment(url, made, raw, minute)
    if out is not None:
        _write_secret(out, "".join(f"{name}={value}\n" for name, value in found.items()))
    if as_json:
        click.echo(json.dumps({"done": made.done, "file": str(out) if out else None, **({} if out else found)}))
        return
    for each in made.done or ["nothing to do: everything is as it should be"]:
        click.echo(each, err=True)
    if out is not None:
        click.echo(f"settings in {out}, readable by its owner alone", err=True)
    else:
        for name, value in found.items():
            click.echo(f"{name}={value}")


def _where(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--json", "as_json", is_flag=True)(command)
    command = click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")(command)
    return click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")(command)


@telemetry.command()
@click.option("--retry", is_flag=True, help="Send all of it once more, after the cause is gone.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@_where
def refused(retry: bool, limit: int, as_json: bool, data: Path | None, database: str | None) -> None:
    """Readings that InfluxDB would not take, with the reason, newest first. Settings as for `milepost serve`.

    Example: milepost telemetry refused --data /var/lib/milepost --retry
    """
    with _influx(data, database) as store:
        taken = store.retry_refused() if retry else None
        rows = store.refused(limit)
    if as_json:
        click.echo(json.dumps({"taken": taken, "refused": rows}))
        return
    if taken is not None:
        click.echo(f"{taken} taken now")
    for row in rows:
        name = f"{row['device']}/{row['stream']}/{row['seq']}"
        click.echo(f"{name} {row['kind']} of {to_rfc3339(row['at'])}: {row['reason']}")
    if not rows:
        click.echo("nothing is refused")


@contextmanager
def _influx(data: Path | None, database: str | None) -> Iterator[InfluxTelemetry]:
    given = {"data_dir": data, "database_url": database}
    settings = Settings(**{key: value for key, value in given.items() if value is not None})  # pyright: ignore
    db = Database(settings.sql_url)
    store = open_store(settings, db)
    try:
        if not isinstance(store, InfluxTelemetry):
            raise click.UsageError("readings lie in SQLite here; MILEPOST_TELEMETRY_URL names an InfluxDB")
        yield store
    finally:
        store.close()
        db.close()


def _environment(url: str, made: SetUp, raw_days: int, minute_days: int) -> dict[str, str]:
    return {
        "MILEPOST_TELEMETRY_URL": url,
        "MILEPOST_TELEMETRY_TOKEN": made.write_token,
        "MILEPOST_TELEMETRY_READ_TOKEN": made.read_token,
        "MILEPOST_RAW_DAYS": str(raw_days),
        "MILEPOST_MINUTE_DAYS": str(minute_days),
    }


def _write_secret(path: Path, text: str) -> None:
    """Write a file that nobody but its owner may read, not even for a moment; one that is there is replaced whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
