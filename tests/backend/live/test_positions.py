"""Last known positions: by id, whole, and never an older text than the board."""

import json

from milepost.live.positions import PositionTexts
from milepost.live.state import Board

NOW = 1_777_800_000_000


def board(*vehicles: str) -> Board:
    made = Board()
    for each in vehicles:
        made.fix(each, lng=121.0, lat=31.0, course=90.0, speed_mps=5.0, at=NOW, device=f"of-{each}")
    made.tick(NOW)
    return made


def ids(answer: bytes) -> list[str]:
    return [each["vehicle"] for each in json.loads(answer)["items"]]


def test_positions_come_by_id_page_after_page() -> None:
    texts, placed = PositionTexts(), board("c", "a", "d", "b").placed()
    first = texts.page(placed, "", 3)
    assert (ids(first), json.loads(first)["next"]) == (["a", "b", "c"], "c")
    second = texts.page(placed, "c", 3)
    assert (ids(second), json.loads(second)["next"]) == (["d"], None)
    assert json.loads(first)["items"][1] == {
        "vehicle": "b", "device": "of-b", "at": "2026-05-03T09:20:00.000Z", "lat": 31.0, "lon": 121.0,
        "speed_mps": 5.0, "course_deg": 90, "contact": "live", "motion": "moving",
    }  # fmt: skip


def test_the_same_answer_is_given_until_something_changes_and_then_the_new_one() -> None:
    texts, seen = PositionTexts(), board("a", "b")
    first = texts.page(seen.placed(), "", 9)
    assert seen.placed() is seen.placed()
    assert texts.page(seen.placed(), "", 9) is first
    seen.fix("b", lng=122.0, lat=31.0, course=90.0, speed_mps=5.0, at=NOW + 1_000)
    assert texts.page(seen.placed(), "", 9) is first  # what no tick has made visible is on no board yet
    seen.tick(NOW + 1_000)
    assert [each["lon"] for each in json.loads(texts.page(seen.placed(), "", 9))["items"]] == [121.0, 122.0]
    seen.tick(NOW + 3_600_000)  # by time alone
    assert {each["contact"] for each in json.loads(texts.page(seen.placed(), "", 9))["items"]} == {"offline"}
    seen.fix("aa", lng=122.0, lat=31.0, course=90.0, speed_mps=5.0, at=NOW + 3_600_000)
    seen.tick(NOW + 3_600_000)
    assert ids(texts.page(seen.placed(), "", 9)) == ["a", "aa", "b"]


def test_who_may_see_some_sees_those_alone() -> None:
    texts, seen = PositionTexts(), board("c", "a", "b")
    everything = texts.page(seen.placed(), "", 9)
    assert ids(texts.page(seen.placed({"c", "a", "x"}), "", 9)) == ["a", "c"]
    assert texts.page(seen.placed(), "", 9) == everything
