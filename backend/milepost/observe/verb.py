"""The verb `milepost trace`: where one record of a device is, and what rests on it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from milepost.db import Database
from milepost.observe.trace import Story, trace
from milepost.settings import Settings
from milepost.telemetry.stores import open_store


@click.command("trace")
@click.argument("device")
@click.argument("stream", type=click.IntRange(1, 2**32 - 1))
@click.argument("seq", type=click.IntRange(1, 2**32 - 1))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases and spools.")
@click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace_verb(device: str, stream: int, seq: int, data: Path | None, database: str | None, as_json: bool) -> None:
    """Find a record by the name that evidence cites, DEVICE/STREAM/SEQ: in the spools of this host, the dead letters,
    the telemetry store, and the facts that rest on it. Settings as for `milepost serve`; it may run meanwhile.

    Exit 1 where the record is nowhere.

    Example: milepost trace 02a1b2c3d4e5 534711 8812 --data /var/lib/milepost
    """
    given = {"data_dir": data, "database_url": database}
    settings = Settings(**{key: value for key, value in given.items() if value is not None})  # pyright: ignore
    db = Database(settings.sql_url)
    store = open_store(settings, db)
    try:
        story = trace(settings.data_dir, db, store, device, stream, seq)
    finally:
        store.close()
        db.close()
    if as_json:
        click.echo(json.dumps({**asdict(story), "verdict": story.verdict, "found": story.found}, ensure_ascii=False))
    else:
        for line in _lines(story):
            click.echo(line)
    sys.exit(0 if story.found else 1)


def _lines(story: Story) -> list[str]:
    lines = [f"{story.device}/{story.stream}/{story.seq}: {story.verdict}"]
    for worker, mark in story.watermarks.items():
        lines.append(f"  watermark of worker {worker}: {mark}")
    if story.account:
        lines.append(f"  account of arrivals: {', '.join(story.account)}")
    lines += [f"  spool: {_pairs(each)}" for each in story.spool]
    lines += [f"  held for its clock by worker {each}" for each in story.held]
    lines += [f"  dead letter: {_pairs(each)}" for each in story.dead_letters]
    if story.unreadable_letters:
        lines.append(
            f"  {story.unreadable_letters} dead letters of this device cannot be read at all: they may hold it"
        )
    if story.telemetry is not None:
        lines.append(f"  telemetry: {_pairs(story.telemetry)}")
    lines += [f"  fact: {_pairs(each)}" for each in story.facts]
    return lines


def _pairs(of: dict[str, Any]) -> str:
    texts = ((name, ", ".join(value) if isinstance(value, list) else value) for name, value in of.items())
    return "; ".join(f"{name} {value}" for name, value in texts if value not in (None, ""))
