"""Who is who: units and their EPCs, trips and lists, sessions and antennas, numbered for the columns of the logs."""

from collections.abc import Iterable, Sequence

from milepost.evidence.dock.model import ELSEWHERE, INNER, OUTER, Id, Order, Session, Unit, epc_key, id_key


class Roster:
    """Subjects are units and EPCs that are on no list, numbered: at first the units, then whoever comes.

    sessions and orders may come in any order; both may be told anew later.
    """

    def __init__(self, sessions: Iterable[Session], orders: Iterable[Order]) -> None:
        self.sessions: list[Session] = []
        self.by_door: dict[Id, list[Session]] = {}
        self.by_id: dict[Id, Session] = {}
        self._orders: dict[tuple[Id, Id], list[Unit]] = {}
        self._units: list[Unit | None] = []  # by subject
        self._codes: list[tuple[Id, ...]] = []
        self.number: dict[Id, int] = {}
        self.trips: dict[int, set[Id]] = {}
        self.subject_of: dict[Id, int] = {}
        self.listed: dict[Id, list[int]] = {}
        self._seats: dict[Id, dict[Id, int]] = {}  # numbers of a door's antennas
        self._sides: dict[Id, dict[int, int]] = {}  # and which way they look
        for order in orders:
            self._orders.setdefault((order.trip, order.order), []).extend(order.units)
        self._enlist()
        self.by_id.update((each.session, each) for each in sessions)
        self._arrange()

    def put_session(self, session: Session) -> None:
        """Take a session, in place of what was known under its id."""
        self.by_id[session.session] = session
        self._arrange()

    def _arrange(self) -> None:
        self.sessions = sorted(self.by_id.values(), key=lambda each: (each.from_s, id_key(each.session)))
        self.by_door, self._sides = {}, {}
        for each in self.sessions:
            self.by_door.setdefault(each.door, []).append(each)
            for antenna, side in each.roles:
                self._sides.setdefault(each.door, {})[self._seat(each.door, antenna)] = side

    def put_order(self, order: Order) -> list[tuple[int, int]]:
        """Take an order with its units, in place of what was known of it.

        Returns subjects (old, new) that turned out to be one: tags that were read before anybody told whose they are.
        """
        self._orders[order.trip, order.order] = list(order.units)
        return self._enlist()

    def _enlist(self) -> list[tuple[int, int]]:
        """Number new units and make the lists anew."""
        same: list[tuple[int, int]] = []
        units: dict[Id, Unit] = {}
        trips: dict[Id, set[Id]] = {}
        for unit in sorted(
            (unit for each in self._orders.values() for unit in each),
            key=lambda each: (id_key(each.unit), id_key(each.trip), id_key(each.order)),
        ):
            known = units.get(unit.unit)
            epcs = unit.epcs if known is None else tuple(dict.fromkeys((*known.epcs, *unit.epcs)))
            units[unit.unit] = Unit(unit.unit, unit.trip, unit.order, tuple(sorted(epcs, key=id_key)))
            trips.setdefault(unit.unit, set()).add(unit.trip)
        self.listed, self.trips = {}, {}
        for unit in units.values():
            n = self.number.get(unit.unit)
            if n is None:
                n = self.number[unit.unit] = len(self._units)
                self._units.append(unit)
                self._codes.append(unit.epcs)
            self._units[n], self._codes[n] = unit, unit.epcs
            for epc in unit.epcs:
                old = self.subject_of.get(epc_key(epc), n)
                if old != n and self._units[old] is None:
                    same.append((old, n))
                self.subject_of[epc_key(epc)] = n
            self.trips[n] = trips[unit.unit]
            for trip in trips[unit.unit]:
                self.listed.setdefault(trip, []).append(n)
        return same

    def _seat(self, door: Id, antenna: Id) -> int:
        seats = self._seats.setdefault(door, {})
        return seats.setdefault(antenna, len(seats))

    def antenna(self, door: Id, antenna: Id) -> tuple[int, int]:
        """Side and number of an antenna; one that no session names is ELSEWHERE."""
        seat = self._seat(door, antenna)
        return self.sides(door).get(seat, ELSEWHERE), seat

    def sides(self, door: Id) -> dict[int, int]:
        """The sides of a door's antennas by their numbers, as far as sessions told them."""
        return self._sides.get(door, {})

    def antennas(self, door: Id) -> tuple[int, int]:
        """How many antennas a door has on its inner and outer side."""
        sides = list(self.sides(door).values())
        return sides.count(INNER), sides.count(OUTER)

    def add_strangers(self, epcs: Sequence[Id]) -> None:
        """Number EPCs that are on no list; the caller brings them in an order of its data, not of its arrival."""
        for epc in epcs:
            if epc_key(epc) not in self.subject_of:
                self.subject_of[epc_key(epc)] = len(self._units)
                self._units.append(None)
                self._codes.append((epc,))

    def unit(self, subject: int) -> Unit | None:
        """The unit of a subject, None for a stranger."""
        return self._units[subject]

    def epcs(self, subject: int) -> tuple[Id, ...]:
        """The EPCs of a subject as they were given."""
        return self._codes[subject]

    def is_listed(self, subject: int, trip: Id | None) -> bool:
        """True when the subject is a unit on the list of the trip."""
        return trip is not None and trip in self.trips.get(subject, ())

    def has_list(self, trip: Id | None) -> bool:
        """True when any unit is on the list of the trip."""
        return trip is not None and bool(self.listed.get(trip))

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
        trips = self.trips.get(subject)
        if trips is None:
            return None
        for session in self.sessions:
            if session.from_s > at_s:
                break
            if session.door != door and session.covers(at_s) and session.trip in trips:
                return session
        return None
