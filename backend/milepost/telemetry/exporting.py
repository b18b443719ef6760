"""What `milepost export` writes: one job, one file, whole or not there."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from milepost.db import Database
from milepost.ingest.completeness_account import account_of
from milepost.telemetry import flat, flat_files, track_text, track_xml
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.tracks import track_of
from milepost.telemetry.ways import Span
from milepost.times import to_rfc3339

EVERY = 100_000_000  # points of a track: all there are


@dataclass(frozen=True, slots=True)
class Job:
    """What goes into which file; `name` is of the vehicle or the devices."""

    what: str
    format: str
    file: Path
    name: str
    spans: list[Span]
    from_ms: int
    to_ms: int
    zone: ZoneInfo | None
    kind: str | None
    max_points: int


def write(job: Job, store: TelemetryStore, db: Database) -> int:
    """Write the file aside, then give it its name: a file that is there is whole. Returns its rows."""
    aside = job.file.with_name(f".{job.file.name}.part")
    counted = _Counted(job)
    try:
        if job.format == "parquet":
            flat_files.write_parquet(aside, counted(_pages(job, store, db)), _columns(job))
        else:
            with aside.open("w", encoding="utf-8", newline="") as out:
                out.writelines(_text(job, store, db, counted))
        aside.replace(job.file)
    finally:
        aside.unlink(missing_ok=True)
    counted.end()
    return counted.rows


def _text(job: Job, store: TelemetryStore, db: Database, counted: "_Counted") -> Iterator[str]:
    if job.what != "tracks":
        yield from flat_files.csv_of(counted(_pages(job, store, db)), _columns(job), job.zone)
        return
    track = track_of(store, job.spans, job.max_points)
    counted.rows = track.shown + len(track.quarantined)
    if job.format == "csv":
        yield from track_text.csv(track, job.zone)
    elif job.format == "gpx":
        yield from track_xml.gpx(track, job.name)
    elif job.format == "kml":
        yield from track_xml.kml(track, job.name)
    else:
        span = {"from": to_rfc3339(job.from_ms), "to": to_rfc3339(job.to_ms), "name": job.name}
        yield from track_text.geojson(track, job.zone, span)


def _pages(job: Job, store: TelemetryStore, db: Database) -> Iterator[list[flat.Row]]:
    if job.what == "tracks":
        yield from flat.of_track(track_of(store, job.spans, job.max_points))
    elif job.what == "readings":
        yield from flat.of_readings(store, job.spans, job.kind)
    else:
        for device, start, end in job.spans:
            with db.read() as conn:
                account = account_of(conn, device, start, end)
            yield flat.of_account(account)


def _columns(job: Job) -> dict[str, str]:
    return {
        "tracks": flat.TRACK_COLUMNS,
        "readings": flat.READING_COLUMNS,
        "completeness": flat.HOUR_COLUMNS,
    }[job.what]


class _Counted:
    """Counts rows as they pass, and shows the count where somebody looks."""

    def __init__(self, job: Job) -> None:
        self.rows = 0
        self._shown = sys.stderr.isatty()
        self._file = job.file

    def __call__(self, pages: Iterable[list[flat.Row]]) -> Iterator[list[flat.Row]]:
        for page in pages:
            self.rows += len(page)
            if self._shown:
                click.echo(f"\r{self._file}: {self.rows:,} rows", err=True, nl=False)
            yield page

    def end(self) -> None:
        if self._shown and self.rows:
            click.echo(err=True)
