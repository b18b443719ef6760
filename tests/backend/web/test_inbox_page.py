"""The inbox and the messages without scripts: see, take, hand over, put off, resolve, each in its scope."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.alerts import service as alerts
from milepost.clocks import service as clocks
from milepost.notify import service as notify

pytestmark = pytest.mark.usefixtures("branches", "installed")
ALL = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver", "customer")
Clients = Callable[..., TestClient]
Ask = Callable[..., str]
BAD = "<img src=x onerror=alert(1)>\"'`{{7*7}}<script>alert(2)</script>"


@pytest.fixture
def installed() -> None:
    """What the service installs at its start: items, clocks and messages follow the orders."""
    clocks.install()
    notify.install()
    alerts.install()


def troubled(client: TestClient, number: str, text: str = "tyre is flat", ex: str = "EX-26") -> str:
    """Report trouble about an order; the id of its item."""
    answer = client.post(f"/api/v1/orders/{number}/raise", json={"ex": ex, "stage": "in_transit", "cause": text})
    assert answer.is_success, answer.text
    return client.get("/api/v1/alerts", params={"order": number}).json()["items"][0]["id"]


def inbox(client: TestClient, query: str = "", lang: str = "en") -> Page:
    return opened(client, f"/inbox?lang={lang}&{query}")


def test_an_item_says_cause_task_who_was_told_and_what_follows(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    item = troubled(desk, number := ask())
    shown = desk.get(f"/api/v1/alerts/{item}").json()
    for lang in ("zh", "en"):
        page = inbox(desk, f"item={item}", lang)
        assert page.status == 200
        for part in (shown["title"][lang], shown["task"][lang], shown["next"][lang], number):
            assert part in page.text
    assert "tyre is flat" in page.text
    assert "Person2" in page.text  # who holds a role that was told


def test_taking_handing_over_putting_off_and_resolving_through_the_page(client_of: Clients, ask: Ask) -> None:
    desk, other = client_of(*ALL), client_of("dispatcher")
    item = troubled(desk, ask())
    page = inbox(desk)
    assert "nobody" in page.text
    page = page.send(f"/{item}/acknowledge")
    assert page.status == 200 and "Taken; it is yours now." in page.text
    assert "mine 1" in page.text and "no owner 0" in page.text
    them = other.get("/api/v1/me").json()["id"]
    page = page.send(f"/{item}/assign", to=them)
    assert "Handed over" in page.text and "mine 0" in page.text
    assert inbox(other, "show=mine").text.count("Open") >= 1
    assert "not read" in opened(other, "/messages?lang=en").text
    page = inbox(desk, f"item={item}").send(f"/{item}/snooze", ("quick", str(_tomorrow())))
    assert "Snoozed; it comes back by itself." in page.text and "snoozed 1" in page.text
    page = page.send(f"/{item}/resolve", word="tyre changed")
    assert "Resolved; the reason is kept" in page.text
    assert "tyre changed" in page.text and "Just closed" in page.text
    assert desk.get(f"/api/v1/alerts/{item}").json()["state"] == "resolved"


def test_what_the_form_lacks_comes_back_with_what_was_typed(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    item = troubled(desk, ask())
    page = inbox(desk, f"item={item}")
    for step, field, value, said in (
        ("resolve", "word", " ", "Write a reason"),
        ("assign", "to", "", "Choose a person."),
        ("snooze", "until", "soon", "Say until when."),
    ):
        answer = page.send(f"/{item}/{step}", **{field: value}) if step != "snooze" else _typed(page, item, value)
        assert answer.status == 422 and said in answer.text
    answer = _typed(page, item, "2020-01-01T08:00")
    assert answer.status == 422 and 'value="2020-01-01T08:00"' in answer.html
    assert desk.get(f"/api/v1/alerts/{item}").json()["state"] == "open"


def test_of_two_who_take_it_the_second_is_told_who_has_it(client_of: Clients, ask: Ask) -> None:
    one, other = client_of(*ALL), client_of(*ALL)
    item = troubled(one, ask())
    first, second = inbox(one), inbox(other)
    assert first.send(f"/{item}/acknowledge").status == 200
    for lang, words in (("en", "Person2 took a step; it is taken now"), ("zh", "Person2 已经动过")):
        other.cookies.set("mp_lang", lang)
        answer = second.send(f"/{item}/acknowledge")
        assert answer.status == 409 and words in answer.text


def test_pressing_twice_takes_once(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    item = troubled(desk, ask())
    form = inbox(desk).form(f"/{item}/acknowledge")
    for _ in range(2):
        assert desk.post(form.action, data=form.filled({})).status_code == 200
    assert desk.get(f"/api/v1/alerts/{item}").json()["version"] == 2


def test_a_branch_sees_its_own_items_and_a_customer_gets_no_such_page(client_of: Clients, ask: Ask) -> None:
    all_seeing = client_of(*ALL)
    mine = troubled(all_seeing, own := ask(branch="ZJ"))
    other = troubled(all_seeing, foreign := ask(branch="BC"))
    branch = client_of(("desk", "branch", "ZJ"))
    page = inbox(branch)
    assert own in page.text and foreign not in page.text and "Beicai" not in page.text
    assert "No such item" in inbox(branch, f"item={other}").text
    form = inbox(all_seeing).form(f"/{other}/acknowledge")
    assert branch.post(form.action, data=form.filled({})).status_code == 404
    assert branch.post(f"/inbox/{mine}/acknowledge", data={}).status_code == 200
    customer = client_of(("customer", "customer", "C-1"))
    assert inbox(customer).status == 403
    assert customer.post(f"/inbox/{mine}/resolve", data={"word": "x"}).status_code == 403
    assert 'href="/inbox"' not in opened(customer, "/orders").html


def test_an_auditor_reads_and_takes_no_step(client_of: Clients, ask: Ask) -> None:
    item = troubled(client_of(*ALL), ask())
    auditor = client_of("auditor")
    page = inbox(auditor, f"item={item}")
    assert page.status == 200 and not any("/inbox/" in form.action for form in page.forms)
    assert auditor.post(f"/inbox/{item}/acknowledge", data={}).status_code == 403


def test_filters_are_the_address_and_nonsense_in_it_does_no_harm(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    troubled(desk, number := ask())
    nonsense = "show=%3Cb%3E&since=zz&item=%00"
    for query, there in (("branch=ZJ", True), ("branch=BC", False), ("since=1h", True), ("show=mine", False),
                         ("show=none", True), ("show=closed", False), (nonsense, True)):  # fmt: skip
        page = inbox(desk, query)
        assert page.status == 200 and (f"/orders/{number}" in page.html) is there, query
    assert inbox(desk, "show=closed&after=zz").status == 422


def test_the_way_to_settle_it_is_a_command_that_the_order_allows_now(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    item = troubled(desk, number := ask())
    page = inbox(desk, f"item={item}")
    assert f'href="/orders/{number}#act-contact"' in page.html
    allowed = set(desk.get(f"/api/v1/orders/{number}").json()["allowed"])
    linked = {part.split('"')[0] for part in page.html.split("#act-")[1:]}
    assert linked and linked <= allowed


def test_W01_hostile_words_stay_words(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    item = troubled(desk, ask(customer=BAD[:64], contact={"name": BAD, "phone": "1"}), text=BAD)
    page = inbox(desk, f"item={item}&branch={BAD}")
    assert "<img src=x" not in page.html and "<script>alert" not in page.html and "{{7*7}}" in page.text
    page = inbox(desk, f"item={item}").send(f"/{item}/resolve", word=BAD)
    assert page.status == 200 and "<img src=x" not in page.html
    answer = desk.post(f"/inbox/{item}/acknowledge", data={"back": "//evil.example/"}, follow_redirects=False)
    assert answer.status_code == 409
    other = troubled(desk, ask())
    answer = desk.post(f"/inbox/{other}/acknowledge", data={"back": "//evil.example/"}, follow_redirects=False)
    assert answer.headers["location"].startswith("/inbox")


def test_messages_are_mine_and_reading_them_is_marked_once(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    troubled(desk, ask())
    page = opened(desk, "/messages?lang=en")
    count = desk.get("/api/v1/messages/unread").json()["unread"]
    assert count >= 2 and f"not read {count}" in page.text
    assert f'<b class="n">{count}</b>' in page.html  # in the top bar
    one = next(form.action for form in page.forms if form.action.endswith("/read") and form.action != "/messages/read")
    page = page.send(one)
    assert page.status == 200 and "1 marked as read." in page.text
    page = page.send("/messages/read")
    assert f"{count - 1} marked as read." in page.text and "Nothing unread" in page.text
    assert desk.get("/api/v1/messages/unread").json()["unread"] == 0
    stranger = client_of(("finance", "branch", "JD"))
    assert stranger.post(one, data={}).status_code == 404
    assert "Nothing unread" in opened(stranger, "/messages?lang=en").text


def test_empty_pages_say_so(client_of: Clients) -> None:
    fresh = client_of("dispatcher")
    assert "Nothing needs a person" in inbox(fresh).text
    assert "没有要处理的异常" in inbox(fresh, lang="zh").text
    assert "No messages yet" in opened(fresh, "/messages?which=all&lang=en").text


def _typed(page: Page, item: str, until: str) -> Page:
    """The second form of snoozing: with a time of one's own."""
    forms = [form for form in page.forms if form.action.endswith(f"/{item}/snooze") and "until" in form.names]
    return Page(page.client, page.client.post(forms[0].action, data=forms[0].filled({"until": until})))


def _tomorrow() -> Any:
    from milepost.times import now_ms  # noqa: PLC0415

    return now_ms() + 86_400_000
