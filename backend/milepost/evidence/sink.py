"""The sink of the detectors: readings in, facts out, each exactly once (DESIGN §2)."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import benches, docks, doors, hearing, ignition, replay, repository, signs, vehicles
from milepost.evidence.dockside import judge, portions
from milepost.evidence.geometry import FenceIndex, fence_of
from milepost.evidence.model import Fact
from milepost.evidence.states import States
from milepost.evidence.window import Ranges, note, note_run, waits
from milepost.fleet import antennas
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.ingest.decode import readings as decode
from milepost.ingest.foreign import is_numbered
from milepost.ingest.model import SpoolItem
from milepost.ingest.positions import position_of, store_position
from milepost.ingest.run import Run, joined, times
from milepost.telemetry.model import Reading, TelemetryStore
from milepost.times import now_ms

_MOST_STREAMS = 8  # of one device are remembered; a new one begins when its flash is formatted

OnFacts = Callable[[Connection, list[Fact]], object]


class DetectorSink:
    """Feeds the detectors. Facts, their states, the position and what `on_facts` does are one transaction."""

    name = "evidence"

    def __init__(
        self, db: Database, on_facts: OnFacts, telemetry: TelemetryStore | None = None, spool: str = ""
    ) -> None:
        """`telemetry`: where the past of a vehicle is read when a fix or a binding comes late; without it such a
        fix only counts as late. `spool`: key of the spool that is read."""
        self._db = db
        self._spool = spool
        self._telemetry = telemetry
        self._on_facts = on_facts
        self._docks = docks.Docks(db, on_facts)
        self._judge = judge.Judge()
        self._fences: tuple[tuple[int, str], FenceIndex] | None = None

    def position(self) -> int:
        """The last spool id whose effect is durable."""
        with self._db.read() as conn:
            return position_of(conn, self.name, self._spool)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take messages in the order of their ids; those up to the position are known and left out."""
        # Before the transaction, which holds up everybody else who writes.
        found = {item.id: decode(item) for item in items}
        with self._db.tx() as conn:
            done = position_of(conn, self.name, self._spool)
            fresh = [item for item in items if item.id > done]
            if not fresh:
                return
            by_device: dict[str, list[Sequence[Reading]]] = {}
            for item in fresh:
                by_device.setdefault(item.device, []).append(found[item.id])
            facts = self.observe(conn, {device: joined(pieces) for device, pieces in by_device.items()})
            if facts:
                self._on_facts(conn, facts)
            store_position(conn, self.name, self._spool, max(item.id for item in fresh))

    def tick(self) -> None:
        """Settle the appointments whose time has come; go back over the past of vehicles for which something came
        late, once the store has it too."""
        self._docks.tick()
        self._judge.tick(self._db, now_ms(), self._on_facts)
        if self._telemetry is None:
            return
        with self._db.read() as conn:
            due = repository.targets(conn, replay.DETECTOR)
        if due and self._telemetry.position(self._spool) >= self.position():
            with self._db.read() as conn:
                fences = self._fence_index(conn)
            for vehicle in due:
                replay.run(self._db, self._telemetry, vehicle, fences, self._on_facts)

    def observe(self, conn: Connection, by_device: Mapping[str, Sequence[Reading]]) -> list[Fact]:
        """Run the detectors over readings by device; repeats of a reading are known and left out."""
        now = now_ms()
        fences = self._fence_index(conn)
        of_vehicle: dict[str, list[Sequence[Reading]]] = {}  # each piece of one device
        of_door: dict[tuple[str, str], list[Reading]] = {}
        of_bench: dict[str, list[Reading]] = {}
        waiting: dict[str, bool] = {}
        memory = States(conn, "seen", by_device)
        bindings_of = fleet_rows.bindings_of(conn, by_device)
        for device, found in sorted(by_device.items(), key=itemgetter(0)):
            fresh, waiting[device] = _new(memory, device, found)
            if not fresh:
                continue
            if fresh[-1].clock == "none":
                signs.note_clock(conn, device, fresh[-1])
            bindings = bindings_of.get(device, ())
            vehicle = _vehicle_of_all(bindings, fresh)
            if vehicle is not None:
                of_vehicle.setdefault(vehicle, []).append(fresh)
                continue
            for reading in fresh:
                if reading.kind in ("event", "health"):
                    signs.note(conn, device, reading)
                if reading.kind == "event":
                    fleet.apply_event(conn, device, reading)
                target = _target(bindings, reading.at)
                if target is None:
                    continue
                if reading.kind == "event" and target[0] == "vehicle":
                    ignition.note(conn, target[1], reading)
                if reading.kind == "fix" and target[0] == "vehicle":
                    of_vehicle.setdefault(target[1], []).append([reading])
                elif target[0] == "door":
                    of_door.setdefault((device, target[1]), []).append(reading)
                elif reading.kind == "tag" and target[0] == "bench":
                    of_bench.setdefault(target[1], []).append(reading)
        facts: list[Fact] = []
        sites = self._keep(conn, of_door)
        for (device, door), found in sorted(of_door.items()):
            late_from = hearing.note_readings(conn, device, door, found)
            if not sites.get(door, ("", False))[1]:
                facts += doors.observe(conn, device, door, found, waiting=waiting[device], now=now)
            facts += docks.heard(conn, door, late_from)
            facts += docks.by_tags(conn, door, found, now)
        for bench, found in sorted(of_bench.items()):
            facts += benches.observe(conn, bench, found, now)
        windows = States(conn, vehicles.DETECTOR, of_vehicle)
        for vehicle, pieces in sorted(of_vehicle.items(), key=itemgetter(0)):
            late = any(waiting[piece[0].device] for piece in pieces)
            told, too_late = vehicles.observe(conn, windows, vehicle, joined(pieces), fences, waiting=late, now=now)
            facts += told + docks.by_positions(conn, told, now)
            if too_late is not None:
                replay.ask(conn, vehicle, too_late)
        for site in sorted({site for site, _ in sites.values()}):
            facts += self._judge.judge(conn, site, now)
        memory.keep()
        windows.keep()
        return facts

    def _keep(self, conn: Connection, of_door: dict[tuple[str, str], list[Reading]]) -> dict[str, tuple[str, bool]]:
        """Keep what the readers of sites sent where the correlator judges a door: what one door hears tells of others.

        Returns such a door's site, and whether the door itself is judged by the correlator.
        """
        found: dict[str, tuple[str, bool]] = {}
        if not of_door:
            return found
        site_of = {door: fleet.get(conn, "door", door)["site_id"] for door in {door for _, door in of_door}}
        looks = {site: antennas.looking_both_ways(conn, site) for site in sorted(set(site_of.values()))}
        for site in sorted(site for site, both in looks.items() if both):
            repository.doors_of_site(conn, site)  # locks it: portions are numbered in the order of their transactions
        for (device, door), readings in sorted(of_door.items()):
            site = site_of[door]
            if looks[site]:
                found[door] = (site, door in looks[site])
                portions.keep(conn, site, door, device, readings)
        return found

    def _fence_index(self, conn: Connection) -> FenceIndex:
        version = repository.sites_version(conn)
        if self._fences is None or self._fences[0] != version:
            fences = [fence_of(row["id"], row["shape"], row["dwell_s"]) for row in repository.sites(conn)]
            self._fences = (version, FenceIndex(fences))
        return self._fences[1]


def _new(memory: States, device: str, found: Sequence[Reading]) -> tuple[Sequence[Reading], bool]:
    """The readings not seen before, and whether one of the device is missing that may still come.

    Where nothing is numbered (other people's devices) nothing is missing, and a repeat changes nothing further on.
    """
    streams: dict[str, Ranges] = memory.get(device) or {}
    fresh, plain = _fresh(streams, found)
    if fresh:
        newest = str(fresh[-1].stream)
        streams[newest] = streams.pop(newest)
        kept = dict(list(streams.items())[-_MOST_STREAMS:])
        memory.put(device, kept)
    return [*fresh, *plain] if plain else fresh, any(waits(ranges) for ranges in streams.values())


def _fresh(streams: dict[str, Ranges], found: Sequence[Reading]) -> tuple[Sequence[Reading], Sequence[Reading]]:
    """The numbered readings not seen before, which are noted, and those that have no number."""
    if isinstance(found, Run) and is_numbered(found.stream):  # nearly always, and all of it is new
        if found and note_run(streams.setdefault(str(found.stream), []), found.first, found.last):
            return found, ()
        numbered, plain = found, ()
    else:
        numbers = {stream for stream in {reading.stream for reading in found} if is_numbered(stream)}
        numbered = [reading for reading in found if reading.stream in numbers]
        plain = [reading for reading in found if reading.stream not in numbers]
    fresh = [reading for reading in numbered if note(streams.setdefault(str(reading.stream), []), reading.seq)]
    return fresh, plain


def _vehicle_of_all(bindings: Sequence[fleet_rows.Row], found: Sequence[Reading]) -> str | None:
    """The vehicle to which all these fixes belong: nearly always there is one; None when it has to be asked each."""
    if not isinstance(found, Run) and {reading.kind for reading in found} != {"fix"}:
        return None
    at = times(found)
    first, last = min(at), max(at)
    for row in bindings:
        if row["from_ms"] <= last and (row["to_ms"] is None or first < row["to_ms"]):
            holds = row["from_ms"] <= first and (row["to_ms"] is None or last < row["to_ms"])
            return row["target_id"] if holds and row["target_kind"] == "vehicle" else None
    return None


def _target(bindings: Sequence[fleet_rows.Row], at: int) -> tuple[str, str] | None:
    for row in bindings:
        if row["from_ms"] <= at and (row["to_ms"] is None or at < row["to_ms"]):
            return row["target_kind"], row["target_id"]
    return None
