"""The catalogue of requirements, and the tests that carry their ids. Pure but for reading its own two lists."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

GRADES = ("CORE", "NEAR")  # what is not built yet (FAR) needs no test


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the catalogue: id, the system of the sources it belongs to (S1…S29), grade CORE, NEAR or FAR."""

    id: str
    system: str
    grade: str


@dataclass(frozen=True, slots=True)
class Proofs:
    """Tests by the id that they carry; `unknown` ids are neither in the catalogue nor in the list of rules."""

    requirements: dict[Requirement, list[str]]
    rules: dict[str, list[str]]
    unknown: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: requirements of grade CORE and NEAR in the order of the catalogue; rules that have tests."""
        return {
            "requirements": [
                {"id": each.id, "grade": each.grade, "system": each.system, "tests": tests}
                for each, tests in self.requirements.items()
                if each.grade in GRADES
            ],
            "rules": [{"id": rule, "tests": tests} for rule, tests in self.rules.items() if tests],
        }

    def missing(self, grade: str) -> list[str]:
        """Ids of this grade that no test carries."""
        return [each.id for each, tests in self.requirements.items() if each.grade == grade and not tests]


def catalogue() -> list[Requirement]:
    """Every requirement, in the order of the sources."""
    return [Requirement(row["id"], row["system"], row["grade"]) for row in _rows("catalogue.csv")]


def rules() -> list[str]:
    """Ids of the numbers, exceptions, scenarios, conventions, transitions and cases: rules, not requirements."""
    return [row["id"] for row in _rows("rules.csv")]


def matched(marked: Mapping[str, Iterable[str]]) -> Proofs:
    """Sort tests (node ids by the id they carry) under what they prove."""
    found = {key: sorted(set(tests)) for key, tests in marked.items()}
    requirements = {each: found.pop(each.id, []) for each in catalogue()}
    known = {rule: found.pop(rule, []) for rule in rules()}
    return Proofs(requirements, known, dict(sorted(found.items())))


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("milepost_tools.requirements") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
