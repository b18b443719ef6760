"""Who is who: units and their EPCs, trips and lists, sessions and antennas, numbered for the columns of the logs."""

from collections.abc import Iterable, Sequence

from milepost.evidence.dock.model import ELSEWHERE, INNER, OUTER, Id, Order, Session, Unit, epc_key, id_key

UNNAMED_ANTENNA = -1


class Roster:
    """Subjects are units and, behind them, EPCs that are on no list. sessions and orders may come in any order."""

    def __init__(self, sessions: Iterable[Session], orders: Iterable[Order]) -> None:
        self.sessions = sorted(sessions, key=lambda each: (each.from_s, id_key(each.session)))
        units: dict[Id, Unit] = {}
        self.trips: dict[Id, set[Id]] = {}
        for unit in sorted(
            (unit for order in orders for unit in order.units),
            key=lambda each: (id_key(each.unit), id_key(each.trip), id_key(each.order)),
        ):
            known = units.get(unit.unit)
            epcs = unit.epcs if known is None else tuple(dict.fromkeys((*known.epcs, *unit.epcs)))
            units[unit.unit] = Unit(unit.unit, unit.trip, unit.order, tuple(sorted(epcs, key=id_key)))
            self.trips.setdefault(unit.unit, set()).add(unit.trip)
        self.units = list(units.values())
        self.number = {unit.unit: n for n, unit in enumerate(self.units)}
        self.subject_of = {epc_key(epc): n for n, unit in enumerate(self.units) for epc in unit.epcs}
        self.strangers: list[Id] = []
        self.listed: dict[Id, list[int]] = {}
        for n, unit in enumerate(self.units):
            for trip in self.trips[unit.unit]:
                self.listed.setdefault(trip, []).append(n)
        self.by_door: dict[Id, list[Session]] = {}
        self._antennas: dict[Id, dict[Id, tuple[int, int]]] = {}
        for session in self.sessions:
            self.by_door.setdefault(session.door, []).append(session)
            known_antennas = self._antennas.setdefault(session.door, {})
            for antenna, side in session.roles:
                place = known_antennas.get(antenna, (0, len(known_antennas)))[1]
                known_antennas[antenna] = (side, place)

    def antenna(self, door: Id, antenna: Id) -> tuple[int, int]:
        """Side and number of an antenna; one that no session names is ELSEWHERE."""
        return self._antennas.get(door, {}).get(antenna, (ELSEWHERE, UNNAMED_ANTENNA))

    def antennas(self, door: Id) -> tuple[int, int]:
        """How many antennas a door has on its inner and outer side."""
        sides = [side for side, _ in self._antennas.get(door, {}).values()]
        return sides.count(INNER), sides.count(OUTER)

    def add_strangers(self, epcs: Sequence[Id]) -> None:
        """Number EPCs that are on no list; the caller brings them in an order of its data, not of its arrival."""
        for epc in epcs:
            if epc_key(epc) not in self.subject_of:
                self.subject_of[epc_key(epc)] = len(self.units) + len(self.strangers)
                self.strangers.append(epc)

    def unit(self, subject: int) -> Unit | None:
        """The unit of a subject, None for a stranger."""
        return self.units[subject] if subject < len(self.units) else None

    def epcs(self, subject: int) -> tuple[Id, ...]:
        """The EPCs of a subject as they were given."""
        unit = self.unit(subject)
        return (self.strangers[subject - len(self.units)],) if unit is None else unit.epcs

    def is_listed(self, subject: int, trip: Id | None) -> bool:
        """True when the subject is a unit on the list of the trip."""
        unit = self.unit(subject)
        return unit is not None and trip is not None and trip in self.trips[unit.unit]

    def session_at(self, door: Id, at_s: float) -> Session | None:
        """The session of a door at an instant; of two that overlap the one opened later."""
        found = None
        for session in self.by_door.get(door, ()):
            if session.from_s > at_s:
                break
            if session.covers(at_s):
                found = session
        return found

    def own_session_elsewhere(self, subject: int, door: Id, at_s: float) -> Session | None:
        """A session open at another door that lists the subject."""
        unit = self.unit(subject)
        if unit is None:
            return None
        for session in self.sessions:
            if session.from_s > at_s:
                break
            if session.door != door and session.covers(at_s) and session.trip in self.trips[unit.unit]:
                return session
        return None
