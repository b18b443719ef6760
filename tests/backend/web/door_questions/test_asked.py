"""What live doors ask people: from readings and decisions to one item in the inbox, until something answers it.

REQUIREMENTS EX-22, T13, T15.
"""

import pytest
from fastapi.testclient import TestClient
from paper_browser import opened

from milepost.alerts.door_watch import LOOK_MS, QuestionWatch
from milepost.evidence import repository, sessions
from milepost.evidence.model import Author
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.times import now_ms

from .live_doors import MIN, STRANGER, A, B, Live, press


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


def test_a_tag_that_is_given_to_a_unit_is_nobodys_no_more(live: Live) -> None:
    live.stranger(A)
    assert len(live.asked()) == 1
    with live.db.tx() as conn:
        plan.bind_epc(conn, live.docks.units(live.docks.ids[A])[0]["id"], STRANGER, live.t0)
    live.watch = QuestionWatch(live.db)
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
    assert "Goods went out, no truck docked" in page.text
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


@pytest.mark.requirement("EX-22")
def test_EX22_of_goods_that_left_one_after_another_none_is_forgotten_while_the_item_stands(live: Live) -> None:
    units = [live.left(A, 0, at_s=60), live.left(A, 1, at_s=90)]
    [item] = live.asked()
    assert item["kind"] == "door_outside" and item["data"]["unit_ids"] == units
    QuestionWatch(live.db).round(now_ms() + LOOK_MS)  # another process, so late that it looks for no such facts itself
    [same] = live.items()
    assert same["id"] == item["id"] and same["data"]["unit_ids"] == units and same["data"]["qty"] == 2
    live.decide(A, 1, at_s=200)  # seen again, and counted
    [left] = live.asked()
    assert left["data"]["unit_ids"] == units[:1]


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
