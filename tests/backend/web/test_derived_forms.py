"""Orders made of an order, through pages without scripts: a split, a supplementary order, a copy (LI-5, LI-7, OD-3)."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

pytestmark = pytest.mark.usefixtures("branches")
Clients = Callable[..., TestClient]
Ask = Callable[..., str]
ALL = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver", "customer")
TWO = [{"name": "cartons", "qty": 5}, {"name": "drums", "qty": 2}]


def lines_of(client: TestClient, number: str) -> dict[str, float]:
    return {line["name"]: line["ordered"] for line in client.get(f"/api/v1/orders/{number}").json()["lines"]}


def page_of(client: TestClient, number: str, lang: str = "en") -> Page:
    return opened(client, f"/orders/{number}?lang={lang}")


def linked(client: TestClient, number: str) -> list[tuple[str, str]]:
    """(relation, id of the other) of an order's links."""
    return [(each["relation"], each["other"]) for each in client.get(f"/api/v1/orders/{number}").json()["links"]]


@pytest.mark.requirement("LI-7")
def test_LI7_goods_are_taken_out_into_two_orders_and_the_rest_stays(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask(lines=TWO)
    typed = {"parts.0.qty.1": "2", "parts.1.qty.1": "1", "parts.1.qty.2": "2", "parts.1.to.name": "Shop B",
             "parts.1.ship": "2030-01-02"}  # fmt: skip
    page = page_of(desk, number).send("/act/split", **typed)
    assert page.status == 200, page.text
    assert "Done: Split the order." in page.text
    assert lines_of(desk, number) == {"cartons": 2}
    parts = [desk.get(f"/api/v1/orders/{other}").json() for relation, other in linked(desk, number)]
    assert {relation for relation, _ in linked(desk, number)} == {"split"}
    goods = [{line["name"]: line["ordered"] for line in part["lines"]} for part in parts]
    assert goods == [{"cartons": 2}, {"cartons": 1, "drums": 2}]
    assert (parts[1]["to"]["name"], parts[1]["dates"]["ship"]) == ("Shop B", "2030-01-02")
    assert all(part["number"] in page.text for part in parts), "the page names the orders that came out of it"
    assert f"the order it was split from {number}" in page_of(desk, parts[0]["number"]).text


@pytest.mark.parametrize(
    ("typed", "where", "words"),
    [
        ({"parts.0.qty.1": "9"}, "parts.0.qty.1", ("At most 5.", "最多 5。")),
        ({"parts.0.qty.1": "4", "parts.1.qty.1": "2"}, "parts.1.qty.1", ("At most 1.", "最多 1。")),
        ({"parts.0.qty.1": "some"}, "parts.0.qty.1", ("A number, like 3.5.", "要数字，例如 3.5。")),
        ({"parts.0.qty.1": "-1"}, "parts.0.qty.1", ("More than 0.", "要大于 0。")),
        ({"parts.0.qty.1": "1", "parts.0.ship": "soon"}, "parts.0.ship", ("A date, like", "要日期")),
        ({}, "parts.0.qty.1", ("Say how much goes into a new order.", "填上分出去的数量。")),
        (
            {"parts.0.qty.1": "5", "parts.0.qty.2": "2"},
            "parts.0.qty.1",
            ("Nothing would be left here", "本单就没有货了"),
        ),
        ({"parts.1.to.name": "B"}, "parts.1.to.name", ("has a place or a day, and no goods", "没有货")),
    ],
)
def test_a_split_that_cannot_be_says_so_beside_the_cell_and_keeps_what_was_typed(
    client_of: Clients, ask: Ask, typed: dict[str, str], where: str, words: tuple[str, str]
) -> None:
    desk = client_of(*ALL)
    number = ask(lines=TWO)
    for lang, text in zip(("en", "zh"), words, strict=True):
        page = page_of(desk, number, lang).send("/act/split", **typed)
        assert page.status == 422
        assert text in page.text
        assert dict(page.form("/act/split").values)[where] == typed.get(where, "")
        assert 'id="act-split" open' in page.html
    assert lines_of(desk, number) == {"cartons": 5, "drums": 2}


@pytest.mark.requirement("OD-3", "EX-12")
def test_OD3_a_confirmed_order_gets_a_supplementary_order(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask(type="goods", pickup="none")
    page = page_of(desk, number).send("/act/accept", contact__with="W", contact__about="order", contact__result="yes")
    page = page.send("/act/confirm", checked="yes")
    assert not page.has("/act/edit") and not page.has("/act/split"), "it is locked (X-6)"
    page = page.send("/act/append")
    assert page.status == 422 and "Fill this in." in page.text
    page = page.send("/act/append", lines__0__name="pallets", lines__0__qty="3", dates__ship="2030-01-02")
    assert page.status == 200, page.text
    assert "Done: Make a supplementary order." in page.text and f"the order it was added to {number}" in page.text
    made = page.address.removeprefix("/orders/").partition("?")[0]
    assert made != number and lines_of(desk, made) == {"pallets": 3}
    assert made in page_of(desk, number).text


@pytest.mark.requirement("LI-5")
@pytest.mark.parametrize(("lang", "words"), [("en", "Done: Copy to a new order."), ("zh", "复制成新单")])
def test_LI5_a_copy_is_a_new_request_once_however_often_it_is_sent(
    client_of: Clients, ask: Ask, lang: str, words: str
) -> None:
    desk = client_of(*ALL)
    number = ask(lines=TWO)
    page = page_of(desk, number, lang)
    made = page.send("/act/copy")
    again = page.send("/act/copy")  # the button pressed twice
    assert made.status == 200 and words in made.text
    other = made.address.removeprefix("/orders/").partition("?")[0]
    assert again.address.startswith(f"/orders/{other}")
    assert lines_of(desk, other) == lines_of(desk, number) and linked(desk, other) == []
    assert desk.get(f"/api/v1/orders/{other}").json()["state"] == "requested"


def test_who_may_not_make_orders_of_it_sees_no_form_and_is_refused(client_of: Clients, ask: Ask) -> None:
    number = ask(lines=TWO)
    keeper = client_of("keeper")
    page = page_of(keeper, number)
    assert not any(page.has(f"/act/{name}") for name in ("split", "append", "copy"))
    answer = keeper.post(f"/orders/{number}/act/split", data={"parts.0.qty.1": "1"})
    assert answer.status_code == 403
    assert lines_of(keeper, number) == {"cartons": 5, "drums": 2}


def test_the_page_says_what_cannot_be_done_now_and_why(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask()
    page = page_of(desk, number)
    assert not page.has("/act/release") and "Release the hold nothing is on hold" in page.text
    page = page.send("/act/hold", hold="price", reason="to be quoted")
    assert page.has("/act/release") and "nothing is on hold" not in page.text
    assert "解除挂起 没有挂起" in page_of(desk, number, "zh").send("/act/release", reason="quoted").text
