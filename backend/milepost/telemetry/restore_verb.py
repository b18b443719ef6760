"""The verbs `milepost import`, `milepost backup` and `milepost restore`."""

import json
import sys
from pathlib import Path

import click

_POSITION = "import"  # names the position that imports leave in a store; it means nothing


@click.group("import")
def import_() -> None:
    """Bring data of earlier exports, or of elsewhere, into the service.

    Example: milepost import readings 2026-03.parquet --data /var/lib/milepost
    """


@import_.command("readings")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")
@click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
@click.option("--json", "as_json", is_flag=True, help="Say what was read as one JSON object.")
def import_readings(file: Path, data: Path | None, database: str | None, as_json: bool) -> None:
    """Put the readings of a Parquet file that `milepost export readings` made into the store.

    A reading that is there already is overwritten by the same one, so a second run changes nothing. Each keeps its
    quality. The service may run; what is older than the store keeps goes again at its next upkeep.

    Example: milepost import readings truck.parquet --data /var/lib/milepost
    """
    from milepost.db import Database  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost.settings import Settings  # noqa: PLC0415
    from milepost.telemetry.flat_files import readings_of_parquet  # noqa: PLC0415
    from milepost.telemetry.stores import open_store  # noqa: PLC0415

    given = {name: value for name, value in {"data_dir": data, "database_url": database}.items() if value}
    settings = Settings(**given)  # pyright: ignore[reportArgumentType]
    db = Database(settings.sql_url)
    store = open_store(settings, db)
    count, devices, shown = 0, set[str](), sys.stderr.isatty()
    try:
        for batch in readings_of_parquet(file):
            store.write(batch, 0, _POSITION)
            count += len(batch)
            devices |= {each.reading.device for each in batch}
            if shown:
                click.echo(f"\r{file}: {count:,} readings", err=True, nl=False)
    finally:
        store.close()
        db.close()
    if shown and count:
        click.echo(err=True)
    if as_json:
        click.echo(json.dumps({"file": str(file), "readings": count, "devices": sorted(devices)}))
    else:
        click.echo(f"{count:,} readings of {len(devices)} devices are in the store")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")
@click.option("--json", "as_json", is_flag=True, help="Say what was copied as one JSON object.")
def backup(folder: Path, data: Path | None, as_json: bool) -> None:
    """Copy databases, spools and device accounts into a new FOLDER while the service runs.

    Example: milepost backup /backup/2026-03-02 --data /var/lib/milepost
    """
    from milepost.settings import Settings  # noqa: PLC0415
    from milepost.telemetry.backup import back_up  # noqa: PLC0415

    settings = Settings(**({"data_dir": data} if data else {}))  # pyright: ignore[reportArgumentType]
    shown = sys.stderr.isatty()
    made = back_up(settings, folder, lambda name: shown and click.echo(f"copying {name}", err=True))
    for note in made.elsewhere:
        click.echo(f"not in this backup: {note}", err=True)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "files": made.files, "elsewhere": made.elsewhere}))
    else:
        click.echo(f"{folder}: {len(made.files)} files, {sum(made.files.values()):,} bytes")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")
@click.option("--force", is_flag=True, help="Move what is there aside (into before-restore-…).")
@click.option("--json", "as_json", is_flag=True, help="Say what was done as one JSON object.")
def restore(folder: Path, data: Path | None, force: bool, as_json: bool) -> None:
    """Bring the data folder to the state of a backup; the service must be stopped.

    Devices send again what they still hold: everything that was not acknowledged.

    Example: milepost restore /backup/2026-03-02 --data /var/lib/milepost
    """
    from milepost.settings import Settings  # noqa: PLC0415
    from milepost.telemetry.backup import put_back  # noqa: PLC0415

    settings = Settings(**({"data_dir": data} if data else {}))  # pyright: ignore[reportArgumentType]
    aside = put_back(folder, settings, force=force)
    if as_json:
        click.echo(json.dumps({"data": str(settings.data_dir), "moved_aside": str(aside) if aside else None}))
        return
    if aside is not None:
        click.echo(f"what was there is in {aside}")
    click.echo(f"{settings.data_dir} is as it was in {folder}; start the service")
