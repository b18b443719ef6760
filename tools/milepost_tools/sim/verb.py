"""`milepost sim`: make data to try things on, with the truth beside it."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from milepost_tools.sim.dock import PROFILES, simulate, write


@click.group()
def sim() -> None:
    """Simulate what readers and gates would have written, with what really happened beside it.

    Example: milepost sim dock --seed 2 --out /tmp/day
    """


@sim.command()
@click.option("--seed", type=click.IntRange(0), required=True, help="Even seeds are for tuning, odd ones for judging.")
@click.option("--profile", type=click.Choice(PROFILES), default="recommended", show_default=True)
@click.option("--doors", type=click.IntRange(1, 32), default=4, show_default=True)
@click.option("--hours", type=click.FloatRange(0.2, 24), default=2.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object about what was written.")
def dock(seed: int, profile: str, doors: int, hours: float, out: Path, as_json: bool) -> None:
    """A day at a row of dock doors: reads.jsonl, gates.jsonl, sessions.json, orders.json and truth.json.

    Example: milepost sim dock --seed 2 --profile weak --doors 4 --hours 2 --out /tmp/day
    """
    console = Console(stderr=True)
    with console.status(f"day {seed}"):
        scene = simulate(seed, profile, doors=doors, hours=hours)
        written = write(scene, out)
    report = {
        "seed": seed,
        "profile": profile,
        "heldout": scene.site.heldout,
        "out": str(out),
        "written": written,
        "kinds": scene.kinds,
    }
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    table = Table("what", "how many", title=f"{profile}, seed {seed} ({'judging' if scene.site.heldout else 'tuning'})")
    for name, count in (*written.items(), *scene.kinds.items()):
        table.add_row(name, f"{count:,}")
    Console().print(table)
