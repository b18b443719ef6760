"""T9 by devices: what a reader at a picking bench hears, from the bytes on the wire to READY."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from milepost import times
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Fact
from milepost.evidence.service import standing
from milepost.evidence.sink import DetectorSink
from milepost.fleet import service as fleet
from milepost.ingest.model import SpoolItem
from milepost.ingest.spool import Message, Spool
from milepost.orders import service
from milepost_device import wire

from ..evidence.conftest import Accounts, OneTransaction

EPCS = tuple(f"30340000000000000000{n:04X}" for n in (1, 2, 3))
READER = "bench-1"


class Wall:
    """Stands for the module `time` inside `milepost.times`: a second goes by with every look."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def time_ns(self) -> int:
        self.ms += 1_000
        return self.ms * 1_000_000


class Bench:
    """A company whose yard has a bench with a reader; its batches go through a spool to the detectors."""

    def __init__(self, field: Any, spool: Spool, wall: Wall) -> None:
        self.field, self.spool, self.wall = field, spool, wall
        self.sink = DetectorSink(field.db, service.on_facts)
        self.seq = 1
        made = field.post("dispatcher", "/benches", 201, site=field.yard, number="1")
        assert [each["id"] for each in field.get("/benches")] == [made["id"]]
        self.id = made["id"]
        with field.db.tx() as conn:
            fleet.register_device(conn, device_id=READER, role="reader", name="bench", accounts=Accounts())
        field.post("engineer", "/bindings", 201, device=READER, target_kind="bench", target_id=self.id,
                   from_="2026-03-01T00:00:00Z")  # fmt: skip

    def order(self, **more: Any) -> tuple[str, list[str]]:
        """A confirmed order with three tagged units, not yet being picked."""
        order = self.field.requested(**more)
        for role, step, body in (
            ("customer", "submit", {"branch": "b1"}),
            ("desk", "accept", {"contact": self.field.TALK}),
            ("desk", "confirm", {}),
        ):
            self.field.post(role, f"/orders/{order}/{step}", **body)
        units = [{"no": n, "epc": epc, "line": 1} for n, epc in enumerate(EPCS, 1)]
        listed = self.field.post("desk", f"/orders/{order}/units", units=units)["units"]
        return order, [unit["id"] for unit in listed]

    def pick(self, order: str) -> None:
        """The keeper issues the pick list (T8)."""
        self.field.post("keeper", f"/orders/{order}/pick-list", list="P-1")

    def batch(self, *tags: tuple[int | str, int], level: int = -40) -> Message:
        """One batch of tag windows (EPC, or its place in EPCS; ms from now on) as the reader's outbox would send it."""
        now = self.wall.ms
        writer = wire.BatchWriter()
        writer.begin(7, self.seq, 1, 1, 0)
        for tag, after in tags:
            at = now + after
            epc = tag if isinstance(tag, str) else EPCS[tag]
            assert writer.add(
                wire.Tag(
                    t=at // 1000 - wire.EPOCH, ms=at % 1000, clock=wire.CLOCK_NTP, epc=bytes.fromhex(epc), pc=0x3000,
                    antenna=0, rssi_max=level, rssi_first=level - 4, rssi_last=level - 2, slope=None, phase=None,
                    channel=None, span_ms=450, count=9,
                )
            )  # fmt: skip
        self.seq += len(tags)
        return Message(READER, "up", now + 2_000, bytes(writer.finish()))

    def send(self, *batches: Message) -> None:
        """They reach the spool, and from there the detectors; then half a minute goes by."""
        for each in batches:
            self.spool.append([each])
        self.sink.handle(self.spool.after(self.sink.position()))
        self.wall.ms += 30_000

    def stands(self, unit: str) -> list[Fact]:
        """What holds of a unit by devices."""
        return told_of(self.field.db, unit)

    def state(self, order: str) -> str:
        return self.field.get(f"/orders/{order}")["state"]


def told_of(db: Database, unit: str) -> list[Fact]:
    with db.read() as conn:
        return [each for each in standing(log.of_subjects(conn, [("unit", unit)])) if each.by.role == "device"]


@pytest.fixture
def bench(field: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    wall = Wall(1_772_409_600_000)  # 2026-03-02T08:00+08:00
    monkeypatch.setattr(times, "time", wall)
    return Bench(field, Spool(tmp_path / "spool.db"), wall)


@pytest.mark.requirement("T9")
def test_T9_reads_at_the_bench_make_an_order_ready_once_all_of_it_was_read(bench: Bench) -> None:
    order, units = bench.order()
    bench.pick(order)
    bench.send(bench.batch((0, 0), (1, 400)), bench.batch((0, 900)))
    found = bench.field.get(f"/orders/{order}")
    assert found["state"] == "picking"
    assert found["stages"][3]["partial"] == {"done": 2, "total": 3}
    bench.send(bench.batch((2, 0)))
    found = bench.field.get(f"/orders/{order}")
    assert (found["state"], found["stages"][3]["done"], found["exceptions"]) == ("ready", True, [])
    (fact,) = bench.stands(units[0])
    assert (fact.kind, fact.source, fact.grade, fact.rule) == ("unit.picked", "rfid", "B", "bench/1")
    assert fact.subjects == {"unit": units[0], "site": bench.field.yard}
    assert (fact.body["bench"], fact.body["epc"]) == (bench.id, EPCS[0])
    assert fact.inputs == (f"{READER}/7/1",)
    assert fact.snapshot is not None and len(fact.snapshot["rssi"]) == 1


def test_a_weak_read_is_not_on_the_bench(bench: Bench) -> None:
    order, units = bench.order()
    bench.pick(order)
    bench.send(bench.batch((0, 0), level=-51))
    assert (bench.state(order), bench.stands(units[0])) == ("picking", [])


def test_a_unit_that_no_pick_list_asks_for_is_only_seen(bench: Bench) -> None:
    """It moves nothing; whether it contradicts something the fold judges (F3.4)."""
    order, units = bench.order()
    bench.send(bench.batch((0, 0)))
    assert bench.state(order) == "confirmed"
    assert [each.kind for each in bench.stands(units[0])] == ["unit.seen"]


def test_a_unit_of_another_site_is_only_seen(bench: Bench) -> None:
    order, units = bench.order(**{"from": {"site": bench.field.shop}, "to": {"site": bench.field.yard}})
    bench.pick(order)
    bench.send(bench.batch((0, 0), (1, 100), (2, 200)))
    assert bench.state(order) == "picking"
    assert {each.kind for unit in units for each in bench.stands(unit)} == {"unit.seen"}


def test_a_pick_list_that_is_told_late_finds_what_was_read(bench: Bench) -> None:
    """The keeper was off line: it had been issued before the goods lay on the bench."""
    order, units = bench.order()
    early = times.to_rfc3339(bench.wall.ms)
    bench.wall.ms += 10_000
    bench.send(bench.batch((0, 0), (1, 100), (2, 200)))
    bench.field.post("keeper", f"/orders/{order}/pick-list", list="P-1", at=early)
    assert bench.state(order) == "ready"
    assert [[each.kind for each in bench.stands(unit)] for unit in units] == [["unit.picked"]] * 3


def test_a_tag_that_is_bound_late_finds_what_was_read(bench: Bench) -> None:
    order, units = bench.order()
    bench.pick(order)
    early = times.to_rfc3339(bench.wall.ms)
    unbound = EPCS[0].replace("3034", "3035")
    bench.wall.ms += 5_000
    bench.send(bench.batch((unbound, 0)))
    assert bench.stands(units[0]) == []
    bench.field.post("keeper", f"/orders/{order}/bind-unit", unit=units[0], epc=unbound, at=early, source="scan")
    assert [each.kind for each in bench.stands(units[0])] == ["unit.picked"]


def test_a_pick_list_withdrawn_takes_what_it_picked_with_it(bench: Bench) -> None:
    order, units = bench.order()
    bench.pick(order)
    bench.send(bench.batch((0, 0)))
    issued = next(f["id"] for f in bench.field.get(f"/orders/{order}/facts") if f["kind"] == "pick.issued")
    bench.field.post("dispatcher", f"/orders/{order}/retract", target=issued, why="wrong order")
    assert [each.kind for each in bench.stands(units[0])] == ["unit.seen"]
    assert bench.state(order) == "confirmed"


@pytest.mark.requirement("T9")
def test_T9_any_order_and_any_repetition_of_batches_gives_the_same_facts(bench: Bench) -> None:
    """Reads before, around and after the pick list, in and out of reach, on the way mixed and doubled."""
    order, units = bench.order()
    before = [bench.batch((0, 0), (1, 30_000), (0, 40_000)), bench.batch((0, 80_000))]
    bench.wall.ms += 100_000
    bench.pick(order)
    after = [bench.batch((0, 500), (2, 3_000), level=-47), bench.batch((2, 90_000), (1, 700_000)), bench.batch((2, 9))]
    bench.wall.ms += 800_000
    rng = random.Random(5)
    outcomes: list[Any] = []
    for way in (*itertools.islice(itertools.permutations([*before, *after]), 0, 120, 11), before + after):
        batches = [*way, rng.choice(way)]
        outcomes.append(_outcome(bench, units, batches))
    assert all(outcome == outcomes[-1] for outcome in outcomes)
    kinds = [[kind for _, kind, *_ in told] for told in outcomes[-1]]
    assert [each.count("unit.picked") for each in kinds] == [1, 1, 1]


def _outcome(bench: Bench, units: list[str], batches: list[Message]) -> list[list[tuple[Any, ...]]]:
    with bench.field.db.engine.connect() as conn, conn.begin() as transaction:
        db: Any = OneTransaction(conn)
        sink = DetectorSink(db, lambda _conn, _facts: None)
        for n, each in enumerate(batches, 1):
            sink.handle([SpoolItem(n, each.device, each.channel, each.received_ms, each.payload)])
        found = [[(f.id, f.kind, f.at, f.grade, dict(f.body)) for f in told_of(db, unit)] for unit in units]
        transaction.rollback()
    return found
