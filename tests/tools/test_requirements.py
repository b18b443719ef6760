"""`milepost requirements`: what the markers of the tests say, no more and no less."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from milepost_tools.requirements.model import case_ids, cases, catalogue, matched, rules

ROOT = Path(__file__).parents[2]
MILEPOST = Path(sys.executable).parent / "milepost"
MINE = '''
import pytest

pytestmark = pytest.mark.requirement("OD-1")

@pytest.mark.requirement("OT-1", "N-01")
def test_both():
    assert True

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.requirement("OD-5"))])
def test_each(n):
    assert n

class TestGroup:
    pytestmark = pytest.mark.requirement("LI-3")

    def test_in_it(self):
        assert True

def test_R01_R04_two_cases():
    assert True

@pytest.mark.requirement("M05")
@pytest.mark.parametrize("n", [1, 2])
def test_a_marked_case(n):
    assert n

def test_T13_is_a_transition_and_R06x_no_case():
    assert True

@pytest.mark.skip(reason="not yet")
def test_F01_never_run():
    assert False

@pytest.mark.skip(reason="not yet")
@pytest.mark.requirement("OT-2")
def test_never_run():
    assert False
'''  # fmt: skip


def _run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(MILEPOST), "requirements", "--root", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """A project with one file of tests."""

    def make(text: str) -> Path:
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "tests" / "test_it.py").write_text(text)
        (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["requirement(*ids): ids"]\n')
        return tmp_path

    return make


def test_every_form_of_marker_is_seen_and_a_skipped_test_proves_nothing(project: Callable[[str], Path]) -> None:
    done = _run(project(MINE), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    found = {each["id"]: each for each in told["requirements"]}
    assert found["OT-1"] == {
        "id": "OT-1", "grade": "CORE", "system": "S1", "tests": ["tests/test_it.py::test_both"],
    }  # fmt: skip
    assert found["OD-5"]["tests"] == ["tests/test_it.py::test_each[2]"]
    assert found["LI-3"]["tests"] == ["tests/test_it.py::TestGroup::test_in_it"]
    assert found["OT-2"]["tests"] == []
    assert len(found["OD-1"]["tests"]) == 8
    carried = {each["id"]: each["tests"] for each in told["cases"]}
    assert {case: len(tests) for case, tests in carried.items() if tests} == {"R01": 1, "R04": 1, "M05": 2}
    assert carried["R01"] == ["tests/test_it.py::test_R01_R04_two_cases"]
    assert told["rules"] == [{"id": "N-01", "tests": ["tests/test_it.py::test_both"]}]


def test_every_core_and_near_id_is_told_and_no_other(project: Callable[[str], Path]) -> None:
    told = json.loads(_run(project(MINE), "--json").stdout)["requirements"]
    grades = [each["grade"] for each in told]
    assert (grades.count("CORE"), grades.count("NEAR"), len(grades)) == (107, 143, 250)
    assert len({each["id"] for each in told}) == 250
    assert not {each["id"] for each in told} & {each.id for each in catalogue() if each.grade == "FAR"}


def test_an_id_that_does_not_exist_is_an_error_that_names_test_and_id(project: Callable[[str], Path]) -> None:
    wrong = ("OT-99", "N-500", "od-1", "")
    done = _run(project(MINE.replace('"OT-1"', ", ".join(f'"{each}"' for each in wrong))), "--json")
    assert done.returncode == 1
    for each in wrong:
        assert f"unknown id {each!r} on tests/test_it.py::test_both" in done.stderr


def test_tests_that_cannot_be_read_are_an_error_and_named(project: Callable[[str], Path]) -> None:
    done = _run(project("import nothing_of_this_name"))
    assert done.returncode == 1
    assert "tests/test_it.py" in done.stderr and "nothing_of_this_name" in done.stderr


def test_the_table_tells_the_share_of_each_system(project: Callable[[str], Path]) -> None:
    done = _run(project(MINE))
    assert done.returncode == 0
    assert "CORE: 4 of 107" in done.stdout and "OT-3" not in done.stdout and "OT-4" in done.stdout


def test_the_three_lists_name_each_id_once() -> None:
    ids = [each.id for each in catalogue()] + rules() + cases()
    assert len(ids) == len(set(ids))
    assert {each.grade for each in catalogue()} == {"CORE", "NEAR", "FAR"}
    assert matched({}).missing("CORE")[0] == "OT-1"


# What has no proof may not be called built: the order's nine stages, its desk, its list.
PROVED = ("OD-1", "OD-2", "OD-5", "OD-6", "OD-10", "OD-13", "LI-5", "LI-6", "OQ-2", "OQ-6")


@pytest.mark.long
def test_every_marker_names_what_exists_and_core_and_cases_are_proved() -> None:
    done = _run(ROOT, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["requirements"]
    due = [each for each in told
           if each["id"] in PROVED or (each["grade"] == "CORE" and each["system"] in ("S1", "S18"))]  # fmt: skip
    assert len(due) == len(PROVED) + 13 + 16
    assert [each["id"] for each in due if not each["tests"]] == []
    # What field reports taught of flash, tags, papers, times, series and messaging stays taught.
    lacking = [each["id"] for each in json.loads(done.stdout)["cases"] if not each["tests"]]
    assert [case for case in lacking if case[0] in "FRPTIM"] == []


def test_a_name_carries_the_cases_that_it_begins_with_and_no_others() -> None:
    assert case_ids("test_R01_R04_keys_over_http") == ["R01", "R04"]
    assert case_ids("test_keys_R01") == [] and case_ids("test_T13_R01") == [] and case_ids("test_R06") == ["R06"]
    assert len(cases()) == 30
