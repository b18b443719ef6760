"""`milepost bench`: measure what demands.csv promises."""

import inspect
import json
import sys

import click
from rich.console import Console
from rich.table import Column, Table

from milepost_tools.bench import frame


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of a table.")
@click.option("--histories", type=click.IntRange(1), help="clocks: how many random histories to compare.")
@click.option("--seed", type=click.IntRange(0), help="clocks: number of the first history; ingest: of the kills.")
@click.option("--quick", is_flag=True, default=None, help="ingest: a tenth of the load; proves nothing.")
def bench(name: str | None, as_json: bool, **options: int | None) -> None:
    """Measure one bench and judge it; without a NAME, list them.

    Ends with 0 when every demanded metric was measured and met, else with 1.

    Example: milepost bench wire --json
    """
    if name is None:
        _list(as_json)
        return
    try:
        measure = frame.measure_of(name)
    except frame.BenchError as error:
        raise click.UsageError(str(error)) from error
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if measure is not None and option not in inspect.signature(measure).parameters:
            raise click.UsageError(f"bench {name} has no option --{option}")
    console = Console(stderr=True)
    if measure is None:
        console.print(f"bench {name}: nothing measures it yet")
        report = frame.judge(name, [])
    else:
        with console.status(f"bench {name}"):
            figures = measure(**given)
        report = frame.judge(name, figures)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(_table(report))
    sys.exit(0 if report["ok"] else 1)


def _list(as_json: bool) -> None:
    rows = [
        {
            "bench": name,
            "metrics": sum(row.bench == name for row in frame.demands()),
            "measured": frame.measure_of(name) is not None,
        }
        for name in frame.names()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table("bench", "demands", "exists", title="milepost bench NAME")
    for row in rows:
        table.add_row(row["bench"], str(row["metrics"]), "yes" if row["measured"] else "not yet")
    Console().print(table)


def _table(report: dict) -> Table:
    facts = report["machine"]
    table = Table(
        Column("metric", no_wrap=True), "measured", "demanded", "unit", "verdict", Column("beside", overflow="fold"),
        title=f"bench {report['bench']}: {'met' if report['ok'] else 'not met'}",
        caption=f"{facts['cpus']} cores, {facts['cpu']}, {facts['memory_mb']} MB, Python {facts['python']}",
    )  # fmt: skip
    for row in report["results"]:
        beside = row["baseline"]
        table.add_row(
            row["metric"],
            "not measured" if row["value"] is None else _figure(row["value"]),
            "" if row["op"] is None else f"{row['op']} {_figure(row['demanded'])}",
            row["unit"],
            "" if row["op"] is None else ("met" if row["ok"] else "not met"),
            f"{beside['name']} {_figure(beside['value'])}" if beside else row.get("best_known", ""),
        )
    return table


def _figure(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
