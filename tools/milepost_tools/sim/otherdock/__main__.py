"""`python -m milepost_tools.sim.otherdock`: write days of the second generator, and let the correlator be judged."""

import json
import math
from pathlib import Path

import click

from milepost_tools.sim.otherdock.day import simulate
from milepost_tools.sim.otherdock.judge import judge
from milepost_tools.sim.otherdock.lines import write
from milepost_tools.sim.otherdock.score import Tally
from milepost_tools.sim.otherdock.site import PROFILES


@click.command()
@click.option("--seed", type=click.IntRange(0), required=True, help="The first day's seed; the next days count on.")
@click.option("--days", type=click.IntRange(1), default=1, show_default=True)
@click.option("--profile", type=click.Choice(PROFILES), default="recommended", show_default=True)
@click.option("--doors", type=click.IntRange(1, 16), help="Doors of each site; drawn when left out.")
@click.option("--visits", type=click.IntRange(1, 40), help="Trucks of each day; drawn when left out.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option("--judge", "judged", is_flag=True, help="Let `milepost correlate` judge the days, and score it.")
@click.option("--plain", is_flag=True, help="Judge without the trained model.")
def main(
    seed: int, days: int, profile: str, doors: int | None, visits: int | None, out: Path, judged: bool, plain: bool
) -> None:  # fmt: skip
    """Write days at dock doors with their truth, each into a folder of its own under OUT.

    One JSON object on stdout for each day, with --judge a last one with the figures and the scenes of all errors. A
    figure is null when there was nothing to measure, a time also when too many words never came.

    Example: python -m milepost_tools.sim.otherdock --seed 1 --days 3 --out /tmp/other --judge
    """
    total = Tally()
    for number in range(seed, seed + days):
        folder = out / f"{profile}-{number}"
        day = simulate(number, profile, doors=doors, visits=visits)
        written = write(day, folder)
        about: dict[str, object] = {"seed": number, "folder": str(folder), "doors": len(day.site.doors), **written}
        about["strays"] = day.strays
        if judged:
            tally = judge(folder, plain=plain)
            total.add(tally)
            about["figures"] = _figures(tally)
        click.echo(json.dumps(about))
    if judged:
        kinds = [[kind, state, count] for (kind, state), count in sorted(total.kinds.items())]
        click.echo(json.dumps({"figures": _figures(total), "kinds": kinds, "errors": total.errors}))


def _figures(tally: Tally) -> dict[str, float | None]:
    """The figures as JSON can hold them."""
    return {name: value if math.isfinite(value) else None for name, value in tally.figures().items()}


if __name__ == "__main__":
    main()
