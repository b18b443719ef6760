"""How well decisions fit the truth of a day: the figures that issue 6 asks for, and which scenes the errors come from.

A *load* is a unit of a session's list that is aboard at the close (truth `loaded`) or, at an unload session, out of the
truck (`unloaded`). Times are compared as they stand: decisions carry the readers' clocks, some tenths of a second off.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milepost_tools.sim.otherdock.verdicts import Key, Line, Standing, Verdicts, key, read

_AUTO = {"loaded": "LOADED", "unloaded": "UNLOADED"}
_DRAWS_NEAR_S = 30.0
_DIRTY = {"not", "wrong_truck", "turned_back", "backed_out", "taken_out", "left_aboard"}


@dataclass(slots=True)
class Tally:
    """Counts that add up over days; `figures` turns them into the table."""

    counts: Counter[str] = field(default_factory=Counter)
    first_s: list[float] = field(default_factory=list)
    final_s: list[float] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)
    unknown_told_s: list[float] = field(default_factory=list)
    stated: list[tuple[float, bool]] = field(default_factory=list)
    early: list[tuple[float, bool]] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in another day's."""
        self.counts.update(other.counts)
        self.kinds.update(other.kinds)
        for name in ("first_s", "final_s", "told_s", "unknown_told_s", "stated", "early", "errors"):
            getattr(self, name).extend(getattr(other, name))

    def figures(self) -> dict[str, float]:
        """The table.

        auto_precision: right counts / all counts that stand at the end (LOADED, UNLOADED; of any unit).
        auto_recall: loads counted in their session / loads. review_rate: loads that end as a REVIEW / loads.
        review_all: every REVIEW that is open at the end, of whatever, / loads. review_needless: those of them about a
        unit that never crossed the line there. silent_rate: loads that end with neither a count nor a
        REVIEW / loads; a REVIEW without a unit answers for a load of its session that no antenna heard. silent_listed:
        how many; silent_unshown: those of them that the session's line does not even list as short.
        wrong_truck: units in a truck whose list does not have them (wrong_truck_passages) that end as counted.
        wrong_truck_told: share of those on another list with a REVIEW of the unit no later than 3 s after it crossed
        the line; unknown_told: the same of those on no list (unknown_passages), where the REVIEW names their tags.
        shipments_untouched: load sessions in whose truth nothing is wrong, of which every unit was counted, nothing
        else was, and no question is open; shipments_untouched_all: the same of all load sessions, true shorts listed as
        short. shorts_shown: listed units not aboard at the close that the session's line has as short or review / all
        such. first_p95_s: from a load's first crossing to the first LOADED, UNLOADED or REVIEW about it at the door, 0
        for a word that came while it drew near, up to half a minute before. final_p90_s: from its last crossing to the
        line from which on its final state stood. first_in_3_s, final_in_3_s: how many of all loads were that quick.
        calibration_error: ten bins over the confidences of the counts that stand; calibration_first: of the first count
        of each unit and session, against what was true in the end.
        sums_wrong: session lines that do not say what the decisions say.
        """
        n = self.counts
        loads = n["loads"]
        return {
            "loads": loads,
            "auto_precision": _share(n["right"], n["right"] + n["false"]),
            "auto_recall": _share(n["counted"], loads),
            "review_rate": _share(n["review"], loads),
            "review_all": _share(n["questions"], loads),
            "review_needless": _share(n["needless"], loads),
            "silent_rate": _share(n["silent"], loads),
            "silent_listed": n["silent"],
            "silent_unshown": n["unshown"],
            "wrong_truck": n["wrong_counted"],
            "wrong_truck_passages": n["wrong"],
            "wrong_truck_told": _share(sum(1 for s in self.told_s if s <= 3), len(self.told_s)),
            "unknown_passages": len(self.unknown_told_s),
            "unknown_told": _share(sum(1 for s in self.unknown_told_s if s <= 3), len(self.unknown_told_s)),
            "shipments_untouched": _share(n["untouched_clean"], n["clean"]),
            "shipments_untouched_all": _share(n["untouched"], n["shipments"]),
            "shipments": n["shipments"],
            "shorts_shown": _share(n["shorts_shown"], n["shorts"]),
            "shorts": n["shorts"],
            "first_in_3_s": _share(sum(1 for s in self.first_s if s <= 3), len(self.first_s)),
            "first_p95_s": _quantile(self.first_s, 0.95),
            "final_in_3_s": _share(sum(1 for s in self.final_s if s <= 3), len(self.final_s)),
            "final_p90_s": _quantile(self.final_s, 0.90),
            "calibration_error": calibration_error(self.stated),
            "calibration_first": calibration_error(self.early),
            "sums_wrong": n["sums_wrong"],
        }


def score(folder: Path, decisions: Path) -> Tally:
    """Hold a day's decisions against its truth. folder: as `lines.write` made it; decisions: decisions.jsonl."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    sessions = json.loads((folder / "sessions.json").read_text(encoding="utf-8"))
    with decisions.open(encoding="utf-8") as lines:
        return compare(truth, sessions, [json.loads(line) for line in lines])


def compare(truth: list[dict[str, Any]], sessions: list[dict[str, Any]], lines: list[Line]) -> Tally:
    """The same from parsed files."""
    verdicts = read(lines)
    tally = Tally()
    known = {(key(entry["unit"]), key(entry["session"])): entry for entry in truth}
    spare = _spare(verdicts)
    for place, entry in known.items():
        standing = verdicts.units.get(place, Standing())
        state = _state(entry, standing, spare)
        named = _named(entry, verdicts)
        if named and state == "NOTHING":
            state = "REVIEW"
        if entry["outcome"] in _AUTO:
            _load(tally, entry, standing, state, verdicts)
        else:
            _other(tally, entry, standing, state, named, verdicts)
        tally.kinds[f"{entry['outcome']}/{entry['kind']}", state] += 1
    for place, standing in verdicts.units.items():
        entry = known.get(place)
        right = entry is not None and _AUTO.get(entry["outcome"]) is not None
        counts = [line for line in standing.lines if line["decision"] in _AUTO.values()]
        if counts:
            fits = right and entry is not None and counts[0]["decision"] == _AUTO[entry["outcome"]]
            tally.early.append((counts[0]["confidence"], fits))
        if standing.counted is not None:
            fits = right and entry is not None and standing.counted["decision"] == _AUTO[entry["outcome"]]
            tally.stated.append((standing.counted["confidence"], fits))
            tally.counts["right" if fits else "false"] += 1
        if standing.asked is not None:
            tally.counts["questions"] += 1
            if entry is None or not entry["crossings"]:
                tally.counts["needless"] += 1
        if entry is None and (standing.counted or standing.asked):
            kind = "COUNTED" if standing.counted else "REVIEW"
            tally.kinds["stranger/never near the truck", kind] += 1
            _error(tally, "stranger", kind, standing.lines[-1])
    tally.counts["questions"] += len(verdicts.unknown) + len(verdicts.outside)
    tally.kinds["(no unit)", "REVIEW"] += len(verdicts.unknown)
    tally.kinds["(no session)", "REVIEW"] += len(verdicts.outside)
    for session in sessions:
        _shipment(tally, session, known, verdicts)
    return tally


def calibration_error(stated: list[tuple[float, bool]]) -> float:
    """Expected calibration error over ten equal bins of the confidence; 0 of nothing."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, true in stated:
        bins.setdefault(min(int(confidence * 10), 9), []).append((confidence, true))
    return sum(abs(sum(c for c, _ in part) - sum(t for _, t in part)) for part in bins.values()) / max(len(stated), 1)


def _spare(verdicts: Verdicts) -> dict[Key, list[float]]:
    """When a question without a unit was asked, by session."""
    found: dict[Key, list[float]] = {}
    for line in verdicts.unknown:
        if line["session"] is not None:
            found.setdefault(key(line["session"]), []).append(line["at"])
    return found


def _named(entry: dict[str, Any], verdicts: Verdicts) -> list[Line]:
    """Questions without a unit that name the tags of one, at its door: a unit on no list at all has no other name."""
    tags = {epc.upper() for epc in entry["epcs"]}
    return [
        line
        for line in verdicts.unknown
        if key(line["door"]) == key(entry["door"]) and tags & {epc.upper() for epc in line["epcs"]}
    ]


def _state(entry: dict[str, Any], standing: Standing, spare: dict[Key, list[float]]) -> str:
    """COUNTED, REVIEW or NOTHING."""
    if standing.counted is not None:
        wanted = _AUTO.get(entry["outcome"])
        return "COUNTED" if wanted in (None, standing.counted["decision"]) else "COUNTED THE OTHER WAY"
    if standing.asked is not None:
        return "REVIEW"
    if entry["heard"] == 0 and entry["outcome"] in _AUTO:
        asked = spare.get(key(entry["session"]), [])
        fitting = [at for at in asked if at >= entry["at"] - 5]
        if fitting:
            asked.remove(fitting[0])
            return "REVIEW"
    return "NOTHING"


def _load(tally: Tally, entry: dict[str, Any], standing: Standing, state: str, verdicts: Verdicts) -> None:
    n = tally.counts
    n["loads"] += 1
    n["counted"] += state == "COUNTED"
    n["review"] += state == "REVIEW"
    if state in ("NOTHING", "COUNTED THE OTHER WAY"):
        n["silent"] += 1
        sums = verdicts.sums.get(key(entry["session"]), {})
        n["unshown"] += entry["unit"] not in [*sums.get("short", []), *sums.get("review", [])]
    if state != "COUNTED":
        _error(tally, entry["kind"], state, entry)
    way = "in" if entry["outcome"] == "loaded" else "out"
    over = [t for t, which in entry["crossings"] if which == way]
    if not over:
        return
    words = [
        line["at"]
        for line in standing.lines
        if line["decision"] != "PASSED_BACK" and line["at"] >= over[0] - _DRAWS_NEAR_S
    ]
    tally.first_s.append(max(words[0] - over[0], 0.0) if words else math.inf)
    if standing.changed_at is not None and state != "NOTHING":
        tally.final_s.append(max(standing.changed_at - over[-1], 0.0))
    else:
        tally.final_s.append(math.inf)


def _other(
    tally: Tally, entry: dict[str, Any], standing: Standing, state: str, named: list[Line], verdicts: Verdicts
) -> None:  # fmt: skip
    n = tally.counts
    if state == "COUNTED":
        _error(tally, f"{entry['outcome']}/{entry['kind']}", state, entry)
    if entry["outcome"] == "wrong_truck":
        n["wrong"] += 1
        n["wrong_counted"] += state == "COUNTED"
        asked = [line["at"] - entry["at"] for line in [*standing.lines, *named] if line["decision"] == "REVIEW"]
        (tally.told_s if entry["known"] else tally.unknown_told_s).append(min(asked, default=math.inf))
        if not asked:
            _error(tally, "wrong_truck" if entry["known"] else "on no list", "NEVER TOLD", entry)
    elif entry["listed"] and entry["outcome"] != "left_aboard":
        n["shorts"] += 1
        sums = verdicts.sums.get(key(entry["session"]), {})
        shown = entry["unit"] in [*sums.get("short", []), *sums.get("review", [])]
        n["shorts_shown"] += shown
        if not shown:
            _error(tally, f"{entry['outcome']}/{entry['kind']}", "SHORT NOT SHOWN", entry)


def _shipment(
    tally: Tally, session: dict[str, Any], known: dict[tuple[Key, Key], dict[str, Any]], verdicts: Verdicts
) -> None:  # fmt: skip
    """Was a session settled without anybody's hand, and does its line say what its decisions say?"""
    own = key(session["session"])
    entries = {unit: entry for (unit, at), entry in known.items() if at == own}
    standings = {unit: standing for (unit, at), standing in verdicts.units.items() if at == own}
    sums = verdicts.sums.get(own, {})
    counted = {unit for unit, standing in standings.items() if standing.counted is not None}
    listed = {unit for unit, entry in entries.items() if entry["listed"]}
    if {key(unit) for unit in sums.get("matched", [])} != counted & listed:
        tally.counts["sums_wrong"] += 1
    if session["direction"] != "load":
        return
    aboard = {unit for unit, entry in entries.items() if entry["outcome"] == "loaded"}
    asked = any(standing.asked is not None for standing in standings.values())
    asked = asked or any(line["session"] is not None and key(line["session"]) == own for line in verdicts.unknown)
    shorts = {key(unit) for unit in sums.get("short", [])}
    untouched = counted == aboard and not asked and shorts == listed - aboard
    clean = not any(
        entry["outcome"] in _DIRTY or (entry["heard"] == 0 and entry["outcome"] in _AUTO) for entry in entries.values()
    )
    tally.counts["shipments"] += 1
    tally.counts["untouched"] += untouched
    tally.counts["clean"] += clean
    tally.counts["untouched_clean"] += clean and untouched


def _error(tally: Tally, kind: str, state: str, what: dict[str, Any]) -> None:
    tally.errors.append({"kind": kind, "state": state, "unit": what["unit"], "session": what["session"]})


def _share(part: float, whole: float) -> float:
    return round(part / whole, 6) if whole else math.nan


def _quantile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
