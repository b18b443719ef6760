"""The example units and their environment are what the command line and the settings take."""

import shlex
from pathlib import Path

import click
import pytest

from milepost.cli import Verbs
from milepost.settings import Settings

_FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "workers"
_UNITS = sorted(_FOLDER.glob("*.service"))


@pytest.mark.parametrize("unit", _UNITS, ids=lambda unit: unit.name)
def test_each_unit_starts_a_verb_with_options_it_has(unit: Path) -> None:
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    program, verb, *options = shlex.split(line.removeprefix("ExecStart=").replace("%i", "8081"))
    assert program.endswith("/milepost")
    group = Verbs("milepost")
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    command.make_context(verb, options)  # raises for an option it does not know or a value it does not take


def test_the_environment_names_settings_that_exist() -> None:
    names = [
        line.lstrip("#").split("=")[0]
        for line in (_FOLDER / "milepost.env").read_text().splitlines()
        if line.lstrip("#").startswith("MILEPOST_")
    ]
    assert len(names) == 8
    assert {name.removeprefix("MILEPOST_").lower() for name in names} <= set(Settings.model_fields)
