"""Decisions of the correlator held against the truth of a simulated day.

Counted are *loads*: units that went with their session (into the truck, or out of it when it unloads) and were still
there when it closed. A decision is *automatic* when the last word on a unit in a session is LOADED or UNLOADED.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost.evidence.dock.model import (
    IN,
    INNER,
    LOADED,
    OUT,
    OUTER,
    PASSED_BACK,
    REVIEW,
    STRAY,
    UNLOADED,
    Decision,
    Order,
    Session,
    Unit,
    Verdict,
)
from milepost_tools.sim.dock import Scene

_NEAR_S = 3.0
_ASKED_S = 8.0  # a question without a tag is about what crossed so near to it
_GOES = {"loaded": OUT, "wrong_truck": OUT, "unloaded": IN, "passed_back": IN}
_SIDE = {"inner": INNER, "outer": OUTER}


@dataclass(frozen=True, slots=True)
class Inputs:
    """A scene as the correlator takes it."""

    sessions: list[Session]
    orders: list[Order]
    reads: list[tuple[float, Any, Any, Any, float]]
    edges: list[tuple[float, Any, int, int]]


def inputs(scene: Scene) -> Inputs:
    """The four files of a scene without writing them."""
    sessions = [
        Session(
            row["session"], row["door"], row["vehicle"], row["trip"], row["from"], row["to"],
            OUT if row["direction"] == "load" else IN,
            tuple((each["ant"], _SIDE[each["role"]]) for each in row["antennas"]),
        )
        for row in scene.sessions
    ]  # fmt: skip
    orders = [
        Order(
            row["trip"],
            row["order"],
            tuple(Unit(each["unit"], row["trip"], row["order"], tuple(each["epcs"])) for each in row["units"]),
        )
        for row in scene.orders
    ]
    reads = scene.reads
    lines = zip(
        reads.t.tolist(),
        [reads.door[n] for n in reads.door_index.tolist()],
        [reads.ant[n] for n in reads.ant_index.tolist()],
        [reads.epc[n] for n in reads.epc_index.tolist()],
        reads.rssi.tolist(),
        strict=True,
    )
    return Inputs(
        sessions,
        orders,
        list(lines),
        [(row["t"], row["door"], _SIDE[row["gate"]], row["state"]) for row in scene.gates],
    )


class Truth:
    """Questions to the truth of a scene."""

    def __init__(self, scene: Scene) -> None:
        truth = scene.truth
        self.passages = truth["passages"]
        self._of_epc: dict[Any, Any] = dict(truth.get("riders", {}))
        for row in self.passages:
            self._of_epc.update((epc, row["unit"]) for epc in row["epcs"])
        self._times: dict[tuple[Any, Any, int], list[float]] = {}
        for row in self.passages:
            if row["what"] in _GOES:
                self._times.setdefault((row["unit"], row["door"], _GOES[row["what"]]), []).append(row["t"])
        self.across: dict[Any, set[Any]] = {}
        self.listed: dict[Any, set[Any]] = {}
        rows = {row["session"]: row for row in scene.sessions}
        for each in truth["sessions"]:
            session = each["session"]
            self.listed[session] = set(each["listed"])
            self.across[session] = set(each["loaded"]) if each["direction"] == "load" else self._unloaded(rows[session])

    def _unloaded(self, row: dict[str, Any]) -> set[Any]:
        until = float("inf") if row["to"] is None else row["to"]
        last: dict[Any, str] = {}
        for each in self.passages:
            if each["door"] == row["door"] and each["trip"] == row["trip"] and each["t"] < until:
                last[each["unit"]] = each["what"]
        return {unit for unit, what in last.items() if what == "unloaded"}

    def unit_of(self, epc: Any) -> Any:
        """The unit that an EPC went with, None for what never moved through."""
        return self._of_epc.get(epc)

    def crossed(self, unit: Any, door: Any, direction: int, at_s: float) -> bool:
        """True when the unit crossed that door that way within 3 s of the instant."""
        times = self._times.get((unit, door, direction), [])
        place = bisect_left(times, at_s - _NEAR_S)
        return place < len(times) and times[place] <= at_s + _NEAR_S

    def crossing(self, unit: Any, door: Any, direction: int, before_s: float) -> float | None:
        """When it last crossed that way before an instant."""
        times = [t for t in self._times.get((unit, door, direction), []) if t < before_s]
        return times[-1] if times else None


@dataclass(slots=True)
class Tally:
    """Sums over scenes. silent: loads, also of units on no list, that no line about their session tells of;
    asked_unlisted: questions about goods on no list that really went along, which are no share of `review`: only a
    person can say what they are."""

    count: Counter[str] = field(default_factory=Counter)
    first_s: list[float] = field(default_factory=list)
    final_s: list[float] = field(default_factory=list)
    stated: list[tuple[float, bool]] = field(default_factory=list)  # confidence, and whether it was so
    odd: list[str] = field(default_factory=list)  # what went wrong, in words

    def add(self, scene: Scene, decisions: Sequence[Decision], verdicts: Iterable[Verdict]) -> None:
        """Count one scene."""
        truth = Truth(scene)
        rows = {row["session"]: row for row in scene.sessions}
        sums = {each.session: each for each in verdicts}
        words: dict[tuple[Any, Any], list[Decision]] = {}
        nameless: dict[Any, list[Decision]] = {}
        for each in decisions:
            if each.unit is None:
                nameless.setdefault(each.session, []).append(each)
            else:
                words.setdefault((each.session, each.unit), []).append(each)
            if each.decision in (LOADED, UNLOADED):
                self.stated.append((each.confidence, each.unit in truth.across.get(each.session, ())))
        for session, row in rows.items():
            self._session(scene, row, truth, words, sums[session], nameless.get(session, []))
        loose = [each for (session, _), said in words.items() if session is None for each in said[-1:]]
        self.count["loose_review"] += sum(each.decision == REVIEW for each in loose)

    def _session(
        self, scene: Scene, row: dict[str, Any], truth: Truth, words: dict[tuple[Any, Any], list[Decision]],
        told: Verdict, nameless: Sequence[Decision],
    ) -> None:  # fmt: skip
        session, count = row["session"], self.count
        across, listed = truth.across[session], truth.listed[session]
        shown = {*told.matched, *told.short, *told.over, *told.review}
        shown |= {truth.unit_of(epc) for each in nameless for epc in each.epcs}
        finals = {unit: _final(said) for (each, unit), said in words.items() if each == session}
        direction = OUT if row["direction"] == "load" else IN
        until = float("inf") if row["to"] is None else row["to"] + 5.0
        for unit, final in finals.items():
            if final in (LOADED, UNLOADED):
                right = unit in across
                count["auto"] += 1
                count["auto_right"] += right
                if not right:
                    elsewhere = any(unit in loads for other, loads in truth.across.items() if other != session)
                    count["wrong_truck"] += elsewhere or unit not in listed
                    self.odd.append(f"{scene.site.profile} {session}/{unit}: {final}, not so")
            count["review"] += final == REVIEW
        due = [each for each in nameless if any(truth.unit_of(epc) in across - listed for epc in each.epcs)]
        count["review"] += len(nameless) - len(due)
        count["asked_unlisted"] += len(due)
        for unit in across:
            mine = unit in listed
            final = finals.get(unit)
            count["loads"] += mine
            count["loads_foreign"] += not mine
            count["found"] += mine and final in (LOADED, UNLOADED)
            count["silent_listed"] += mine and unit not in shown
            if final not in (LOADED, UNLOADED, REVIEW):
                count["missed"] += mine
                count["silent"] += unit not in shown and not self._asked(truth, unit, row["door"], direction, nameless)
            if mine:
                self._latency(truth, words.get((session, unit), []), unit, row["door"], direction, until)
        if row["direction"] == "load":
            short = listed - across
            count["shorts"] += len(short)
            count["shorts_shown"] += len(short & {*told.short, *told.review})
            if not short and not across - listed and not any(
                each["unit"] is None and each["session"] == session for each in truth.passages
            ):  # fmt: skip
                count["clean"] += 1
                count["untouched"] += not (told.short or told.over or told.review or nameless)

    @staticmethod
    def _asked(truth: Truth, unit: Any, door: Any, direction: int, nameless: Sequence[Decision]) -> bool:
        """True when a question without a tag was put about the unit's passage."""
        passed = truth.crossing(unit, door, direction, float("inf"))
        return passed is not None and any(
            not each.epcs and abs((each.passed_s or each.at_s) - passed) < _ASKED_S for each in nameless
        )

    def _latency(
        self, truth: Truth, said: list[Decision], unit: Any, door: Any, direction: int, until: float
    ) -> None:  # fmt: skip
        passed = truth.crossing(unit, door, direction, until)
        if passed is None:
            return
        after = [each for each in said if each.at_s >= passed - 1.0 and each.decision != STRAY]
        if after and after[0].decision in (LOADED, UNLOADED, REVIEW):
            self.first_s.append(after[0].at_s - passed)
        if after and after[-1].decision in (LOADED, UNLOADED):
            self.final_s.append(after[-1].at_s - passed)

    def figures(self) -> dict[str, float]:
        """The shares that are demanded."""
        count = self.count
        loads = max(1, count["loads"])
        return {
            "loads": count["loads"],
            "auto_precision": count["auto_right"] / max(1, count["auto"]),
            "auto_recall": count["found"] / loads,
            "silent_rate": count["silent"] / loads,
            "silent_listed": count["silent_listed"],
            "review_rate": count["review"] / loads,
            "wrong_truck": count["wrong_truck"],
            "shipments_untouched": count["untouched"] / max(1, count["clean"]),
            "shorts_shown": count["shorts_shown"] / max(1, count["shorts"]),
            "decision_first_p95_s": _part(self.first_s, 0.95),
            "decision_final_p90_s": _part(self.final_s, 0.90),
            "calibration_error": calibration_error(self.stated),
        }


def _final(said: Sequence[Decision]) -> str | None:
    """The state that the lines of a unit leave: STRAY says nothing, PASSED_BACK undoes."""
    state: str | None = None
    for each in said:
        if each.decision == PASSED_BACK:
            state = None
        elif each.decision != STRAY:
            state = each.decision
    return state


def _part(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def calibration_error(stated: Sequence[tuple[float, bool]], slots: int = 10) -> float:
    """The expected calibration error over slots of equal width: |share right - mean confidence|, weighted by number."""
    sums: dict[int, tuple[int, float, int]] = {}
    for confidence, right in stated:
        slot = min(slots - 1, int(confidence * slots))
        number, total, good = sums.get(slot, (0, 0.0, 0))
        sums[slot] = (number + 1, total + confidence, good + right)
    return sum(abs(good - total) for _, total, good in sums.values()) / max(1, len(stated))
