"""A simulated day through the live path, as tag records of readers, beside `milepost correlate` on its raw reads."""

from collections import defaultdict
from itertools import count

import pytest

from milepost.evidence import log, repository, service
from milepost.evidence.dock.correlate import correlate
from milepost.evidence.dock.model import INNER, LOADED, OUT, UNLOADED
from milepost.evidence.dockside import portions
from milepost.evidence.dockside.told import told
from milepost.evidence.sink import DetectorSink
from milepost.fleet import antennas
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.plan import service as plan
from milepost.telemetry.model import GateBody, Reading, TagBody
from milepost_tools.bench.dock_score import Inputs, Truth, inputs
from milepost_tools.sim.dock import simulate

from ..conftest import Accounts, OneTransaction

WINDOW_MS, DELIVERY_MS = 500, 2_000


class House:
    """The scene's doors, trucks, trips and units as rows; `sessions`: row id to the scene's."""

    def __init__(self, conn, given: Inputs) -> None:
        self.readers: dict[tuple, tuple[str, int]] = {}
        self.units: dict[str, object] = {}  # row id to the scene's
        self.sessions: dict[str, object] = {}
        self._rows(conn, given)

    def _rows(self, conn, given: Inputs) -> None:
        circle = {"type": "circle", "lat": 31.0, "lon": 121.0, "radius_m": 150}
        self.site = site = fleet.add_site(conn, code="S", name_zh="s", name_en="s", kind="origin", shape=circle)
        sides: dict[object, dict] = defaultdict(dict)
        for each in given.sessions:
            sides[each.door] |= dict(each.roles)
        doors = {}
        for n, (door, roles) in enumerate(sorted(sides.items(), key=str)):
            doors[door], reader = fleet.add_door(conn, site_id=site, number=str(n)), f"r-{n}"
            fleet.register_device(conn, device_id=reader, role="reader", name=reader, accounts=Accounts())
            fleet.bind(conn, reader, "door", doors[door], 0)
            self.readers |= {(door, name): (reader, k) for k, name in enumerate(sorted(roles, key=str))}
            antennas.set_antennas(conn, doors[door], [
                {"antenna": self.readers[door, name][1], "role": "inner" if side == INNER else "outer"}
                for name, side in roles.items()
            ])  # fmt: skip
        trucks = {each: fleet.add_vehicle(conn, plate=f"V{n:05d}")
                  for n, each in enumerate(sorted({one.vehicle for one in given.sessions}, key=str))}  # fmt: skip
        trips = {each: plan.plan_trip(conn, number=f"T{n}", kind="line", stops=[{"site": site}]).id
                 for n, each in enumerate(sorted({one.trip for one in given.sessions}, key=str))}  # fmt: skip
        row_of: dict[object, tuple[str, str]] = {}  # of units: order and unit; one may be on the lists of two trips
        for order in given.orders:
            name = f"o-{order.trip}-{order.order}"
            new = [unit for unit in order.units if unit.unit not in row_of]
            row_of |= {unit.unit: (name, new_id()) for unit in new}
            if new:
                items = [{"unit": row_of[unit.unit][1], "epcs": list(unit.epcs)} for unit in new]
                plan.add_units(conn, name, items, at_ms=0)
            for unit in order.units if order.trip in trips else ():
                plan.expect(conn, trips[order.trip], row_of[unit.unit][0], [row_of[unit.unit][1]])
        self.units = {row: name for name, (_, row) in row_of.items()}
        for each in given.sessions:
            row = {"id": new_id(), "door_id": doors[each.door], "vehicle_id": trucks[each.vehicle],
                   "trip_id": trips[each.trip], "direction": "load" if each.direction == OUT else "unload",
                   "from_ms": round(each.from_s * 1000), "opened_by": "k", "closed_by": "k",
                   "to_ms": None if each.to_s is None else round(each.to_s * 1000)}  # fmt: skip
            repository.add_session(conn, row)
            self.sessions[row["id"]] = each.session

    def record(self, given: Inputs) -> list[Reading]:
        """The records of the readers, in the order in which they are written."""
        opened: dict[tuple, list] = {}
        windows: list[tuple[tuple, list]] = []
        for t, door, antenna, code, dbm in sorted(given.reads, key=lambda row: (row[0], str(row))):
            key, at = (door, antenna, code), round(t * 1000)
            if (door, antenna) in self.readers and (key not in opened or at - opened[key][0] >= WINDOW_MS):
                opened[key] = [at, at, dbm, dbm, dbm, 0]
                windows.append((key, opened[key]))
            if key in opened:
                opened[key][1], opened[key][3], opened[key][4] = at, max(opened[key][3], dbm), dbm
                opened[key][5] += 1
        rows: list[tuple] = []
        for (door, antenna, code), (first, last, begin, high, end, number) in windows:
            reader, n = self.readers[door, antenna]
            body = TagBody(str(code), 0x3000, n, high, begin, end, None, None, None, last, number)
            rows.append((first + WINDOW_MS, reader, "tag", first, body))
        of_door = {door: reader for (door, _), (reader, _) in self.readers.items()}
        for t, door, side, state in given.edges:
            body = GateBody("inner" if side == INNER else "outer", bool(state), 0)
            rows.append((round(t * 1000) + 30, of_door[door], "gate", round(t * 1000), body))
        rows.sort(key=lambda row: (row[0], row[1], str(row[4])))
        seqs = defaultdict(lambda: count(1))
        return [Reading(reader, 7, next(seqs[reader]), kind, at, "ntp", written, body)
                for written, reader, kind, at, body in rows]  # fmt: skip

    def counted(self, conn) -> set[tuple]:
        """(session, unit) of the scene that the facts count without a question."""
        found = set()
        for unit, name in self.units.items():
            last = {}
            for fact in service.standing(log.of_subjects(conn, [("unit", unit)])):
                if fact.kind in service.MOVES:
                    last[fact.body["session"]] = fact
            for session, fact in last.items():
                row = repository.session(conn, session)
                forward = "unit.loaded" if row and row["direction"] == "load" else "unit.unloaded"
                if fact.kind == forward and not fact.body.get("review"):
                    found.add((self.sessions[session], name))
        return found


def counts(decisions) -> set[tuple]:
    """(session, unit) of which the last word is a count."""
    words: dict[tuple, str] = {}
    for each in decisions:
        if each.unit is not None and each.decision != "STRAY":
            words[each.session, each.unit] = each.decision
    return {key for key, word in words.items() if word in (LOADED, UNLOADED)}


@pytest.mark.long
@pytest.mark.requirement("WH-2")
@pytest.mark.parametrize(("seed", "profile"), [(107, "recommended"), pytest.param(103, "weak", marks=pytest.mark.slow)])
def test_live_a_day_is_judged_as_from_its_files(db, seed, profile):
    scene = simulate(seed, profile, doors=2, hours=0.2)
    given = inputs(scene)
    with db.engine.connect() as conn, conn.begin() as transaction:
        house = House(conn, given)
        sink = DetectorSink(OneTransaction(conn), lambda _conn, facts: None)  # type: ignore[arg-type]
        deliveries: dict[int, dict[str, list[Reading]]] = defaultdict(lambda: defaultdict(list))
        for each in house.record(given):
            deliveries[each.received_at // DELIVERY_MS][each.device].append(each)
        for _, by_device in sorted(deliveries.items()):
            sink.observe(conn, dict(by_device))
        sink.tick()
        live = house.counted(conn)
        kept, known = portions.of_site(conn, house.site), told(conn, house.site, 0)
        transaction.rollback()
    lines = [read for each in kept for read in each.reads()], [edge for each in kept for edge in each.edges()]
    same = counts(correlate([*known.sessions.values()], [*known.lists.values()], *lines)[0])
    open_ = {each.session for each in given.sessions if each.to_s is None}  # a file ends it with its last line
    live = {key for key in live if key[0] not in open_}
    wanted = {(house.sessions[str(session)], house.units[str(unit)]) for session, unit in same}
    assert live == {key for key in wanted if key[0] not in open_}
    raw = counts(correlate(given.sessions, given.orders, given.reads, given.edges)[0])
    raw = {key for key in raw if key[0] not in open_}
    truth = Truth(scene)
    loads = {(session, unit) for session, units in truth.across.items() for unit in units & truth.listed[session]
             if session not in open_}  # fmt: skip
    assert len(loads) >= 8
    assert not live - loads, "nothing is counted that did not go"
    assert len(live) >= 0.9 * len(raw), "the windows of a record say what the reads say"
    assert len(live ^ raw) <= (1 if profile == "recommended" else 0.2 * len(loads))
