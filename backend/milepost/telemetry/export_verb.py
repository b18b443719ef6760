"""The verb `milepost export`: tracks, readings and completeness as files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.errors import NotFound

if TYPE_CHECKING:
    from milepost.telemetry.exporting import Job
    from milepost.telemetry.model import TelemetryStore
    from milepost.telemetry.ways import Span

_FORMATS = {
    "tracks": ("geojson", "csv", "gpx", "kml", "parquet"),
    "readings": ("csv", "parquet"),
    "completeness": ("csv", "parquet"),
}


@click.command()
@click.argument("what", type=click.Choice(list(_FORMATS)))
@click.option("--vehicle", help="Plate or id; what was mounted on it counts, each device in its time.")
@click.option("--device", "devices", multiple=True, help="Device id. Repeatable.")
@click.option("--all", "everything", is_flag=True, help="Every device that has readings.")
@click.option("--from", "from_", help="RFC 3339, or a day of --tz; default: 24 h before --to.")
@click.option("--to", help="RFC 3339, or a day of --tz, not included; default: now.")
@click.option("--tz", help="IANA zone of days and of times in CSV and GeoJSON; default: UTC.")
@click.option("--format", "format_", help="tracks: geojson, csv, gpx, kml, parquet; else csv, parquet.")
@click.option("--kind", type=click.Choice(["fix", "tag", "gate", "event", "health"]), help="Only readings of a kind.")
@click.option("--max-points", type=click.IntRange(2), help="Thin tracks to so many points; default: every fix.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")
@click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as one JSON object.")
def export(
    what: str, vehicle: str | None, devices: tuple[str, ...], everything: bool, from_: str | None, to: str | None,
    tz: str | None, format_: str | None, kind: str | None, max_points: int | None, output: Path, data: Path | None,
    database: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write tracks, readings or completeness into a file; the service may run meanwhile.

    The format is that of --format, else of the file's name. Exit 0 written, 1 failed, 2 usage.

    Example: milepost export tracks --vehicle 沪A12345 --from 2026-03-02 --to 2026-03-03 --tz Asia/Shanghai -o day.gpx
    """
    from milepost.db import Database  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost.settings import Settings  # noqa: PLC0415
    from milepost.telemetry.exporting import EVERY, Job, write  # noqa: PLC0415
    from milepost.telemetry.spans import span_of  # noqa: PLC0415
    from milepost.telemetry.stores import open_store  # noqa: PLC0415

    chosen = format_ or output.suffix.removeprefix(".")
    if chosen not in _FORMATS[what]:
        raise click.UsageError(f"{what} come as {', '.join(_FORMATS[what])}, not {chosen!r}; name one by --format")
    if sum((vehicle is not None, bool(devices), everything)) != 1:
        raise click.UsageError("say whose: --vehicle, --device or --all")
    if not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.absolute().parent}")
    given = {name: value for name, value in {"data_dir": data, "database_url": database}.items() if value}
    settings = Settings(**given)  # pyright: ignore[reportArgumentType]
    if not settings.data_dir.is_dir():
        raise NotFound(f"there is no folder {settings.data_dir}; name the service's one by --data")
    asked = span_of(from_, to, tz)
    db = Database(settings.sql_url)
    store = open_store(settings, db)
    try:
        with db.read() as conn:
            name, spans = _whose(conn, store, vehicle, devices, asked.from_ms, asked.to_ms)
        job = Job(what, chosen, output, name, spans, asked.from_ms, asked.to_ms, asked.zone, kind,
                  max_points or EVERY)  # fmt: skip
        rows = write(job, store, db)
    finally:
        store.close()
        db.close()
    _tell(job, rows, as_json)


def _whose(
    conn: Connection, store: "TelemetryStore", vehicle: str | None, devices: tuple[str, ...], from_ms: int, to_ms: int
) -> tuple[str, "list[Span]"]:
    """A name for what is asked about, and the spans to read."""
    from milepost.fleet import repository as fleet  # noqa: PLC0415
    from milepost.fleet.model import plate_key  # noqa: PLC0415
    from milepost.fleet.track import spans_of_vehicle  # noqa: PLC0415

    if vehicle is None:
        names = devices or tuple(store.devices())
        return ", ".join(names) if devices else "all", [(device, from_ms, to_ms) for device in names]
    row = fleet.find(conn, "vehicle", vehicle) or fleet.by_field(conn, "vehicle", SYSTEM, plate_key=plate_key(vehicle))
    if row is None:
        raise NotFound(f"no vehicle {vehicle!r}, neither as plate nor as id; GET /api/v1/vehicles lists them")
    return row["plate"], spans_of_vehicle(conn, row["id"], from_ms, to_ms)


def _tell(job: "Job", rows: int, as_json: bool) -> None:
    from milepost.times import to_rfc3339  # noqa: PLC0415

    said: dict[str, Any] = {
        "file": str(job.file), "what": job.what, "format": job.format, "of": job.name,
        "devices": sorted({device for device, _, _ in job.spans}), "from": to_rfc3339(job.from_ms),
        "to": to_rfc3339(job.to_ms), "rows": rows, "bytes": job.file.stat().st_size,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        click.echo(f"{job.file}: {rows:,} rows of {job.name}, {said['bytes']:,} bytes")
