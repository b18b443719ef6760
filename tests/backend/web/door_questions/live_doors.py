"""Two docks with antennas on both sides, and the watch of the inbox: what happens there, and what is known of it."""

import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from paper_browser import Page
from test_conflicts import MIN, ROLES, A, B, Docks

from milepost.access.model import SYSTEM
from milepost.alerts import service as alerts
from milepost.alerts.door_watch import QuestionWatch
from milepost.evidence import log, repository
from milepost.evidence.dock.model import INNER
from milepost.evidence.dockside import crossed, portions
from milepost.evidence.dockside.difference import ASKED
from milepost.evidence.dockside.moves import Move
from milepost.evidence.service import standing
from milepost.fleet import antennas
from milepost.orders import service as orders
from milepost.telemetry.model import GateBody, Reading, TagBody

sys.path.insert(0, str(Path(__file__).parents[2] / "evidence" / "dock"))
import hand

__all__ = ["MIN", "ROLES", "STRANGER", "A", "B", "Docks", "Live", "press"]

ANTENNAS = {"i1": 0, "i2": 1, "o1": 2, "o2": 3}
STRANGER = "3034F8" + "E" * 18
WINDOW_MS = 500


class Live:
    """The docks of the conflicts, with antennas on both sides of both doors, and the watch of the inbox."""

    def __init__(self, docks: Docks) -> None:
        self.docks, self.db, self.api, self.t0 = docks, docks.db, docks.api, docks.t0
        self.watch, self.seqs = QuestionWatch(docks.db), {"7": count(1), "8": count(1)}
        roles = [{"antenna": n, "role": "inner" if name[0] == "i" else "outer"} for name, n in ANTENNAS.items()]
        with self.db.tx() as conn:
            for door in docks.places.values():
                antennas.set_antennas(conn, door, roles)
            # So that the watch knows the site: something was judged there.
            state = {"version": "0", "until": 0, "newest": 0, "marks": [], "begin": 0, "oldest": None, "forgot": 0}
            repository.save_state(conn, "dock", docks.sites["DC1"], state)

    # --- what happens ---

    def records(self, reads: Sequence[tuple], edges: Sequence[tuple]) -> list[Reading]:
        """What the readers record, in the order of writing: windows of half a second, and gates. Doors by number."""
        opened_: dict[tuple, list] = {}
        windows: list[list] = []
        for t, door, antenna, epc, dbm in sorted(reads):
            at = round((t - hand.START_S) * 1000) + self.t0
            known = opened_.get((door, antenna, epc))
            if known is None or at - known[3] >= WINDOW_MS:
                opened_[door, antenna, epc] = known = [door, antenna, epc, at, at, dbm, dbm, dbm, 0]
                windows.append(known)
            known[4], known[6], known[7], known[8] = at, max(known[6], dbm), dbm, known[8] + 1
        rows: list[tuple[int, str, str, int, Any]] = []
        for door, antenna, epc, first, last, first_dbm, max_dbm, last_dbm, number in windows:
            body = TagBody(epc, 0x3000, ANTENNAS[antenna[-2:]], max_dbm, first_dbm, last_dbm, None, None, None, last,
                           number)  # fmt: skip
            rows.append((first + WINDOW_MS, door, "tag", first, body))
        for t, door, side, state in edges:
            at = round((t - hand.START_S) * 1000) + self.t0
            rows.append((at + 30, door, "gate", at, GateBody("inner" if side == INNER else "outer", bool(state), 0)))
        rows.sort(key=lambda row: (row[0], row[1], str(row[4])))
        return [Reading(f"dr-{door}", 7, next(self.seqs[door]), kind, at, "ntp", written, body)
                for written, door, kind, at, body in rows]  # fmt: skip

    def through(self, plate: str, *epcs: str, at_s: float = 60.0, every: int = 250) -> dict[str, int]:
        """Goods with these tags go out of the door of a truck; delivered four times a second. Returns for each kind of
        item how long after the passage it stood in the inbox (ms)."""
        door, doors = self.docks.doors[plate], ("7", "8")
        way = hand.through(at_s, stay_s=20, x=hand.PITCH_M * doors.index(door))
        lines = [line for epc in epcs for line in hand.reads(epc, way, doors)]
        rows = self.records(lines, hand.gates(at_s, door=door))
        found: dict[str, int] = {}
        for end in sorted({each.received_at // every * every + every for each in rows}):
            part = [each for each in rows if end - every <= each.received_at < end]
            with self.db.tx() as conn:
                by_device = {each.device: [one for one in part if one.device == each.device] for each in part}
                facts = self.docks.sink.observe(conn, by_device)
                orders.on_facts(conn, facts) if facts else None
            with self.db.read() as conn:
                there = alerts.listing(conn, SYSTEM)["items"]
            for each in there:
                found.setdefault(each["kind"], end - (self.t0 + round(at_s * 1000)))
        return found

    def settle(self) -> None:
        """Let the clock of the sink go on until nothing is to be judged again."""
        self.docks.sink.tick()
        while True:
            with self.db.read() as conn:
                if not repository.targets(conn, portions.AGAIN):
                    return
            self.docks.sink.tick()

    def ask(self, plate: str, no: int = 0, *, at_s: float = 60.0, direction: str = "load") -> str:
        """The correlator asks whether a unit of the truck's list passed; returns the unit."""
        unit, epc = self.docks.units(self.docks.ids[plate])[no]["id"], self.docks.epc_of(plate, no)
        at = self.t0 + round(at_s * 1000)
        move = Move(
            "ask", unit, (epc,), self.docks.places[plate], self.docks.sessions[plate], at, at + 2_000, 0.41, True, ()
        )
        there = crossed.Session(
            self.docks.sessions[plate], self.docks.trucks[plate], self.docks.trips[plate], direction == "load"
        )
        fact = crossed.fact_of(move, there, self.docks.sites["DC1"], gated=True)
        with self.db.tx() as conn:
            orders.on_facts(conn, log.append(conn, [fact]))
        return unit

    def decide(self, plate: str, no: int, *, at_s: float) -> None:
        """The correlator counts a unit after all."""
        unit, epc = self.docks.units(self.docks.ids[plate])[no]["id"], self.docks.epc_of(plate, no)
        at = self.t0 + round(at_s * 1000)
        move = Move(
            "forward", unit, (epc,), self.docks.places[plate], self.docks.sessions[plate], at, at, 0.99, False, ()
        )
        there = crossed.Session(self.docks.sessions[plate], self.docks.trucks[plate], self.docks.trips[plate], True)
        with self.db.tx() as conn:
            orders.on_facts(conn, log.append(conn, [crossed.fact_of(move, there, self.docks.sites["DC1"], gated=True)]))

    def left(self, plate: str, no: int, *, at_s: float) -> str:
        """A unit went out by the door of a truck while nobody was docked there; returns the unit."""
        unit, at = self.docks.units(self.docks.ids[plate])[no]["id"], self.t0 + round(at_s * 1000)
        epc, door = self.docks.epc_of(plate, no), self.docks.places[plate]
        move = Move("outside", unit, (epc,), door, None, at, at + 2_000, 0.93, True, ("outside every session",))
        with self.db.tx() as conn:
            orders.on_facts(conn, log.append(conn, [crossed.fact_of(move, None, self.docks.sites["DC1"], gated=True)]))
        return unit

    def stranger(self, plate: str, way: str = "forward", at_s: float = 60.0) -> None:
        """Goods that no list knows go through the door of a truck, or come back."""
        at = self.t0 + round(at_s * 1000)
        move = Move(way, None, (STRANGER,), self.docks.places[plate], self.docks.sessions[plate], at, at, 0.97, True,
                    ("a tag that is on no list went along",))  # fmt: skip
        with self.db.tx() as conn:
            ground = crossed.ground(conn, move.door, move.epcs, at, move.reasons)
            repository.put_passage(conn, crossed.passage_of(move, True, ground), False)
            state = repository.load_state(conn, "dock", self.docks.sites["DC1"])
            repository.save_state(conn, "dock", self.docks.sites["DC1"], {**state, "version": str(at_s)})

    def unread(self, plate: str, *at_s: float) -> None:
        """Something went through the door of a truck and no tag was read."""
        why = "gates interrupted for 2.4 s in the session's direction, no tag went along: scan by hand"
        lines = [
            {"at": self.t0 + round(each * 1000), "session": self.docks.sessions[plate], "why": why} for each in at_s
        ]
        with self.db.tx() as conn:
            repository.save_state(conn, ASKED, self.docks.places[plate], lines)

    # --- what is known ---

    def items(self, **query: Any) -> list[dict[str, Any]]:
        return self.api.get("/api/v1/alerts", params=query).json()["items"]

    def kinds(self) -> list[str]:
        return sorted(item["kind"] for item in self.items())

    def asked(self) -> list[dict[str, Any]]:
        self.watch.round()
        return [item for item in self.items() if item["kind"].startswith("door_")]

    def moves(self, unit: str) -> list[tuple[str, str, int]]:
        """What holds of a unit's moves: kind, who says so, and how long after t0 (ms)."""
        with self.db.read() as conn:
            hold = standing(log.of_subjects(conn, [("unit", unit)]))
        return [(fact.kind, fact.by.role, fact.at - self.t0) for fact in hold if fact.kind != "unit.bound"]

    def answer(self, item: dict[str, Any], **body: Any) -> dict[str, Any]:
        answer = self.api.post(f"/api/v1/alerts/{item['id']}/answer", json=body)
        assert answer.is_success, answer.text
        return answer.json()


def press(page: Page, ending: str, answer: str, **changes: Any) -> Page:
    """Press the button of the first form there that gives this answer."""
    form = next(each for each in page.forms if each.action.endswith(ending) and "answer" in each.names)
    return Page(page.client, page.client.post(form.action, data={**dict(form.values), **changes, "answer": answer}))
