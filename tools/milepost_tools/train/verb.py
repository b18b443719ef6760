"""`milepost train`: make anew what ships trained."""

import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

SEED, DAYS = 1000, 160  # of the model that ships


@click.group()
def train() -> None:
    """Train what ships trained, on our own simulator."""


@train.command()
@click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True, help="The first day's; even.")
@click.option(
    "--days", type=click.IntRange(8), default=DAYS, show_default=True, help="For the close; a quarter as many before."
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes that play days.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The model's file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the summary.")
def dock(seed: int, days: int, jobs: int, out: Path, as_json: bool) -> None:
    """Train the dock-door decision; the same seed and days give the same file.

    Example: milepost train dock --seed 1000 --days 160 --out backend/milepost/evidence/dock/dock-model.json.gz
    """
    if seed % 2:
        raise click.UsageError(f"seed {seed} is odd; odd seeds are kept for judging")
    from milepost.evidence.dock.scoring import packed  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost_tools.train.dock import train as run  # noqa: PLC0415

    started = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        model = run(seed, days, pool, f"trees/{seed}/{days}")
    file = packed(model)
    out.write_bytes(file)
    told = {
        "out": str(out),
        "bytes": len(file),
        "sha256": hashlib.sha256(file).hexdigest(),
        "seconds": round(time.monotonic() - started, 1),
    }
    click.echo(json.dumps(told) if as_json else f"{out}: {len(file)} bytes in {told['seconds']} s")
