"""Answers that cannot be taken: each is refused with what to do, and nothing is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.evidence import repository

from .live_doors import A, B, Live


def say(client: TestClient, item: dict[str, Any], headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post(f"/api/v1/alerts/{item['id']}/answer", json=body, headers=headers or {})


def scanned(live: Live, unit: str) -> int:
    """How often somebody says that a unit went aboard."""
    return sum(kind == "unit.loaded" and role != "device" for kind, role, _ in live.moves(unit))


def test_an_answer_is_recorded_once_and_not_from_a_stale_page(live: Live) -> None:
    unit = live.ask(A, at_s=60)
    [item] = live.asked()
    old = say(live.api, item, {"If-Match": "99"}, answer="aboard")
    assert old.status_code == 409 and old.json()["code"] == "conflict" and scanned(live, unit) == 0
    for _ in range(2):
        assert say(live.api, item, {"Idempotency-Key": "k-1"}, answer="aboard").is_success
    assert scanned(live, unit) == 1
    other = say(live.api, item, {"Idempotency-Key": "k-1"}, answer="not_aboard")
    assert other.status_code == 409 and other.json()["code"] == "duplicate_key"
    again = say(live.api, item, answer="aboard")
    assert again.status_code == 409 and again.json()["code"] == "illegal_step" and again.json()["state"] == "resolved"
    wrong = say(live.api, item, answer="off")
    assert wrong.status_code == 422 and "aboard, not_aboard" in wrong.json()["detail"]
    assert scanned(live, unit) == 1


def test_an_answer_about_two_trucks_is_recorded_once_however_late_it_is_sent_again(live: Live) -> None:
    """It is about now, and now is another instant when it is sent again."""
    unit = live.docks.units(live.docks.ids[A])[0]["id"]
    for plate in (A, B):
        live.docks.read(unit, plate)
    [item] = live.items()
    before = scanned(live, unit)
    sent = [say(live.api, item, {"Idempotency-Key": "k-2"}, answer="aboard", vehicle=live.docks.trucks[A])
            for _ in range(2)]  # fmt: skip
    assert [each.status_code for each in sent] == [200, 200] and sent[0].json() == sent[1].json()
    assert scanned(live, unit) == before + 1


def test_of_two_people_who_answer_at_once_one_is_told_that_it_is_done(
    live: Live, client_of: Callable[..., TestClient]
) -> None:
    unit = live.ask(A)
    [item] = live.asked()
    people = [client_of(("keeper", "site", live.docks.sites["DC1"])) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: say(one[0], item, answer=one[1]),
                                zip(people, ("aboard", "not_aboard"), strict=True)))  # fmt: skip
    assert sorted(each.status_code for each in answers) == [200, 409]
    refused = next(each.json() for each in answers if each.status_code == 409)
    assert refused["code"] == "illegal_step" and "resolved" in refused["detail"]
    assert [role for _, role, _ in live.moves(unit)].count("keeper") == 1
    assert live.asked() == []


def test_who_keeps_another_site_neither_sees_nor_answers(live: Live, client_of: Callable[..., TestClient]) -> None:
    unit = live.ask(A)
    [item] = live.asked()
    other = client_of(("keeper", "site", live.docks.sites["S14"]))
    assert other.get(f"/api/v1/alerts/{item['id']}").status_code == 404
    assert say(other, item, answer="aboard").status_code == 404
    auditor = client_of("auditor")
    assert auditor.get(f"/api/v1/alerts/{item['id']}").status_code == 200
    assert say(auditor, item, answer="aboard").status_code == 403
    page = opened(auditor, f"/inbox?item={item['id']}")
    assert page.status == 200 and not page.has("/answer")
    both = client_of("auditor", ("keeper", "site", live.docks.sites["S14"]))  # sees it, and keeps it not
    for answer in ("aboard", "not_aboard"):
        refused = say(both, item, answer=answer)
        assert refused.status_code == 403 and "DC1 · 7" in refused.json()["detail"]
    assert [kind for kind, _, _ in live.moves(unit)] == ["unit.seen"]


def test_a_unit_that_the_item_is_not_about_is_refused(live: Live) -> None:
    unit, second = (each["id"] for each in live.docks.units(live.docks.ids[A]))
    live.ask(A)
    [item] = live.asked()
    for body, words in (({"unit": second}, "leave it out"), ({"vehicle": live.docks.trucks[A]}, "leave it out")):
        refused = say(live.api, item, answer="aboard", **body)
        assert refused.status_code == 422 and words in refused.json()["detail"]
    assert scanned(live, unit) == scanned(live, second) == 0
    assert say(live.api, item, answer="aboard", unit=unit).is_success  # what it is about may be named


@pytest.mark.parametrize(
    ("named", "words"),
    [(None, "which piece"), ("foreign", "not on the list of this trip"), ("nobody", "not on the list of this trip"),
     ("aboard", "is counted already")],
)  # fmt: skip
def test_of_what_went_unread_only_a_piece_that_is_still_due_is_taken(live: Live, named: str | None, words: str) -> None:
    first, _ = (each["id"] for each in live.docks.units(live.docks.ids[A]))
    foreign = live.docks.units(live.docks.ids[B])[0]["id"]
    live.decide(A, 0, at_s=30)
    live.unread(A, 60)
    [item] = live.asked()
    unit = {"foreign": foreign, "nobody": "no-such-unit", "aboard": first}.get(named or "")
    refused = say(live.api, item, answer="aboard", **({"unit": unit} if unit else {}))
    assert refused.status_code == 422 and words in refused.json()["detail"]
    assert [each["id"] for each in live.asked()] == [item["id"]]
    assert scanned(live, first) == scanned(live, foreign) == 0


@pytest.mark.parametrize("corrected", ["another truck", "never was"])
def test_an_answer_about_a_session_that_was_corrected_meanwhile_is_refused(live: Live, corrected: str) -> None:
    unit = live.ask(A)
    [item] = live.asked()
    change = {"vehicle_id": live.docks.trucks[B]} if corrected == "another truck" else {"to_ms": live.t0}
    with live.db.tx() as conn:
        repository.change_session(conn, live.docks.sessions[A], **change)
    refused = say(live.api, item, answer="aboard")
    assert refused.status_code == 409 and "was corrected just now" in refused.json()["detail"]
    assert scanned(live, unit) == 0
    left = live.asked()
    assert [each["data"]["vehicle"] for each in left] == ([live.docks.trucks[B]] if corrected != "never was" else [])


@pytest.mark.parametrize(
    ("language", "piece", "step"),
    [("zh", "请说明是哪一件", "它已经了结"), ("en", "Say which piece it was", "It is closed already")],
)
def test_a_page_says_in_its_language_why_an_answer_was_not_recorded(
    live: Live, keeper: TestClient, language: str, piece: str, step: str
) -> None:
    keeper.headers["Accept-Language"] = language
    live.unread(A, 60)
    [item] = live.asked()
    path = f"/inbox/{item['id']}/answer"
    shown = opened(keeper, f"/inbox?item={item['id']}")
    page = Page(keeper, keeper.post(path, data={**dict(shown.form("/answer").values), "answer": "aboard", "unit": ""}))
    assert page.status == 422 and piece in page.text and page.has("/answer")
    live.answer(item, answer="not_ours")
    page = Page(keeper, keeper.post(path, data={"answer": "not_ours", "word": "pallet"}))
    assert page.status == 409 and step in page.text
