"""A person's word against a sensor's about where a unit lies (notes on RFID, section 5: manual vs sensor)."""

from typing import Any

import pytest


@pytest.fixture
def two(story: Any) -> Any:
    """One unit, two trucks whose trips both list it."""
    story.to_waybilled(qty=1)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", "o1")
    return story


def read(story: Any, vehicle: str, confidence: float) -> None:
    """A door's reader says so; from 0.999 on its word alone is grade B."""
    story.say("unit.loaded", by="device", source="rfid", unit="o1-u1", vehicle=vehicle, site="yard",
              confidence=confidence)  # fmt: skip


def claim(story: Any, vehicle: str, source: str) -> None:
    story.say("unit.loaded", by="keeper", source=source, unit="o1-u1", vehicle=vehicle, site="yard")


def said(story: Any) -> tuple[str | None, bool, list[str]]:
    state = story.state()
    unit = state.units[0]
    return unit["vehicle"], unit["frozen"], [t["kind"] for t in state.exceptions if t["closed_at"] is None]


def test_a_bare_assertion_does_not_outweigh_what_is_proven_and_the_dispute_names_its_author(two: Any):
    read(two, "v1", 0.9995)
    claim(two, "v2", "person")
    assert said(two)[1:] == (True, ["two_trucks"])
    [trouble] = two.state().exceptions
    authors = {fact.id: fact.by.role for fact in two.facts}
    assert [authors[fact] for fact in trouble["facts"]] == ["keeper"]


def test_who_has_looked_and_says_it_again_settles_it(two: Any):
    read(two, "v1", 0.9995)
    claim(two, "v2", "person")
    claim(two, "v2", "person")
    assert said(two) == ("v2", False, [])


def test_a_scan_beats_a_single_sensor_and_a_bare_assertion_an_unsure_one(two: Any):
    read(two, "v1", 0.97)
    claim(two, "v2", "scan")
    assert said(two) == ("v2", False, [])


def test_a_persons_word_beats_an_unsure_sensor(two: Any):
    read(two, "v1", 0.97)
    claim(two, "v2", "person")
    assert said(two) == ("v2", False, [])


def test_a_sensor_never_moves_what_lies_on_another_truck(two: Any):
    claim(two, "v1", "scan")
    read(two, "v2", 0.97)
    assert said(two)[1:] == (True, ["two_trucks"])
