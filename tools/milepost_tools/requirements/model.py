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
    """Tests by the id that they carry; `unknown` ids are in no list. A case from the field is carried by a marker, or
    by the name of a test (`test_R06_…`)."""

    requirements: dict[Requirement, list[str]]
    rules: dict[str, list[str]]
    cases: dict[str, list[str]]
    unknown: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: requirements of grade CORE and NEAR in the order of the catalogue; rules that have tests; every
        case."""
        return {
            "requirements": [
                {"id": each.id, "grade": each.grade, "system": each.system, "tests": tests}
                for each, tests in self.requirements.items()
                if each.grade in GRADES
            ],
            "rules": [{"id": rule, "tests": tests} for rule, tests in self.rules.items() if tests],
            "cases": [{"id": case, "tests": tests} for case, tests in self.cases.items()],
        }

    def missing(self, grade: str) -> list[str]:
        """Ids of this grade that no test carries."""
        return [each.id for each, tests in self.requirements.items() if each.grade == grade and not tests]

    def open_cases(self) -> list[str]:
        """Cases that no test carries."""
        return [case for case, tests in self.cases.items() if not tests]


def catalogue() -> list[Requirement]:
    """Every requirement, in the order of the sources."""
    return [Requirement(row["id"], row["system"], row["grade"]) for row in _rows("catalogue.csv")]


def rules() -> list[str]:
    """Ids of the numbers, exceptions, scenarios, conventions and transitions: rules, not requirements."""
    return [row["id"] for row in _rows("rules.csv")]


def cases() -> list[str]:
    """Ids of the cases from the field, by area: G receivers, T times, R tags, P papers, M messaging, F flash and power,
    D doors, C files, I time series, W cells and plates, K maps."""
    return [row["id"] for row in _rows("cases.csv")]


def case_ids(name: str) -> list[str]:
    """Ids of cases that the name of a test begins with: `test_R01_R04_keys` carries two."""
    known, found = set(cases()), []
    for part in name.removeprefix("test_").split("_"):
        if part not in known:
            break
        found.append(part)
    return found


def matched(marked: Mapping[str, Iterable[str]]) -> Proofs:
    """Sort tests (node ids by the id they carry) under what they prove."""
    found = {key: sorted(set(tests)) for key, tests in marked.items()}
    requirements = {each: found.pop(each.id, []) for each in catalogue()}
    known = {rule: found.pop(rule, []) for rule in rules()}
    of_cases = {case: found.pop(case, []) for case in cases()}
    return Proofs(requirements, known, of_cases, dict(sorted(found.items())))


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("milepost_tools.requirements") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
