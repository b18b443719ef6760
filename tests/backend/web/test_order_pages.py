"""The pages around ordering without scripts: what people fill in arrives, what is wrong comes back as they typed it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.access.model import SYSTEM
from milepost.db import Database
from milepost.masterdata import service as masterdata
from milepost.times import now_ms
from milepost.web.i18n import translator
from milepost.web.order_story import _by_itself

pytestmark = pytest.mark.usefixtures("branches")
Clients = Callable[..., TestClient]
Ask = Callable[..., str]
ALL = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver", "customer")

BAD = "<img src=x onerror=alert(1)>\"'`{{7*7}}<script>alert(2)</script>"


def page_of(client: TestClient, number: str, lang: str = "en") -> Page:
    return opened(client, f"/orders/{number}?lang={lang}")


@pytest.mark.requirement("OQ-2", "OD-1")
def test_OQ2_a_consignment_goes_from_the_form_to_the_waybill_through_pages_alone(client_of: Clients) -> None:
    desk = client_of(*ALL)
    form = opened(desk, "/orders/new?channel=phone&lang=en")
    page = form.send(
        "/orders/new", ("go", "submit"), type="consignment", customer="C-9", contact__name="Wang",
        contact__phone="13800000000", lines__0__name="cartons", lines__0__qty="5", from__name="Shipper",
        from__address="Road 1", to__name="Li", to__address="Road 2", pickup="asap",
    )  # fmt: skip
    assert page.status == 200, page.text
    assert "2 · Submitted" in page.text and "Done: Make the order." in page.text
    page = page.send("/act/assign", branch="ZJ")
    assert "2 · Assigned" in page.text
    page = page.send("/act/accept", contact__with="Wang", contact__about="ships?", contact__result="yes, 5 pieces")
    assert "2 · Accepted" in page.text and "yes, 5 pieces" in page.text
    page = page.send("/act/note-printed", paper="N-1")
    page = page.send("/act/confirm", checked="yes")
    assert "4 · Pickup due" in page.text
    page = page.send("/act/pickup-done", pieces="5", packing="cartons", signers="Wang\nDriver 1")
    assert "4 · Picked up" in page.text
    page = page.send("/act/weighed", kg="60", max_piece_kg="12")
    page = page.send("/act/waybill", waybill="YD-1", kg="60", pieces="5")
    assert page.status == 200, page.text
    assert "5 · Waybilled" in page.text and "YD-1" in page.text


@pytest.mark.requirement("OQ-2")
def test_a_goods_order_is_picked_and_signed_through_pages(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    page = page_of(desk, ask(type="goods", pickup="none"))
    page = page.send("/act/contact", with_="Wang", about="order", result="agreed")
    page = page.send("/act/accept").send("/act/confirm", checked="yes")
    page = page.send("/act/units", units="3034F800000000000000AA01; 1\n3034F800000000000000AA02; 1; 2; 9.5")
    assert "#1" in page.text and "#2" in page.text
    page = page.send("/act/pick-list")
    page = page.send("/act/ready", reason="all there")
    assert "4 · Ready" in page.text


def test_faults_come_back_beside_the_inputs_with_what_was_typed(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask()
    page = page_of(desk, number).send("/act/contact", with_="Wang & <b>co</b>", about="", result="x" * 1001)
    assert page.status == 422
    assert "Fill this in." in page.text and "At most 1000 characters." in page.text
    form = page.form("/act/contact")
    assert dict(form.values)["with"] == "Wang & <b>co</b>"
    assert 'id="act-contact" open' in page.html
    # Mended in place it goes through.
    assert page.send("/act/contact", about="ships?", result="yes").status == 200


def test_a_refused_command_says_why_and_what_is_possible_in_both_languages(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask()
    for lang, words in (("en", "nobody has spoken with the customer"), ("zh", "还没有和客户联系")):
        page = page_of(desk, number, lang).send("/act/accept")
        assert page.status == 409
        assert words in page.text
        assert 'href="#act-contact"' in page.html


@pytest.mark.requirement("OQ-2")
def test_two_people_at_once_one_wins_the_other_sees_what_changed(client_of: Clients, ask: Ask) -> None:
    one, other = client_of(*ALL), client_of(*ALL)
    number = ask()
    first, second = page_of(one, number), page_of(other, number)
    said = first.send("/act/accept", contact__with="Wang", contact__about="ships?", contact__result="yes")
    assert said.status == 200
    answer = second.send("/act/hold", hold="data", reason="phone number is wrong")
    assert answer.status == 409
    assert "While you were reading, Person2 did" in answer.text and "the order is Accepted now" in answer.text
    assert dict(answer.form("/act/hold").values)["reason"] == "phone number is wrong"
    again = answer.send("/act/hold")  # having looked, they send again
    assert again.status == 200 and "on hold: data to be checked" in again.text


def test_pressing_twice_does_the_thing_once(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    page = page_of(desk, ask())
    form = page.form("/act/contact")
    sent = form.filled({"with": "Wang", "about": "ships?", "result": "yes"})
    for _ in range(2):
        assert desk.post(form.action, data=sent).status_code == 200
    facts = desk.get(f"/api/v1{form.action.removesuffix('/act/contact')}/evidence").json()
    assert [fact["kind"] for fact in facts].count("contact.logged") == 1


def test_a_page_offers_only_what_this_person_may_do(client_of: Clients, ask: Ask) -> None:
    number = ask()
    auditor = page_of(client_of("auditor"), number)
    assert not any("/act/" in form.action for form in auditor.forms)
    keeper = page_of(client_of("keeper"), number)
    assert not keeper.has("/act/accept") and keeper.has("/act/units")
    desk = page_of(client_of("desk"), number)
    assert desk.has("/act/accept") and not desk.has("/act/assign")


def test_a_person_of_another_branch_sees_no_such_order(client_of: Clients, ask: Ask) -> None:
    number = ask()
    stranger = client_of(("desk", "branch", "JD"))
    assert opened(stranger, f"/orders/{number}").status == 404
    assert (
        stranger.post(f"/orders/{number}/act/contact", data={"with": "x", "about": "y", "result": "z"}).status_code
        == 404
    )
    assert number not in opened(stranger, "/desk").text


@pytest.mark.parametrize("path", ["/orders/new", "/orders/bulk", "/desk"])
def test_pages_of_the_desk_are_for_the_desk(client_of: Clients, path: str) -> None:
    assert opened(client_of("driver"), path).status == 403
    assert client_of().get(path, follow_redirects=False).status_code == 303


def test_a_form_from_another_site_is_refused(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    token = desk.headers["Authorization"].removeprefix("Bearer ")
    number = ask()
    del desk.headers["Authorization"]
    desk.cookies.set("mp_session", token)
    answer = desk.post(
        f"/orders/{number}/act/contact", data={"with": "x", "about": "y", "result": "z"},
        headers={"Origin": "https://evil.example"},
    )  # fmt: skip
    assert answer.status_code == 403


def test_more_rows_keeps_what_was_typed(client_of: Clients) -> None:
    form = opened(client_of("desk"), "/orders/new?lang=en")
    page = form.send("/orders/new", ("more", "1"), customer="C-1", lines__0__name="milk", lines__0__qty="four")
    values = dict(page.form("/orders/new").values)
    assert values["lines.0.qty"] == "four" and values["customer"] == "C-1"
    assert "lines.14.qty" in page.form("/orders/new").names
    assert "A number" not in page.text  # nothing was judged yet
    page = page.send("/orders/new", ("go", "request"), type="goods", lines__0__qty="4", lines__9__name="tea",
                     lines__9__qty="1")  # fmt: skip
    assert page.status == 422  # rows were left out in between
    assert "This row is empty" in page.text


def test_what_cannot_be_submitted_is_not_half_made(client_of: Clients) -> None:
    desk = client_of(*ALL)
    page = opened(desk, "/orders/new?lang=en").send("/orders/new", ("go", "submit"), type="goods", customer="C-77")
    assert page.status == 422 and "still missing" in page.text
    assert desk.get("/api/v1/orders", params={"q": "C-77"}).json()["items"] == []
    page = page.send("/orders/new", ("go", "request"))
    assert page.status == 200 and "1 · Requested" in page.text


@pytest.mark.requirement("EO-10", "EO-22")
def test_EO22_the_desk_shows_what_waits_and_the_order_beside_it(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number, unassigned = ask(), ask(branch=None)
    page = opened(desk, "/desk?lang=en")
    assert number in page.text and unassigned in page.text and "not assigned" in page.text
    beside = opened(desk, f"/desk?lang=en&order={unassigned}")
    assert "Zhangjiang" in beside.text and "km" in beside.text
    after = beside.send("/act/assign", branch="BC")
    assert after.address.startswith("/desk?") and "Done: Assign to a branch." in after.text
    assert "Beicai" in after.text
    assert number not in opened(desk, "/desk?branch=BC").text
    assert number not in opened(desk, "/desk?clock=N-02").text
    assert "There is no order" in opened(desk, "/desk?lang=en&order=nothing").text


@pytest.mark.requirement("EO-4")
def test_EO4_the_nearest_branches_come_first(client_of: Clients, ask: Ask) -> None:
    html = opened(client_of(*ALL), f"/orders/{ask(branch=None)}?lang=en").html
    places = [html.index(f'name="branch" value="{key}"') for key in ("ZJ", "BC", "JD")]
    assert places == sorted(places)


def test_the_desk_refreshes_without_scripts_when_asked(client_of: Clients) -> None:
    desk = client_of("desk")
    assert "http-equiv" not in opened(desk, "/desk").html
    assert '<meta http-equiv="refresh" content="60">' in opened(desk, "/desk?refresh=1").html


@pytest.mark.requirement("OD-10")
def test_OD10_orders_in_bulk_by_numbers(client_of: Clients, ask: Ask) -> None:
    numbers = [ask() for _ in range(3)]
    page = opened(client_of("admin"), f"/orders/bulk?lang=en&numbers={numbers[0]}%0A{numbers[2]}%0ANO-1")
    assert numbers[0] in page.text and numbers[2] in page.text and f"{numbers[1]} " not in page.text
    assert "Not found: NO-1" in page.text


@pytest.mark.requirement("LI-5")
def test_LI5_the_list_filters_by_what_people_know(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    web = ask(customer="C-web", to={"name": "Zhou", "address": "x", "phone": "13577778888"})
    tel = ask(customer="C-tel", channel="phone", lines=[{"name": "冷藏奶", "qty": 4}], branch="JD")
    for query, hits in (
        ("q=Zhou", [web]), ("q=13577778888", [web]), ("q=冷藏奶", [tel]), ("q=100%25", []), ("channel=phone", [tel]),
        ("branch=JD", [tel]), ("customer=C-web", [web]), ("state=assigned", [web, tel]), ("show=entered", [web, tel]),
        ("show=signed", []), ("type=goods", []), ("show=late", []), ("sort=due", [web, tel]),
    ):  # fmt: skip
        text = opened(desk, f"/orders?lang=en&{query}").text
        assert [number for number in (web, tel) if number in text] == hits, query


@pytest.mark.parametrize("sort", ["changed", "due", "new", "number"])
def test_pages_of_the_list_follow_each_other_without_gap_or_double(
    client_of: Clients, ask: Ask, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milepost.web.pages.orders._PAGE", 2)
    made = [ask() for _ in range(5)]
    desk, seen, address = client_of("desk"), [], f"/orders?sort={sort}"
    while address:
        html = desk.get(address).text
        seen += [number for number in made if f'"/orders/{number}"' in html]
        address = next(
            (part.split('"')[0].replace("&amp;", "&") for part in html.split('href="') if "after=" in part.split('"')[0]
             and 'rel="next"' in part[:300]), "")  # fmt: skip
    assert sorted(seen) == sorted(made) and len(seen) == 5


@pytest.mark.parametrize("query", ["after=x", "after=changed.x.y", "after=due.1.z", "sort=<b>&show=<i>&state=x&q=%00"])
def test_an_address_that_means_nothing_is_answered_plainly(client_of: Clients, query: str) -> None:
    assert opened(client_of("desk"), f"/orders?{query}").status in (200, 422)


@pytest.mark.requirement("W01")
def test_W01_names_that_are_markup_stay_text_in_every_form_and_list(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    number = ask(customer="C<i>x</i>", lines=[{"name": BAD, "qty": 1}], contact={"name": BAD[:60], "phone": "1"},
                 to={"name": BAD[:60], "address": BAD})  # fmt: skip
    for path in (
        f"/orders/{number}",
        f"/desk?order={number}",
        f"/orders?order={number}&q=<b>",
        "/orders/bulk?numbers=<b>",
    ):
        page = opened(client_of("admin", *ALL), path)
        assert page.status == 200
        assert "<img src=x" not in page.html and "<script>alert" not in page.html and "<i>x</i>" not in page.html
    assert BAD in opened(desk, f"/orders/{number}").text


def test_an_order_shows_its_promises_history_and_code_for_paper(client_of: Clients, ask: Ask) -> None:
    page = page_of(client_of("desk"), ask())
    assert "Accept and phone" in page.text and "N-01" in page.text and "left" in page.text
    assert "promised" in page.text  # under the stone of order entry
    assert "History" in page.text and "Requested → Assigned" in page.text
    assert '<path d="M4 4h7v1h-7z' in page.html


def test_every_page_labels_its_inputs_and_says_what_heads_its_tables(client_of: Clients, ask: Ask) -> None:
    desk = client_of("admin", *ALL)
    number = ask()
    for path in ("/orders", f"/orders/{number}", "/orders/new", f"/desk?order={number}", "/orders/bulk"):
        html = opened(desk, path).html
        ids = set(re.findall(r'\sid="([^"]+)"', html))
        assert len(ids) == len(re.findall(r'\sid="([^"]+)"', html)), f"{path}: an id stands twice"
        for target in re.findall(r'<label[^>]*\sfor="([^"]+)"', html):
            assert target in ids, f"{path}: a label for {target}, which is not there"
        for head in re.findall(r"<th(?: [^>]*)?>", html):
            assert "scope=" in head, f"{path}: {head}"
        assert html.count("<h1") == 1
        assert html.count("btn primary") >= 1 or path == "/orders/bulk"
        assert not re.search(r"<[^>]+\sstyle=", html)


def test_an_unknown_command_is_no_page(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    assert desk.post(f"/orders/{ask()}/act/teleport", data={}).status_code == 404


def test_no_form_sends_people_elsewhere(client_of: Clients, ask: Ask) -> None:
    desk = client_of(*ALL)
    data: dict[str, Any] = {"with": "x", "about": "y", "result": "z", "back": "//evil.example/"}
    answer = desk.post(f"/orders/{ask()}/act/contact", data=data, follow_redirects=False)
    assert answer.headers["location"].startswith("/live")


@pytest.mark.requirement("EO-18")
def test_EO18_a_cancel_reason_is_kept_as_a_code_and_read_in_the_language_of_the_page(
    client_of: Clients, ask: Ask
) -> None:
    desk = client_of(*ALL)
    number = ask()
    given = {"asked_by": "customer", "contact__with": "Wang", "contact__about": "order", "contact__result": "no"}
    page = page_of(desk, number, "zh").send("/act/cancel", reason="price", reason__note="太贵", **given)
    assert page.status == 200 and "价格没谈成：太贵" in page.text
    facts = desk.get(f"/api/v1/orders/{number}/evidence").json()
    [body] = [fact["body"] for fact in facts if fact["kind"] == "order.cancelled"]
    assert body["reason"] == "price: 太贵"
    assert "No agreement on price: 太贵" in page_of(desk, number, "en").text
    told = next(m for m in desk.get("/api/v1/messages").json()["items"] if m["template"] == "event.cancelled")
    assert "价格没谈成：太贵" in told["text"]["zh"] and "No agreement on price: 太贵" in told["text"]["en"]


@pytest.mark.parametrize(("lang", "names"), [("zh", "张江 → 北蔡"), ("en", "Zhangjiang → Beicai")])
def test_pages_of_an_order_name_branches_and_companies_not_their_ids(
    client_of: Clients, ask: Ask, db: Database, lang: str, names: str
) -> None:
    desk, number = client_of(*ALL), ask(customer="C-9", branch="ZJ")
    with db.tx() as conn:
        values = {"name": "东海食品", "parties": ["customer"]}
        masterdata.edit(conn, SYSTEM, "customer", "C-9", values, now_ms(), None)
    page = page_of(desk, number, lang).send(
        "/act/accept", contact__with="Wang", contact__about="x", contact__result="y"
    )
    page = page.send("/act/reroute", to_branch="BC")
    assert page.status == 200 and names in page.text
    assert "ZJ" not in re.sub(r'(value|name|href|id)="[^"]*"', "", page.text), "an id is for programs"
    for path in (f"/orders/{number}", "/orders", "/desk", f"/desk?order={number}"):
        text = opened(desk, f"{path}{'&' if '?' in path else '?'}lang={lang}").text
        assert "东海食品" in text and ">C-9" not in text, path


def test_a_clock_that_was_judged_anew_is_named_in_the_history() -> None:
    t = translator("en")
    assert (
        _by_itself({"kind": "rejudged", "data": {"clock": "N-01"}}, t)
        == "a clock was judged anew · Accept and phone N-01"
    )
    assert _by_itself({"kind": "time", "data": {}}, t) == t("history.time")
