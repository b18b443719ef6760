"""What decisions.jsonl says in the end, read by the rules of issue 6 and docs/correlate.md.

Lines of a unit are read in order of `at`, then of the file. A LOADED is undone by PASSED_BACK or UNLOADED at the same
door. A REVIEW is answered by a later LOADED, UNLOADED or PASSED_BACK at the same door; a STRAY says nothing. A REVIEW
behind a LOADED leaves it counted, but somebody is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, int | str]
Line = dict[str, Any]


def key(value: int | str) -> Key:
    """An id that keeps 7 and "7" apart."""
    return type(value).__name__, value


@dataclass(slots=True)
class Standing:
    """What stands of a unit in a session: counted by which line, asked by which line, and all lines about it."""

    counted: Line | None = None
    asked: Line | None = None
    lines: list[Line] = field(default_factory=list)
    changed_at: float | None = None


@dataclass(slots=True)
class Verdicts:
    """Standings by (unit, session), sums by session, questions without a unit, questions outside of sessions."""

    units: dict[tuple[Key, Key], Standing]
    sums: dict[Key, Line]
    unknown: list[Line]
    outside: list[Line]


def read(lines: Iterable[Line]) -> Verdicts:
    """Fold the lines of decisions.jsonl. lines: parsed, in the order of the file."""
    sums: dict[Key, Line] = {}
    decisions: list[Line] = []
    for line in lines:
        if "decision" in line:
            decisions.append(line)
        else:
            sums[key(line["session"])] = line
    decisions.sort(key=lambda line: line["at"])
    units: dict[tuple[Key, Key], Standing] = {}
    unknown: list[Line] = []
    loose: dict[tuple[Key, Key], Line] = {}  # questions outside of sessions, by unit and door
    held: dict[tuple[Key, Key], tuple[Key, Key]] = {}  # where a unit that was loaded at a door is counted
    for line in decisions:
        verdict = line["decision"]
        if verdict == "STRAY":
            continue
        if line["unit"] is None:
            if verdict == "REVIEW":
                unknown.append(line)
            continue
        unit, door = key(line["unit"]), key(line["door"])
        where = None if line["session"] is None else (unit, key(line["session"]))
        standing = None if where is None else units.setdefault(where, Standing())
        if standing is not None:
            standing.lines.append(line)
        if verdict == "REVIEW":
            if standing is None:
                loose[unit, door] = line
            elif standing.asked is None:
                standing.asked = line
                standing.changed_at = line["at"]
            continue
        loose.pop((unit, door), None)
        for (other, _), found in units.items():
            if other == unit and found.asked is not None and key(found.asked["door"]) == door:
                found.asked, found.changed_at = None, line["at"]
        before = held.pop((unit, door), None) if verdict in ("PASSED_BACK", "UNLOADED") else None
        if before is not None and before != where:
            units[before].counted, units[before].changed_at = None, line["at"]
        if standing is None or where is None:
            continue
        if verdict == "PASSED_BACK":
            if standing.counted is not None:
                standing.counted, standing.changed_at = None, line["at"]
        else:
            if standing.counted is None or standing.counted["decision"] != verdict:
                standing.changed_at = line["at"]
            standing.counted = line  # said again, perhaps with another confidence
            if verdict == "LOADED":
                held[unit, door] = where
    return Verdicts(units, sums, unknown, list(loose.values()))
