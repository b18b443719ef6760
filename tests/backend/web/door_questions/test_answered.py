"""What a person's answer to a question of a door records, and what it ends (EX-22, T13, T14)."""

import pytest
from fastapi.testclient import TestClient
from paper_browser import opened

from milepost.alerts.door_watch import QuestionWatch
from milepost.evidence import log, sessions
from milepost.evidence.model import Author
from milepost.evidence.service import standing
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.times import now_ms, to_rfc3339

from .live_doors import MIN, STRANGER, A, B, Live, press


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


@pytest.mark.requirement("EX-22")
def test_EX22_an_answer_about_a_unit_whose_tag_was_read_explains_no_passage_without_a_tag(live: Live) -> None:
    foreign = [each["id"] for each in live.docks.units(live.docks.ids[B])]
    with live.db.tx() as conn:
        plan.expect(conn, live.docks.trips[A], live.docks.ids[B], foreign)  # so that the list is not complete
    live.unread(A, 40, 50)
    live.ask(A, 0, at_s=60)
    asked = {item["kind"]: item for item in live.asked()}
    live.answer(asked["door_unit"], answer="aboard")
    [unread] = live.asked()
    assert (unread["kind"], unread["data"]["qty"]) == ("door_no_tag", 2)
    left = live.answer(unread, answer="aboard", unit=live.docks.units(live.docks.ids[A])[1]["id"])
    assert left["state"] == "open" and [item["data"]["qty"] for item in live.asked()] == [1]


def test_a_complete_list_and_a_word_end_what_was_asked_about_passages_without_a_tag(live: Live) -> None:
    live.unread(A, 60)
    live.unread(B, 60)
    first, second = live.asked()
    assert live.answer(first, answer="not_ours", word="an empty forklift")["resolved"]["word"] == "an empty forklift"
    plate = A if second["data"]["session"] == live.docks.sessions[A] else B
    for no in (0, 1):
        live.decide(plate, no, at_s=120 + no)
    assert live.asked() == []


@pytest.mark.requirement("EX-22", "T14")
def test_EX22_of_two_trucks_a_person_says_on_which_it_lies(live: Live, keeper: TestClient) -> None:
    live.docks.read(live.docks.units(live.docks.ids[A])[0]["id"], A)
    live.docks.read(live.docks.units(live.docks.ids[A])[0]["id"], B)
    [item] = live.items()
    assert item["kind"] == "two_trucks"
    page = opened(keeper, f"/inbox?item={item['id']}")
    assert f"It is on {A}" in page.text and f"It is on {B}" in page.text
    refused = live.api.post(f"/api/v1/alerts/{item['id']}/answer", json={"answer": "aboard"})
    assert refused.status_code == 422
    live.answer(item, answer="aboard", vehicle=live.docks.trucks[A])
    assert live.kinds() == []
    assert live.docks.state(A)["tally"]["loaded"] == 1


def test_an_item_of_a_door_can_be_taken_put_off_and_handed_over(live: Live, keeper: TestClient) -> None:
    live.ask(A)
    [item] = live.asked()
    page = opened(keeper, f"/inbox?item={item['id']}").send(f"{item['id']}/acknowledge")
    assert "Taken; it is yours now." in page.text
    [taken] = live.items()
    until = to_rfc3339(now_ms() + MIN)
    assert live.api.post(f"/api/v1/alerts/{item['id']}/snooze", json={"until": until}).json()["state"] == "snoozed"
    assert [each["id"] for each in live.asked()] == [item["id"]]  # asleep, and no second one
    handed = live.api.post(f"/api/v1/alerts/{item['id']}/assign", json={"to": taken["owner"]["id"]})
    assert handed.json()["state"] == "assigned" and handed.json()["owner"] == taken["owner"]
    page = opened(keeper, f"/inbox?item={item['id']}").send("/resolve", word="stands in the hall, label torn")
    assert "Resolved" in page.text and live.asked() == []


@pytest.mark.requirement("EX-22")
def test_EX22_what_is_answered_is_asked_at_the_door_no_more(live: Live, keeper: TestClient) -> None:
    door = f"/doors/{live.docks.places[A]}"
    live.ask(A)
    live.stranger(A, at_s=80)
    live.unread(A, 100, 120)
    asked = {item["kind"]: item for item in live.asked()}
    words = {
        "door_unit": "it is not sure that it went through",
        "door_tag": f"went through: tag …{STRANGER[-8:]}",
        "door_no_tag": "unread (2)",
    }
    page = opened(keeper, door)
    for kind, word in words.items():
        assert word in page.text, (kind, page.text)
    live.answer(asked["door_unit"], answer="not_aboard")
    live.answer(asked["door_tag"], answer="not_ours", word="an empty cage")
    unit = live.docks.units(live.docks.ids[A])[1]["id"]
    live.answer(asked["door_no_tag"], answer="aboard", unit=unit)
    page = opened(keeper, door)
    assert words["door_unit"] not in page.text and words["door_tag"] not in page.text
    assert "unread (1)" in page.text and words["door_no_tag"] not in page.text
