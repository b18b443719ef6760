"""A unit was heard at a door and did not pass: when that is told, and the fact that it becomes. Pure.

The rule of the single antenna (`doors`) and the correlator (`dockside/difference`) tell it alike.
"""

from typing import Protocol

from milepost.evidence.model import Author, Fact, fact_id, grade

EVERY_MS = 600_000  # of a unit at a door it is told once in so long
QUIET_MS = 15_000  # by then a passage so far ahead is known: what is told does not hang on how the readings were split
NEAR_MS, AHEAD_MS = 60_000, 5_000  # a passage so long before, or so soon behind, says more than that it was heard
_CONFIDENCE = 0.9
_WHY = "heard at the door without passing"


class Heard(Protocol):
    """Reads of one tag within one window. Times UTC ms, levels dBm; `id`: of the reading, device/stream/seq."""

    @property
    def at(self) -> int: ...
    @property
    def last_at(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def epc(self) -> str: ...
    @property
    def max_dbm(self) -> float: ...
    @property
    def first_dbm(self) -> float: ...
    @property
    def last_dbm(self) -> float: ...
    @property
    def count(self) -> int: ...


def fact_of(unit: str, site: str, door: str, heard: Heard, rule: str) -> Fact:
    """`unit.seen` of a unit at a door; the same for every window of the same ten minutes. `rule`: who tells it."""
    subjects = {"unit": unit, "site": site, "door": door}
    levels = [heard.first_dbm, heard.max_dbm, heard.last_dbm]
    return Fact(
        id=fact_id("unit.seen", subjects, (f"{door}/{heard.at // EVERY_MS}",)),
        kind="unit.seen",
        at=heard.at,
        by=Author("device", heard.id.partition("/")[0]),
        source="rfid",
        subjects=subjects,
        body={"epc": heard.epc, "level_dbm": heard.max_dbm, "why": _WHY},
        confidence=_CONFIDENCE,
        grade=grade({"rfid"}, _CONFIDENCE),
        inputs=(heard.id,),
        snapshot={"rssi": [[heard.at, heard.last_at, *levels, heard.count]]},
        rule=rule,
    )
