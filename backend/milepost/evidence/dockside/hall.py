"""The doors of one site at work: the correlator with what it was told and fed, so far. No I/O.

It can always be made anew from the portions kept (`portions`), and is whenever something comes behind what was judged.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from milepost.evidence import sighting
from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.model import OUT, Decision, Order, Session, Unit
from milepost.evidence.dock.scoring import Scorer
from milepost.evidence.dockside.portions import Portion, Window

_PRUNE_S = 30.0
_GATE_S = 4.0  # an edge so near to a passage belongs to it


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a site besides readings.

    roles: by door the antennas and their sides; sessions: by id; lists: by trip the units expected on it.
    """

    roles: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict[str, tuple[tuple[str, int], ...]])
    sessions: Mapping[str, Session] = field(default_factory=dict[str, Session])
    lists: Mapping[str, Order] = field(default_factory=dict[str, Order])


class Hall:
    """One site. told: see `Told`; owners: the unit of each EPC that is no matter of these lists."""

    def __init__(self, told: Told, owners: Mapping[str, str], scorer: Scorer | None = None) -> None:
        self.told = told
        self.until_s = float("-inf")
        self.newest_ms = 0
        self.oldest_ms: int | None = None
        self.said: list[Decision] = []
        self.heard: dict[tuple[str, str, int], Window] = {}  # by unit, door and ten minutes the first window
        self._listed: dict[str, set[str]] = {}
        self._owners: dict[str, str] = {}
        self._asked: set[str] = set()
        self._edges: dict[str, list[float]] = {}
        self._pruned_s = float("-inf")
        for trip, order in told.lists.items():
            self._listed[trip] = {str(unit.unit) for unit in order.units}
            self._owners |= {str(epc): str(unit.unit) for unit in order.units for epc in unit.epcs}
        # What the antennas look at is known before any session: one of no length says it.
        before = [Session(f"antennas of {door}", door, None, None, 0.0, 1.0, OUT, roles)
                  for door, roles in sorted(told.roles.items())]  # fmt: skip
        self._engine = Correlator(
            [*before, *told.sessions.values()], [*told.lists.values(), *self._strange(owners)], scorer=scorer
        )

    def knows(self, epc: str) -> bool:
        """True when it was told whose this EPC is, or that it is nobody's."""
        return epc in self._owners or epc in self._asked

    def own(self, owners: Mapping[str, str], asked: Iterable[str]) -> None:
        """Take the units of EPCs before they are fed; `asked`: all that were looked up."""
        self._asked.update(asked)
        for order in self._strange(owners):
            self._engine.set_units(order)

    def _strange(self, owners: Mapping[str, str]) -> list[Order]:
        """Units that are on no list here, each as a list of its own."""
        new = {epc: unit for epc, unit in owners.items() if epc not in self._owners}
        self._owners |= new
        orders: list[Order] = []
        for unit in sorted(set(new.values())):
            own = tuple(sorted(epc for epc, each in self._owners.items() if each == unit))
            orders.append(Order(f"unit {unit}", unit, (Unit(unit, f"unit {unit}", unit, own),)))
        return orders

    def can_follow(self, told: Told) -> bool:
        """True when nothing that is known otherwise now reaches behind what was judged; else a new one is due."""
        if told.roles != self.told.roles:
            return False
        for key, session in told.sessions.items():
            old = self.told.sessions.get(key)
            if old == session:
                continue
            if old is None and session.from_s < self.until_s:
                return False
            if old is not None and not (_ended(old, session) and session.to_s and session.to_s >= self.until_s):
                return False
        for key, old in self.told.sessions.items():
            if key not in told.sessions and (old.to_s is None or old.to_s >= self.until_s):
                return False
        new = {trip: order for trip, order in told.lists.items() if self.told.lists.get(trip) != order}
        opened = {each.trip for key, each in told.sessions.items() if key not in self.told.sessions}
        if any(trip in self.told.lists for trip in new) or not opened >= new.keys():
            return False
        # Heard already as a stranger, or as a unit of no list here: the passages before would be judged otherwise.
        codes = (str(epc) for order in new.values() for unit in order.units for epc in unit.epcs)
        return not any(epc in self._owners or epc in self._asked for epc in codes)

    def follow(self, told: Told) -> None:
        """Take what is known otherwise now, where that can be followed."""
        for trip, order in sorted(told.lists.items()):
            if trip not in self.told.lists:
                self._listed[trip] = {str(unit.unit) for unit in order.units}
                self._owners |= {str(epc): str(unit.unit) for unit in order.units for epc in unit.epcs}
                self._engine.set_units(order)
        for key, session in sorted(told.sessions.items()):
            old = self.told.sessions.get(key)
            if old is None:
                self._engine.open_session(session)
            elif old != session and session.to_s is not None:
                self._engine.close_session(key, session.to_s)
        self.told = told

    def feed(self, found: Iterable[Portion]) -> float:
        """Take portions. Returns how far they reach behind what was judged (ms, 0 when they do not): what was said
        before is not judged again by it."""
        behind_ms = 0.0
        for each in found:
            first_ms = each.first_ms
            behind_ms = max(behind_ms, self.until_s * 1000 - first_ms)
            self.oldest_ms = first_ms if self.oldest_ms is None else min(self.oldest_ms, first_ms)
            edges = each.edges()
            self._engine.feed(each.reads(), edges)
            for t, door, _, _ in edges:
                insort(self._edges.setdefault(str(door), []), t)
            for window in each.windows:
                self.newest_ms = max(self.newest_ms, window.last_at)
                unit = self._owners.get(window.epc)
                if unit is not None:
                    place = (unit, each.door, window.at // sighting.EVERY_MS)
                    if place not in self.heard or (window.at, window.id) < (self.heard[place].at, self.heard[place].id):
                        self.heard[place] = window
            self.newest_ms = max([self.newest_ms, *(gate.at for gate in each.gates)])
        return behind_ms

    def advance(self, until_s: float) -> list[Decision]:
        """Judge up to an instant; the decisions that are new."""
        if until_s <= self.until_s:
            return []
        said = self._engine.advance(until_s)
        self._engine.verdicts()  # what a session comes to is counted from the facts
        self.until_s = until_s
        if until_s - self._pruned_s > _PRUNE_S:
            self._engine.prune(until_s)
            self._pruned_s = until_s
        self.said += said
        return said

    def epcs(self, unit: str) -> set[str]:
        """The EPCs of a unit, as far as it was told."""
        return {epc for epc, each in self._owners.items() if each == unit}

    def nobodys(self) -> set[str]:
        """EPCs that were looked up and found to be nobody's."""
        return self._asked - self._owners.keys()

    def listed(self, unit: str, session: str) -> bool:
        """Whether a unit is on the list of a session."""
        known = self.told.sessions.get(session)
        return known is not None and unit in self._listed.get(str(known.trip), ())

    def gated(self, door: str, at_ms: int) -> bool:
        """Whether a light gate of the door changed near an instant."""
        edges = self._edges.get(door, [])
        place = bisect_left(edges, at_ms / 1000 - _GATE_S)
        return place < len(edges) and edges[place] <= at_ms / 1000 + _GATE_S

    def forget(self, before_ms: int) -> None:
        """Let go what was said and heard before an instant: it is not judged again."""
        self.oldest_ms = before_ms
        self.said = [each for each in self.said if (each.passed_s or each.at_s) * 1000 >= before_ms]
        self.heard = {key: each for key, each in self.heard.items() if each.at >= before_ms}
        for edges in self._edges.values():
            del edges[: bisect_left(edges, before_ms / 1000)]


def _ended(old: Session, new: Session) -> bool:
    same = (old.door, old.vehicle, old.trip, old.from_s, old.direction) == (
        new.door, new.vehicle, new.trip, new.from_s, new.direction)  # fmt: skip
    return same and old.to_s is None
