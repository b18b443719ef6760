"""A pallet that moves takes its contents along; many cases that moved take their pallet along. Inferred, grade D."""

from itertools import permutations

import pytest

from milepost.db import Database
from milepost.evidence import carried, contents, log, service
from milepost.evidence.model import Author, Fact, canonical, fact_id
from milepost.orders.fold.grades import Mark
from milepost.plan import packing_rows
from milepost.plan import service as plan

from .conftest import T0, epc, scratch

KEEPER = Author("keeper", "k")


class Floor:
    """A pallet of four cases, and a loose unit, all of one order."""

    def __init__(self, conn) -> None:
        self.conn = conn
        made = plan.add_units(conn, "o", [{"epcs": [epc(900 + n)]} for n in range(6)], at_ms=0)
        self.pallet, *self.cases, self.loose = (unit.id for unit in made)
        self.told: list[Fact] = []

    def pack(self, action="add", children=None, at=T0, key="p1", parent=None):
        named = self.cases if children is None else children
        contents.pack(self.conn, parent=f"unit:{parent or self.pallet}", children=[f"unit:{c}" for c in named],
                      action=action, at=at, by=KEEPER, source="scan", key=key, now=at)  # fmt: skip
        self.told += carried.again(self.conn, [f"unit:{self.pallet}"], T0)

    def move(self, unit, kind="unit.loaded", at=T0 + 60_000, vehicle="v", rev=0, session="s"):
        subjects = {"unit": unit, "vehicle": vehicle, "site": "y", "door": "d"}
        fact = Fact(fact_id(kind, subjects, (str(at),)), kind, at, Author("device", "r"), subjects, rev=rev,
                    source="rfid", body={"session": session, "trip": "t"}, confidence=0.999, grade="B")  # fmt: skip
        added = log.append(self.conn, [fact])
        self.told += carried.follow(self.conn, added, T0)
        return fact

    def retract(self, fact):
        subjects = dict(fact.subjects)
        gone = Fact(fact_id("fact.retracted", subjects, (fact.id,)), "fact.retracted", fact.at, fact.by, subjects,
                    source="rfid", body={"target": fact.id, "why": "x"})  # fmt: skip
        self.told += carried.follow(self.conn, log.append(self.conn, [gone]), T0)

    def inferred(self):
        """What holds by inference: (unit, kind, at after T0 in seconds), sorted."""
        facts = [fact for unit in (self.pallet, *self.cases, self.loose)
                 for fact in service.standing(log.of_subjects(self.conn, [("unit", unit)]))
                 if fact.rule == carried.RULE]  # fmt: skip
        return sorted((fact.subjects["unit"], fact.kind, (fact.at - T0) // 1000) for fact in facts)


@pytest.fixture
def floor(db: Database):
    with scratch(db) as yard:
        yield Floor(yard.db._conn)  # pyright: ignore[reportAttributeAccessIssue]


def of(cases, kind="unit.loaded", at=60):
    return sorted((case, kind, at) for case in cases)


def test_a_pallet_takes_its_contents_along(floor):
    floor.pack()
    move = floor.move(floor.pallet)
    assert floor.inferred() == of(floor.cases)
    fact = floor.told[-1]
    assert (fact.grade, fact.body["inferred"], fact.inputs, fact.source) == ("D", True, (move.id,), "rfid")
    assert fact.subjects["vehicle"] == "v"
    assert (fact.body["door"], fact.body["session"], fact.body["trip"]) == ("d", "s", "t")


def test_only_what_lay_on_it_at_that_instant_comes_along(floor):
    floor.pack(children=floor.cases[:2])
    floor.pack(children=floor.cases[2:], at=T0 + 90_000, key="p2")  # put on it after it had passed
    floor.move(floor.pallet)
    assert floor.inferred() == of(floor.cases[:2])
    floor.move(floor.pallet, "unit.unloaded", T0 + 3_600_000, session="s2")
    assert floor.inferred() == sorted(of(floor.cases[:2]) + of(floor.cases, "unit.unloaded", 3600))


def test_what_lies_deeper_comes_along_too(floor):
    floor.pack(children=floor.cases[:1])
    floor.pack(children=floor.cases[1:2], parent=floor.cases[0], key="p2")
    floor.move(floor.pallet)
    assert floor.inferred() == of(floor.cases[:2])


def test_a_late_packing_and_a_packing_taken_back_are_concluded_anew(floor):
    floor.move(floor.pallet)
    assert floor.inferred() == []
    floor.pack()
    assert floor.inferred() == of(floor.cases)
    packing_rows.withdraw(floor.conn, contents.packing_id("p1"))
    floor.told = carried.again(floor.conn, [f"unit:{floor.pallet}"], T0)
    assert floor.inferred() == []
    assert {fact.kind for fact in floor.told} == {"fact.retracted"}


def test_a_move_that_did_not_happen_takes_its_conclusions_back(floor):
    floor.pack()
    move = floor.move(floor.pallet)
    floor.retract(move)
    assert floor.inferred() == []


def test_what_a_case_says_of_itself_comes_first(floor):
    floor.pack()
    floor.move(floor.cases[0], at=T0 + 61_000, vehicle="other", session="s9")
    floor.move(floor.pallet)
    assert floor.inferred() == of(floor.cases[1:])  # it was heard at another truck: nothing is concluded against that


def test_half_of_the_cases_take_the_pallet_along_but_not_the_other_half(floor):
    floor.pack()
    floor.move(floor.cases[0], at=T0 + 60_000)
    assert floor.inferred() == []
    floor.move(floor.cases[1], at=T0 + 62_000)
    assert floor.inferred() == of([floor.pallet], at=62)
    assert set(floor.told[-1].body["from"]) == set(floor.cases[:2])
    floor.move(floor.pallet, at=T0 + 63_000)  # now it is heard itself, and takes the others along
    assert floor.inferred() == of(floor.cases[2:], at=63)


def test_one_case_of_one_or_two_is_not_enough(floor):
    floor.pack(children=floor.cases[:1])
    floor.move(floor.cases[0])
    assert floor.inferred() == []


def test_cases_that_went_different_ways_prove_nothing_of_the_pallet(floor):
    floor.pack()
    floor.move(floor.cases[0])
    floor.move(floor.cases[1], vehicle="other", session="s2")
    assert floor.inferred() == []


def test_the_same_evidence_in_any_order_gives_the_same_conclusions(db):
    told = {
        "pack": lambda floor: floor.pack(),
        "out": lambda floor: floor.pack("delete", floor.cases[:1], T0 + 30_000, "p2"),
        "pallet": lambda floor: floor.move(floor.pallet),
        "case": lambda floor: floor.move(floor.cases[1], at=T0 + 61_000),
    }
    seen = set()
    for names in permutations(told):
        with scratch(db) as yard:
            floor = Floor(yard.db._conn)  # pyright: ignore[reportAttributeAccessIssue]
            for name in names:
                told[name](floor)
            numbered = {unit: n for n, unit in enumerate((floor.pallet, *floor.cases, floor.loose))}
            seen.add(canonical([[numbered[unit], kind, at] for unit, kind, at in floor.inferred()]))
    assert seen == {canonical([[3, "unit.loaded", 60], [4, "unit.loaded", 60]])}


def test_asked_again_nothing_new_is_told(floor):
    floor.pack()
    floor.move(floor.pallet)
    floor.move(floor.cases[0], "unit.passed_back", T0 + 64_000)
    before = floor.inferred()
    assert carried.again(floor.conn, [f"unit:{floor.pallet}", f"unit:{floor.cases[0]}"], T0) == []
    assert floor.inferred() == before


def test_tags_and_uris_of_a_unit_are_the_same_thing(floor):
    tag = epc(900)
    name = contents.name_of(tag)
    contents.pack(floor.conn, parent=name, children=[f"unit:{case}" for case in floor.cases], action="add", at=T0,
                  by=KEEPER, source="scan", key="p", now=T0)  # fmt: skip
    floor.told += carried.again(floor.conn, [name], T0)
    floor.move(floor.pallet)
    assert floor.inferred() == of(floor.cases)
    here, own = contents.contents(floor.conn, contents.name_of(f"unit:{floor.pallet}"), T0)
    assert own == f"unit:{floor.pallet}"
    assert len(here.children(own)) == 4


def test_units_entered_with_a_parent_lie_in_it_from_then_on(db):
    with scratch(db) as yard:
        conn = yard.db._conn  # pyright: ignore[reportAttributeAccessIssue]
        (pallet,) = plan.add_units(conn, "o", [{}], at_ms=T0)
        (case,) = plan.add_units(conn, "o", [{"parent": pallet.id}], at_ms=T0)
        here, own = contents.contents(conn, f"unit:{pallet.id}", T0)
        assert here.children(own) == [f"unit:{case.id}"]


def test_an_inference_is_no_independent_source():
    def fact(grade, source, rule=None):
        return Fact("f" + source + grade, "unit.loaded", 1, Author("device", "d"), {}, source=source, grade=grade)

    mark = Mark(fact("D", "rfid"))
    assert mark.grade == "D"
    mark.add(fact("B", "gate"))
    assert mark.grade == "B"
