"""A unit that was heard at a door and did not pass: told once in ten minutes, alike by whoever heard it."""

from dataclasses import replace

import pytest

from milepost.evidence import sighting
from milepost.evidence.dockside.portions import Window
from milepost.evidence.passages import Read
from milepost.evidence.sighting import EVERY_MS

AT = 3 * EVERY_MS + 1_000
WINDOW = Window(AT, AT + 400, "E1", 2, -55.0, -61.5, -58.0, 9, "reader-1/7/12")
READ = Read(AT, AT + 400, "reader-1/7/12", "E1", -55.0, -61.5, -58.0, 9)


@pytest.mark.parametrize("heard", [WINDOW, READ], ids=["both sides", "one antenna"])
def test_it_says_who_heard_what_how_loud_and_where(heard: Window | Read) -> None:
    fact = sighting.fact_of("u", "s", "d", heard, "dock/2")
    assert (fact.kind, fact.at, fact.by.role, fact.by.id, fact.source) == (
        "unit.seen", AT, "device", "reader-1", "rfid")  # fmt: skip
    assert fact.subjects == {"unit": "u", "site": "s", "door": "d"}
    assert fact.body == {"epc": "E1", "level_dbm": -55.0, "why": "heard at the door without passing"}
    assert fact.snapshot == {"rssi": [[AT, AT + 400, -61.5, -55.0, -58.0, 9]]}
    assert (fact.inputs, fact.grade, fact.rule) == (("reader-1/7/12",), "C", "dock/2")


def test_within_ten_minutes_it_is_the_same_fact_and_then_another() -> None:
    def told(at: int, door: str = "d") -> str:
        return sighting.fact_of("u", "s", door, replace(WINDOW, at=at, id=f"reader-1/7/{at}"), "dock/2").id

    start = AT // EVERY_MS * EVERY_MS
    assert told(start) == told(start + EVERY_MS - 1)
    assert len({told(start), told(start - 1), told(start + EVERY_MS), told(start, "next door")}) == 4
