"""What live doors ask people: from readings and decisions to one item in the inbox, and what a person's answer records.

REQUIREMENTS EX-22, T13, T14, T15; notes on RFID, section 5 (conflict rules).
"""

import copy
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened
from test_conflicts import MIN, ROLES, A, B, Docks

from milepost.access import service as access
from milepost.access.model import SYSTEM, Grant
from milepost.alerts import service as alerts
from milepost.alerts.door_watch import QuestionWatch
from milepost.app import create_api
from milepost.db import Database, metadata
from milepost.evidence import log, repository, sessions
from milepost.evidence.dock.model import INNER
from milepost.evidence.dockside import crossed, portions, said
from milepost.evidence.dockside.difference import ASKED
from milepost.evidence.dockside.moves import Move
from milepost.evidence.model import Author
from milepost.evidence.service import standing
from milepost.evidence.sink import DetectorSink
from milepost.fleet import antennas
from milepost.masterdata import service as masterdata
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.schema import load_tables
from milepost.settings import Settings
from milepost.telemetry.model import GateBody, Reading, TagBody
from milepost.times import now_ms

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence" / "dock"))
import hand

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


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Docks]:
    """Everything was planned and confirmed two hours ago: made once, and copied for each test."""
    load_tables()
    folder = tmp_path_factory.mktemp("planned")
    db = Database(f"sqlite:///{folder / 'milepost.db'}")
    metadata.create_all(db.engine)
    with pytest.MonkeyPatch.context() as past:
        for module in list(sys.modules.values()):
            if module.__name__.startswith("milepost") and getattr(module, "now_ms", None) is now_ms:
                past.setattr(module, "now_ms", lambda: now_ms() - 120 * MIN)
        with db.tx() as conn:
            shapes = {"name_zh": "张江", "name_en": "Zhangjiang", "region": "Pudong", "big_region": "Shanghai",
                      "calendar": "default", "lat": 31.2, "lng": 121.59, "active": True}  # fmt: skip
            masterdata.create(conn, "branch", {"id": "ZJ", **shapes}, now_ms())
            grants = [Grant(role) for role in ROLES]
            person = access.create_person(
                conn, login="planner", name="Planner", password_hash="-", grants=grants, now=now_ms()
            )
            token = access.open_session(conn, person, now=now_ms(), life_ms=24 * 60 * MIN)
        api = TestClient(create_api(db, Settings(data_dir=folder)))  # pyright: ignore[reportCallIssue]
        api.headers["Authorization"] = f"Bearer {token}"
        made = Docks(db, api)
    db.close()
    return folder / "milepost.db", made


@pytest.fixture
def db(planned: tuple[Path, Docks], tmp_path: Path) -> Iterator[Database]:
    """A database of its own, as it was when everything had been planned."""
    shutil.copy(planned[0], tmp_path / "milepost.db")
    database = Database(f"sqlite:///{tmp_path / 'milepost.db'}")
    yield database
    database.close()


@pytest.fixture
def live(planned: tuple[Path, Docks], db: Database, client_of: Callable[..., TestClient]) -> Live:
    docks = copy.copy(planned[1])
    docks.db, docks.api, docks.sink = db, client_of(*ROLES), DetectorSink(db, orders.on_facts)
    return Live(docks)


@pytest.fixture
def keeper(client_of: Callable[..., TestClient], live: Live) -> TestClient:
    client = client_of(("keeper", "site", live.docks.sites["DC1"]))
    client.headers["Accept-Language"] = "en"
    return client


def press(page: Page, ending: str, answer: str, **changes: Any) -> Page:
    """Press the button of the first form there that gives this answer."""
    form = next(each for each in page.forms if each.action.endswith(ending) and "answer" in each.names)
    return Page(page.client, page.client.post(form.action, data={**dict(form.values), **changes, "answer": answer}))


@pytest.mark.requirement("EX-22", "T13")
def test_EX22_the_wrong_truck_is_first_in_the_inbox_and_at_its_door_within_three_seconds(
    live: Live, keeper: TestClient
) -> None:
    told = live.through(B, live.docks.epc_of(A, 0), at_s=120)
    assert told["wrong_truck"] <= 3_000
    live.unread(B, 160)
    assert [item["kind"] for item in live.asked()] == ["door_no_tag"]
    first = live.items(sort="urgency")[0]
    assert (first["kind"], first["urgency"], first["urgent"]) == ("wrong_truck", "now", True)
    door = live.docks.places[B]
    page = opened(keeper, f"/doors/{door}")
    assert "Put it down" in page.text and "It belongs on door 7" in page.text  # the whole glass, and the tone
    assert page.html.count("data-wrong=") == 1, page.text
    seen = page.html.partition('data-wrong="')[2].partition('"')[0]
    page = opened(keeper, f"/doors/{door}?seen={seen}")
    assert page.text.index("It is on the wrong truck; it belongs on door 7") < page.text.index("went through unread")
    page = press(page, f"/inbox/{first['id']}/answer", "not_aboard")
    assert page.address == f"/doors/{door}" and "wrong truck" not in page.text
    assert "wrong_truck" not in live.kinds()
    unit = first["data"]["unit"]
    assert [(kind, role) for kind, role, _ in live.moves(unit) if kind != "unit.seen"] == [
        ("unit.loaded", "device"), ("unit.passed_back", "keeper")
    ]  # fmt: skip


@pytest.mark.requirement("EX-22")
def test_EX22_a_unit_in_question_is_one_item_with_what_is_known_of_it(live: Live, keeper: TestClient) -> None:
    unit = live.ask(A, at_s=60)
    [item] = live.asked()
    live.watch.round()
    QuestionWatch(live.db).round()  # another process
    assert len(live.asked()) == 1
    assert (item["urgency"], item["ex"], item["task"]["role"]) == ("shift", "EX-22", "keeper")
    assert item["answers"] == ["aboard", "not_aboard"] and item["order_number"] == "SO-1"
    data = item["data"]
    assert (data["unit_id"], data["session"], data["trip_id"]) == (unit, live.docks.sessions[A], live.docks.trips[A])
    assert (data["door_id"], data["confidence"], data["at"]) == (live.docks.places[A], 0.41, live.t0 + 60_000)
    assert data["epcs"] == [live.docks.epc_of(A, 0)]
    assert item["detail"]["en"].startswith("SO-1 #1, Jiading DC door 7, 沪A·12345, ")
    assert item["detail"]["zh"].startswith("SO-1 #1，嘉定仓 7 号门，沪A·12345，")
    assert [(each["role"], each["scope_kind"]) for each in item["told"]] == [("keeper", "site")]
    page = opened(keeper, f"/inbox?item={item['id']}")
    for words in ("Not sure whether it went through", "SO-1 #1", "T-1", "door 7", "0.41", "It is aboard"):
        assert words in page.text, words
    assert opened(keeper, "/messages?which=all").text.count("Not sure whether it went through") == 1


@pytest.mark.requirement("EX-22", "T13")
@pytest.mark.parametrize(
    ("answer", "kind", "loaded"), [("aboard", "unit.loaded", 1), ("not_aboard", "unit.passed_back", 0)]
)
def test_EX22_what_a_keeper_sees_is_recorded_for_the_moment_of_the_passage_and_ends_the_question(
    live: Live, keeper: TestClient, answer: str, kind: str, loaded: int
) -> None:
    unit = live.ask(A, at_s=60)
    [item] = live.asked()
    page = press(opened(keeper, f"/inbox?item={item['id']}"), "/answer", answer)
    assert "Recorded." in page.text
    assert live.moves(unit)[-1] == (kind, "keeper", 60_001)
    assert live.docks.state(A)["tally"]["loaded"] == loaded
    assert live.asked() == []
    [over] = live.items(state="resolved")
    assert over["id"] == item["id"] and over["resolved"]["by"]["name"].startswith("Person")


@pytest.mark.requirement("EX-22")
def test_EX22_what_is_decided_behind_a_persons_word_counts_and_the_word_stands_for_before(live: Live) -> None:
    unit = live.ask(A, at_s=60)
    [item] = live.asked()
    live.answer(item, answer="not_aboard")
    live.decide(A, 0, at_s=60)  # the close counts the passage that the person has denied
    assert live.docks.state(A)["tally"]["loaded"] == 0
    live.decide(A, 0, at_s=90)  # and now it did go
    assert live.docks.state(A)["tally"]["loaded"] == 1
    assert [role for _, role, _ in live.moves(unit)].count("keeper") == 1


def test_a_later_decision_ends_a_question_by_itself(live: Live) -> None:
    live.ask(A, at_s=60)
    assert len(live.asked()) == 1
    live.decide(A, 0, at_s=62)
    assert live.asked() == []
    [over] = live.items(state="resolved")
    assert over["resolved"]["by"] is None and over["data"]["ended"] == "answered"


def test_a_scan_on_another_page_ends_a_question_too_and_closing_the_session_does_not(live: Live) -> None:
    live.ask(A, 0, at_s=60)
    live.ask(A, 1, at_s=80)
    assert len(live.asked()) == 2
    with live.db.tx() as conn:
        _, facts = sessions.close_session(conn, live.docks.sessions[A], live.t0 + 10 * MIN, Author("keeper", "k"))
        orders.on_facts(conn, facts)
    assert len(live.asked()) == 2  # nobody has said where they are
    unit = live.docks.units(live.docks.ids[A])[1]["id"]
    body = {"unit": unit, "vehicle": live.docks.trucks[A], "site": live.docks.sites["DC1"], "source": "scan"}
    assert live.api.post(f"/api/v1/orders/{live.docks.ids[A]}/load", json=body).is_success
    [left] = live.asked()
    assert left["data"]["unit_id"] != unit


def test_an_answer_after_the_close_puts_the_account_of_the_session_right(live: Live) -> None:
    unit = live.ask(A, 0, at_s=60)
    with live.db.tx() as conn:
        _, facts = sessions.close_session(conn, live.docks.sessions[A], live.t0 + 10 * MIN, Author("keeper", "k"))
        orders.on_facts(conn, facts)
    [item] = live.asked()
    live.answer(item, answer="aboard")
    with live.db.read() as conn:
        closed = [fact for fact in standing(log.of_subjects(conn, [("trip", live.docks.trips[A])]))
                  if fact.kind == "session.closed"]  # fmt: skip
    assert len(closed) == 1 and unit not in closed[0].body["short"] and len(closed[0].body["short"]) == 1


@pytest.mark.requirement("EX-22")
def test_EX22_goods_on_no_list_are_asked_about_until_they_come_back_or_somebody_knows_them(
    live: Live, keeper: TestClient
) -> None:
    live.stranger(A)
    [item] = live.asked()
    assert item["kind"] == "door_tag" and item["data"]["epcs"] == [STRANGER] and item["data"]["confidence"] == 0.97
    assert item["data"]["reason"] == {"zh": "过门的标签不在任何清单上", "en": "a tag that is on no list went along"}
    page = opened(keeper, f"/inbox?item={item['id']}")
    assert "It was this one, it is aboard" in page.text and "SO-1 #2" in page.text and "Not ours" in page.text
    assert "Goods on no list went through" in opened(keeper, f"/doors/{live.docks.places[A]}").text
    live.stranger(A, "back", at_s=100)
    assert live.asked() == []
    live.stranger(A, at_s=140)
    [again] = live.asked()
    assert again["id"] == item["id"]  # the same tag within half an hour is the same trouble
    page = press(opened(keeper, f"/inbox?item={item['id']}"), "/answer", "not_ours")
    assert "Recorded." in page.text
    assert live.asked() == []  # a person's word stands for what was asked before it
    live.watch = QuestionWatch(live.db)
    assert live.asked() == []
    [over] = live.items(state="resolved")
    assert over["resolved"]["word"] == "not ours"


def test_whose_goods_they_were_is_said_by_naming_the_piece(live: Live) -> None:
    live.stranger(A)
    [item] = live.asked()
    unit = live.docks.units(live.docks.ids[A])[1]["id"]
    foreign = live.docks.units(live.docks.ids[B])[0]["id"]
    refused = live.api.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard", "unit": foreign})
    assert refused.status_code == 422 and "not on the list of this trip" in refused.json()["detail"]
    refused = live.api.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard"})
    assert refused.status_code == 422 and "which piece" in refused.json()["detail"]
    live.answer(item, answer="aboard", unit=unit)
    assert live.moves(unit) == [("unit.loaded", "keeper", 60_001)]
    assert live.asked() == []


def test_a_tag_that_is_given_to_a_unit_is_nobodys_no_more(live: Live) -> None:
    live.stranger(A)
    assert len(live.asked()) == 1
    with live.db.tx() as conn:
        plan.bind_epc(conn, live.docks.units(live.docks.ids[A])[0]["id"], STRANGER, live.t0)
    live.watch = QuestionWatch(live.db)
    assert live.asked() == []


@pytest.mark.requirement("EX-22")
def test_EX22_passages_without_a_tag_are_one_item_that_every_scan_brings_down(live: Live) -> None:
    live.unread(A, 60, 90)
    [item] = live.asked()
    assert item["kind"] == "door_no_tag" and item["data"]["qty"] == 2 and item["data"]["at"] == live.t0 + 90_000
    assert item["data"]["reason"]["zh"] == "光栅顺着装卸方向被挡了 2.4 s，没有读到标签"
    units = [each["id"] for each in live.docks.units(live.docks.ids[A])]
    left = live.answer(item, answer="aboard", unit=units[0])
    assert left["state"] == "open" and left["data"]["qty"] == 1 and left["data"]["at"] == live.t0 + 60_000
    over = live.answer(left, answer="aboard", unit=units[1])
    assert over["state"] == "resolved" and over["resolved"]["by"] is not None
    assert live.asked() == []


def test_a_complete_list_and_a_word_end_what_was_asked_about_passages_without_a_tag(live: Live) -> None:
    live.unread(A, 60)
    live.unread(B, 60)
    first, second = live.asked()
    assert live.answer(first, answer="not_ours", word="an empty forklift")["resolved"]["word"] == "an empty forklift"
    plate = A if second["data"]["session"] == live.docks.sessions[A] else B
    for no in (0, 1):
        live.decide(plate, no, at_s=120 + no)
    assert live.asked() == []


def test_the_same_after_what_a_person_said_is_asked_anew(live: Live) -> None:
    live.unread(A, 60)
    [item] = live.asked()
    live.answer(item, answer="not_ours")
    assert live.asked() == []
    live.unread(A, 60, (now_ms() - live.t0) / 1000 + 5)
    assert [each["data"]["qty"] for each in live.asked()] == [2]


@pytest.mark.requirement("EX-22")
def test_EX22_goods_that_leave_while_no_truck_is_docked_are_asked_about_until_a_session_is_told(
    live: Live, keeper: TestClient
) -> None:
    with live.db.tx() as conn:
        repository.change_session(conn, live.docks.sessions[A], to_ms=live.t0)  # nobody has told of it
    live.through(A, live.docks.epc_of(A, 0), every=3_000)
    live.settle()
    [item] = live.asked()
    assert (item["kind"], item["data"]["session"], item["data"]["units"]) == ("door_outside", None, ["SO-1 #1"])
    page = opened(keeper, f"/inbox?item={item['id']}")
    assert "Goods left by a door where no truck was docked" in page.text
    assert f"/doors/{live.docks.places[A]}/sessions" in page.html and "They did not leave" in page.text
    with live.db.tx() as conn:
        _, facts = sessions.open_session(
            conn, door=live.docks.places[A], vehicle=live.docks.trucks[A], trip=live.docks.trips[A], direction="load",
            from_ms=live.t0, by="k",
        )  # fmt: skip
        orders.on_facts(conn, facts)
    live.settle()
    assert live.asked() == []
    assert live.docks.state(A)["tally"]["loaded"] == 1


@pytest.mark.requirement("EX-22", "T14")
def test_EX22_of_two_trucks_a_person_says_on_which_it_lies(live: Live, keeper: TestClient) -> None:
    tag = live.docks.epc_of(A, 0)
    live.docks.read(live.docks.units(live.docks.ids[A])[0]["id"], A)
    live.docks.read(live.docks.units(live.docks.ids[A])[0]["id"], B)
    [item] = live.items()
    assert item["kind"] == "two_trucks" and tag
    page = opened(keeper, f"/inbox?item={item['id']}")
    assert f"It is on {A}" in page.text and f"It is on {B}" in page.text
    refused = live.api.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard"})
    assert refused.status_code == 422
    live.answer(item, answer="aboard", vehicle=live.docks.trucks[A])
    assert live.kinds() == []
    assert live.docks.state(A)["tally"]["loaded"] == 1


@pytest.mark.requirement("T15")
def test_T15_at_an_unloading_the_question_is_whether_it_came_off(live: Live, keeper: TestClient) -> None:
    with live.db.tx() as conn:
        repository.change_session(conn, live.docks.sessions[A], direction="unload")
    live.decide(A, 0, at_s=10)
    unit = live.ask(A, at_s=60, direction="unload")
    [item] = live.asked()
    assert item["answers"] == ["off", "not_off"]
    page = opened(keeper, f"/inbox?item={item['id']}")
    assert "It came off" in page.text and "It is still aboard" in page.text
    live.answer(item, answer="not_off")
    assert live.moves(unit)[-1] == ("unit.seen", "desk", 60_001)
    assert live.asked() == []


def test_an_answer_is_recorded_once_and_not_from_a_stale_page(live: Live, keeper: TestClient) -> None:
    unit = live.ask(A, at_s=60)
    [item] = live.asked()
    body, headers = {"answer": "aboard"}, {"Idempotency-Key": "k-1"}
    path = f"/api/v1/alerts/{item['id']}"
    old = live.api.post(f"{path}/answer", json=body, headers={"If-Match": "99"})
    assert old.status_code == 409 and live.moves(unit)[-1][0] == "unit.seen"
    for _ in range(2):
        assert live.api.post(f"{path}/answer", json=body, headers=headers).is_success
    assert [kind for kind, _, _ in live.moves(unit)].count("unit.loaded") == 1
    again = live.api.post(f"{path}/answer", json=body)
    assert again.status_code == 409 and again.json()["code"] == "illegal_step"
    wrong = live.api.post(f"{path}/answer", json={"answer": "off"})
    assert wrong.status_code == 422 and "aboard, not_aboard" in wrong.json()["detail"]


def test_who_keeps_another_site_neither_sees_nor_answers(live: Live, client_of: Callable[..., TestClient]) -> None:
    live.ask(A)
    [item] = live.asked()
    other = client_of(("keeper", "site", live.docks.sites["S14"]))
    assert other.get(f"/api/v1/alerts/{item['id']}").status_code == 404
    assert other.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard"}).status_code == 404
    auditor = client_of("auditor")
    assert auditor.get(f"/api/v1/alerts/{item['id']}").status_code == 200
    assert auditor.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard"}).status_code == 403
    page = opened(auditor, f"/inbox?item={item['id']}")
    assert page.status == 200 and not page.has("/answer")


def test_an_item_of_a_door_can_be_taken_put_off_and_handed_over(live: Live, keeper: TestClient) -> None:
    live.ask(A)
    [item] = live.asked()
    page = opened(keeper, f"/inbox?item={item['id']}").send(f"{item['id']}/acknowledge")
    assert "Taken; it is yours now." in page.text
    [taken] = live.items()
    assert live.api.post(f"/api/v1/alerts/{item['id']}/assign", json={"to": taken["owner"]["id"]}).is_success
    page = opened(keeper, f"/inbox?item={item['id']}").send("/resolve", word="stands in the hall, label torn")
    assert "Resolved" in page.text and live.asked() == []


@pytest.mark.parametrize(
    ("reason", "zh"),
    [("for: +9 dB against its own past", "支持：比它自己先前强 +9 dB"),
     ("against: of its last reads 25% on the far side", "反对：最后几次读数有 25% 在远侧"),
     ("wrong truck: it is on the list of session s-1 at door d-2", "装错车：它在另一扇门的清单上"),
     ("3 of 5 units of trip t-1 came through here: session or clock wrong?",
      "另一趟的 5 件里有 3 件从这里过：靠台记录或时钟不对？")],
)  # fmt: skip
def test_reasons_are_said_in_both_languages(reason: str, zh: str) -> None:
    assert said.both(reason)["zh"] == zh
    assert "s-1" not in said.both(reason)["en"] and "t-1" not in said.both(reason)["en"]


def test_every_measure_has_its_chinese_words() -> None:
    from milepost.evidence.dock.plain import REASONS  # noqa: PLC0415

    for each in REASONS:
        told = said.both("for: " + each.words.format(1.5))
        assert told["zh"] != told["en"], each.measure
