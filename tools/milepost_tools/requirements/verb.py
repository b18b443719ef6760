"""The verb `milepost requirements`."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from milepost_tools.requirements.collect import collect, project
from milepost_tools.requirements.model import GRADES, Proofs, matched


@click.command()
@click.option("--root", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Root of the checkout.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every id and its tests.")
def requirements(root: Path | None, as_json: bool) -> None:
    """Which requirement is proved by which tests, and which case from the field.

    Read from the markers and names of the tests, without running them. Exit 1 when a marker names an id that does not
    exist.

    Example: milepost requirements --json
    """
    proofs = matched(collect(root or project()))
    if as_json:
        click.echo(json.dumps(proofs.as_dict(), ensure_ascii=False))
    else:
        _table(proofs)
    for name, tests in proofs.unknown.items():
        click.echo(f"milepost: unknown id {name!r} on {tests[0]}; correct the marker", err=True)
    sys.exit(1 if proofs.unknown else 0)


def _table(proofs: Proofs) -> None:
    table = Table(title="Requirements with tests")
    for name in ("system", *GRADES, "CORE without a test"):
        table.add_column(name)
    systems: dict[str, dict[str, list[bool]]] = {}
    for each, tests in proofs.requirements.items():
        if each.grade in GRADES:
            systems.setdefault(each.system, {}).setdefault(each.grade, []).append(bool(tests))
    for system, grades in sorted(systems.items(), key=lambda pair: int(pair[0].lstrip("S"))):
        missing = [each.id for each, tests in proofs.requirements.items()
                   if each.system == system and each.grade == "CORE" and not tests]  # fmt: skip
        shares = [f"{sum(grades[g])} of {len(grades[g])}" if g in grades else "" for g in GRADES]
        table.add_row(system, *shares, " ".join(missing))
    console = Console()
    console.print(table)
    for grade in GRADES:
        of_grade = [bool(tests) for each, tests in proofs.requirements.items() if each.grade == grade]
        console.print(f"{grade}: {sum(of_grade)} of {len(of_grade)}")
    open_cases = proofs.open_cases()
    lacking = f", without a test: {' '.join(open_cases)}" if open_cases else ""
    console.print(f"cases from the field: {len(proofs.cases) - len(open_cases)} of {len(proofs.cases)}{lacking}")
    console.print(f"rules (numbers, exceptions, scenarios, …): {sum(1 for tests in proofs.rules.values() if tests)}")
