"""The table of who is told holds for every exception of the catalogue (REQUIREMENTS C; OT-10, EO-19)."""

import re
from pathlib import Path

import pytest

from milepost.access.model import ROLES
from milepost.notify.rules import OUTSIDE, RULES, SCOPES, URGENCIES, due_at, rule_of
from milepost.notify.rules_devices import DEVICE_RULES
from milepost.notify.rules_doors import DOOR_RULES
from milepost.notify.rules_events import EVENTS
from milepost.notify.rules_road import ROAD_RULES
from milepost.notify.templates import DEFAULTS, check, render
from milepost.orders.model import Calendar

# Section C: the stage of each row.
STAGES = {
    1: (1, 2),
    2: (3, 11),
    3: (12, 16),
    4: (17, 19),
    5: (20, 24),
    6: (25, 31),
    7: (32, 37),
    8: (38, 42),
    9: (43, 44),
}
ROWS = {f"EX-{n}": stage for stage, (first, last) in STAGES.items() for n in range(first, last + 1)}
_NUMBERS = (1, 2, 4, 5, 7, 9, 10, 11, 12, 15, 17, 19, *range(20, 24), *range(25, 29), *range(30, 36), 38, 40, 44, 50,
            53, 54, 55, *range(57, 62), 79)  # fmt: skip
OF_THE_WAY = {rule.id for rule in ROAD_RULES}
OF_DOORS = {rule.id for rule in DOOR_RULES}
CLOCKS = [f"N-{number:02}" for number in _NUMBERS]


def number(ex: str) -> int:
    return int(ex.removeprefix("EX-"))


@pytest.mark.parametrize("ex", sorted(ROWS, key=number))
def test_every_row_of_section_C_has_its_stage(ex: str):
    assert RULES[ex].stage == ROWS[ex]


@pytest.mark.corpus
def test_the_rows_are_those_of_the_catalogue(corpus: Path):
    text = (corpus.parent / "REQUIREMENTS.md").read_text()
    rows = re.findall(r"^\| (EX-\d+) \| (\d)", text, re.MULTILINE)
    assert {ex: int(stage) for ex, stage in rows} == ROWS


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_clock_that_can_be_late_tells_somebody(clock: str):
    assert RULES[clock].told


@pytest.mark.parametrize("name", sorted(RULES | DEVICE_RULES))
def test_every_rule_is_whole(name: str):
    rule = (RULES | DEVICE_RULES)[name]
    assert rule.urgency in URGENCIES and 1 <= rule.stage <= 9
    assert rule.doer in ROLES
    assert rule.of is None or rule.of in ROWS
    assert len(set(rule.told)) == len(rule.told) > 0
    for to in rule.told:
        assert to.role in ROLES and to.scope in SCOPES
        assert to.role not in OUTSIDE or to.scope == {"driver": "vehicle"}.get(to.role, to.role)
    assert all(text for pair in (rule.title, rule.task, rule.next) for text in pair)


def test_an_exception_of_the_fold_finds_its_own_row_then_that_of_its_EX():
    assert rule_of("wrong_truck", "EX-22").id == "wrong_truck"
    assert rule_of("raised", "EX-26").id == "EX-26"
    assert rule_of("something_new", "EX-32").id == "EX-32"
    assert rule_of("something_new", None).id == rule_of("raised", "EX-99").id == "raised"


def test_every_kind_that_the_fold_opens_has_a_row():
    folder = Path(__import__("milepost.orders.fold", fromlist=["fold"]).__file__).parent
    source = "".join(path.read_text() for path in sorted(folder.glob("*.py")))
    kinds = set(re.findall(r'\.trouble\(\s*"(\w+)"', source))
    assert len(kinds) > 20
    assert kinds <= set(RULES)


def test_a_task_is_due_when_the_catalogue_says():
    opened, calendar = 1_772_416_800_000, Calendar()  # 2026-03-02T10:00+08:00
    hour = 3_600_000
    assert due_at(RULES["EX-6"], opened, calendar) == opened + 600_000
    assert due_at(RULES["EX-29"], opened, calendar) == opened + 14 * hour
    assert due_at(RULES["EX-19"], opened, calendar) == opened + 38 * hour
    assert due_at(RULES["EX-1"], opened, calendar) is None


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_text_is_a_good_template_in_both_languages(name: str):
    zh, en = DEFAULTS[name]
    check(zh)
    check(en)
    rule = name.partition(".")[0]
    about = "{plate}" if rule in OF_THE_WAY else "{device}" if rule in DEVICE_RULES else "{order}"
    about = "{door}" if rule in OF_DOORS else about
    assert (about in zh and about in en) or name.startswith("disk.")
    assert re.search(r"[\u4e00-\u9fff]", zh) and not re.search(r"[\u4e00-\u9fff]", en)
    assert not any(mark in zh + en for mark in "!！")


def test_every_recipient_has_a_text():
    for rule in DEVICE_RULES.values():
        assert {f"{rule.id}.staff", f"{rule.id}.over"} <= set(DEFAULTS)
    for rule in RULES.values():
        for to in rule.told:
            assert f"{rule.id}.{to.role if to.role in OUTSIDE else 'staff'}" in DEFAULTS
    assert {f"event.{name}" for name in EVENTS} <= set(DEFAULTS)


@pytest.mark.parametrize("rule", sorted(OF_THE_WAY | OF_DOORS))
@pytest.mark.parametrize("part", ["staff", "over"])
def test_what_happens_on_the_way_and_at_doors_reads_well_with_all_that_is_known_of_it(rule: str, part: str):
    known = {"plate": "沪A12345", "place": {"zh": "嘉定仓", "en": "Jiading"}, "door": "7", "trip": "T-1", "over": 7.2,
             "units": ["SO-1 #2"], "qty": 2, "reason": {"zh": "不在清单上", "en": "on no list"},
             "start": 1_772_416_800_000, "due": 1_772_420_400_000}  # fmt: skip
    for language, text in zip(("zh", "en"), DEFAULTS[f"{rule}.{part}"], strict=True):
        told = render(text, known, language, Calendar().zone)
        assert ("7" if rule in OF_DOORS else "沪A12345") in told and not any(mark in told for mark in "—{}[]"), told
