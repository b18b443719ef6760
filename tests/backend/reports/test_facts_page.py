"""docs/facts.md is true: its tables are the vocabulary's and the policy's, its examples what the judge finds."""

import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from milepost.clocks.calendar import parse_calendars, seeded
from milepost.clocks.policy import KEYS, PolicySet, parse_policy
from milepost.orders.vocabulary import KINDS, Field, Kind
from milepost.reports.facts_file import read_facts
from milepost.reports.facts_line import ALIASES
from milepost.reports.judged import judge_all

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "facts.md").read_text("utf-8")
TYPES = {"s": "", "i": " (count)", "n": " (number)", "b": " (yes/no)", "l": " (list)", "d": " (object)",
         "ms": " (time)", "date": " (date)"}  # fmt: skip


def written(kind: Kind, field: Field) -> str:
    name = next((alias for alias, plain in ALIASES.get(kind.name, {}).items() if plain == field.name), field.name)
    return f"`{name}`" + TYPES.get(field.type, f" ({field.type.replace('/', ' / ')})")


@pytest.mark.parametrize("name", KINDS)
def test_the_table_of_kinds_is_the_vocabulary(name: str):
    kind = KINDS[name]
    required = ", ".join(written(kind, field) for field in kind.fields if field.required) or "–"
    optional = ", ".join(written(kind, field) for field in kind.fields if not field.required) or "–"
    row = f"| {kind.rank} | `{name}` | {', '.join(sorted(kind.authors))} | {required} | {optional} | "
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {kind.rank} | `")]
    assert line.startswith(row)
    assert line.removeprefix(row).strip(" |")


def test_every_clock_is_started_and_ended_by_some_kind():
    table = PAGE[PAGE.index("| rank | kind |") :]
    promised = set(re.findall(r"^\| (N-\d+)", (DOCS / "clocks.md").read_text("utf-8"), re.MULTILINE))
    promised |= {"N-22", "N-23", "N-31", "N-32", "N-34", "N-35"}
    assert len(promised) > 30
    assert sorted(clock for clock in promised if not re.search(rf"\b{clock}\b", table)) == []


def test_the_table_of_policy_keys_is_the_policy():
    for key in KEYS.values():
        assert f"| `{key.name}` | {key.text} | {' '.join(key.rules)} |" in PAGE, key.name
    assert PAGE.count("\n| `") >= len(KEYS)


def test_every_line_of_facts_on_the_page_can_be_read():
    blocks = [block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"kind"' in block]
    assert blocks
    for block in blocks:
        found = read_facts(io.BytesIO(block.encode()))
        assert not found.refused and found.facts


def test_the_policies_and_calendars_on_the_page_can_be_read():
    blocks = [block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"kind"' not in block]
    read = [json.loads(block) for block in blocks]
    assert len([parse_policy(each) for each in read if "calendars" not in each]) == 2
    assert len([parse_calendars(each) for each in read if "calendars" in each]) == 1
    parse_policy(json.loads((DOCS / "examples" / "policy.json").read_text()))
    parse_calendars(json.loads((DOCS / "examples" / "calendar.json").read_text()))


def local(time: str | None) -> str:
    if time is None:
        return "–"
    shown = datetime.fromisoformat(time).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%m-%d %H:%M:%S")
    return shown.removesuffix(":00")


def stage_row(stage: dict[str, Any]) -> str:
    part = stage["partial"]
    done = "yes" if stage["done"] else f"{part['done']} of {part['total']}" if part else "no"
    return f"| {stage['n']} | {stage['key']} | {done} | {local(stage['at'])} | {stage['grade'] or '–'} |"


def clock_row(clock: dict[str, Any]) -> str:
    times = " | ".join(local(clock[name]) for name in ("start", "due", "end"))
    return f"| {clock['clock']} | {clock['owner']} | {times} | {clock['verdict']} |"


@pytest.mark.parametrize(
    "name, proposed",
    [
        ("consignment", [("FN-1", "branch"), ("FN-11", "clerk"), ("FN-11", "branch_manager")]),
        ("goods", [("TH-4", "region_director")]),
    ],
)
def test_the_worked_examples_are_what_the_judge_finds(name: str, proposed: list[tuple[str, str]]):
    with (DOCS / "examples" / f"{name}.facts.jsonl").open("rb") as stream:
        file = read_facts(stream)
    assert not file.refused and file.latest is not None
    result = judge_all(file.facts, PolicySet(), seeded(), file.latest)
    (order,) = result["orders"]
    section = PAGE[PAGE.index(f"examples/{name}.facts.jsonl)") :]
    section = section[: section.index("\n### ")]
    rows = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| n ", "| clock "))
    ]
    assert rows == [*map(stage_row, order["stages"]), *map(clock_row, order["clocks"])]
    assert sorted((each["rule"], each["who"]["role"]) for each in result["proposals"]) == sorted(proposed)
