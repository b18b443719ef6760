"""The figures and the proposals as pages: what the API counts, in both languages, within scopes; decided once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from paper_browser import opened
from sqlalchemy import update

from milepost.db import Database
from milepost.evidence import log
from milepost.masterdata import service as masterdata
from milepost.orders import projector
from milepost.orders import repository as order_rows
from milepost.orders.tables import order as order_table
from milepost.reports.facts_file import read_facts

Clients = Callable[..., TestClient]
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "consignment.facts.jsonl"
MARCH = "from=2024-03-01&to=2024-03-31"
BAD = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def facts() -> Iterator[list]:
    with EXAMPLE.open("rb") as stream:
        yield read_facts(stream).facts


@pytest.fixture
def march(db: Database, client_of: Clients, facts: list) -> None:
    """An order of March 2024 with a broken acceptance and its complaint, in the branches SH1 and SH2."""
    client_of()
    with db.tx() as conn:
        for fact in facts:
            if fact.kind == "branch.defined":
                branch = fact.body["branch"]
                given = {name: fact.body[name] for name in ("region", "big_region", "calendar")}
                values = {"id": branch, "name_zh": f"{branch} 网点", "name_en": f"Branch {branch}"} | given
                masterdata.create(conn, "branch", values, fact.at)
        order = next(fact.subjects["order"] for fact in facts if "order" in fact.subjects)
        row = {"id": order, "number": f"SO-{order}", "created_at": 0, "request": "{}", "updated_at": 0,
               "state": "requested", "stage": 1, "projection": "{}"}  # fmt: skip
        order_rows.add(conn, row)
        projector.on_facts(conn, log.append(conn, [fact for fact in facts if fact.kind != "branch.defined"]))
        projector.refold(conn, order, ())
        conn.execute(update(order_table).values(customer=BAD))


@pytest.mark.requirement("KP-1")
def test_KP1_every_figure_stands_with_numerator_and_denominator_or_no_data(march: None, client_of: Clients) -> None:
    boss = client_of("regional_manager")
    whole = boss.get(f"/api/v1/reports/kpi?{MARCH}").json()["rows"][0]
    for lang, empty in (("en", "no data"), ("zh", "无数据")):
        page = opened(boss, f"/reports?lang={lang}&{MARCH}")
        assert page.status == 200
        for name, ratio in whole["ratios"].items():
            said = empty if ratio["percent"] is None else f"{ratio['percent']:.2f} %"
            assert f"{said} {ratio['numerator']} / {ratio['denominator']}" in page.text, name
    assert "Branch SH1" in opened(boss, f"/reports?lang=en&{MARCH}").text


@pytest.mark.requirement("X-21", "X-7")
def test_X21_the_sources_figure_and_the_one_that_counts_all_stand_side_by_side(march: None, client_of: Clients) -> None:
    page = opened(client_of("auditor"), f"/reports?lang=en&{MARCH}")
    both = ("timely, of accepted", "timely, of all received"), ("shipped within 24 h", "… from the agreed ship date")
    for source, honest in both:
        assert 0 < page.text.index(honest) - page.text.index(source) < 200


@pytest.mark.requirement("KP-1")
@pytest.mark.parametrize("by", ["branch", "region", "big_region", "channel", "class", "period", "product"])
def test_the_table_has_a_row_per_group_and_the_files_ask_for_the_same(march: None, client_of: Clients, by: str) -> None:
    boss = client_of("regional_manager")
    page = opened(boss, f"/reports?lang=en&{MARCH}&by={by}&then=period")
    wanted = boss.get(f"/api/v1/reports/kpi?{MARCH}&group={by}&group=period").json()["rows"]
    assert page.html.count('<th scope="row">') >= len(wanted)
    link = next(part.split('"')[0] for part in page.html.split('href="') if part.startswith("/api/v1/reports/kpi.csv"))
    answer = boss.get(link.replace("&amp;", "&"))
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == len(wanted) + 1


def test_a_month_without_orders_says_what_to_do(client_of: Clients) -> None:
    page = opened(client_of("dispatcher"), "/reports?lang=en")
    assert "No orders in this span" in page.text and "all time" in page.text


def test_a_branch_sees_its_share_others_none_and_a_customer_no_such_page(march: None, client_of: Clients) -> None:
    first = client_of(("branch_manager", "branch", "SH1"))
    page = opened(first, f"/reports?lang=en&{MARCH}")
    assert "Branch SH1" in page.text and "Branch SH2" not in page.text
    assert opened(first, f"/reports?{MARCH}&branch=SH2").status == 403
    assert "No proposals" in opened(first, "/reports/proposals?period=2024-03&lang=en").text
    for role in ("customer", "driver", "keeper"):
        person = client_of(role)
        assert opened(person, "/reports").status == 403 and opened(person, "/reports/proposals").status == 403
    desk = client_of("desk")
    assert opened(desk, "/reports").status == 200 and opened(desk, "/reports/proposals").status == 403
    assert "/reports/proposals" not in opened(desk, "/reports").html


@pytest.mark.requirement("PN-3")
def test_PN3_a_proposal_shows_its_article_and_evidence_and_is_decided_once(march: None, client_of: Clients) -> None:
    boss, admin = client_of(("regional_manager", "branch", "SH2")), client_of("admin")
    period = "/reports/proposals?period=2024-03&lang=en"
    item = next(
        each
        for each in boss.get("/api/v1/reports/proposals?period=2024-03").json()["items"]
        if each["who"]["role"] != "regional_manager"
    )
    page = opened(boss, f"{period}&id={item['id']}")
    assert item["article"] in page.text and item["text"]["en"] in page.text and "Decide the proposal" in page.text
    assert item["text"]["zh"] in opened(boss, f"{period}&id={item['id']}".replace("=en", "=zh")).text
    ending = f"/{item['id']}/decide"
    opened(boss, period)  # back to English
    answer = page.send(ending, verdict="approved", why=" ")
    assert answer.status == 422 and "Write a reason" in answer.text and "checked" in answer.html
    other = opened(admin, f"{period}&id={item['id']}")
    done = page.send(ending, verdict="approved", why="seen with the branch")
    assert done.status == 200 and "Approved." in done.text and not done.has("/decide")
    late = other.send(ending, verdict="rejected", why="no")
    assert late.status == 409 and "Somebody has decided it" in late.text
    assert boss.get("/api/v1/reports/proposals?period=2024-03&status=approved").json()["items"][0]["id"] == item["id"]


def test_who_may_read_but_not_decide_is_given_no_form(march: None, client_of: Clients) -> None:
    auditor = client_of("auditor")
    item = auditor.get("/api/v1/reports/proposals?period=2024-03").json()["items"][0]["id"]
    page = opened(auditor, f"/reports/proposals?period=2024-03&id={item}&lang=en")
    assert not page.has("/decide") and "A regional manager or an administrator decides." in page.text
    answer = auditor.post(f"/reports/proposals/{item}/decide", data={"verdict": "approved", "why": "x"})
    assert answer.status_code == 403


def test_nonsense_in_the_address_does_no_harm(march: None, client_of: Clients) -> None:
    boss = client_of("regional_manager")
    for query in (f"by={BAD}&then={BAD}&from=x&to=y", f"channel={BAD}&class={BAD}&region={BAD}", "by=&then="):
        page = opened(boss, f"/reports?lang=en&{query}")
        assert page.status == 200 and "<img src=x" not in page.html
    assert opened(boss, "/reports?from=2024-03-02&to=2024-03-01").status == 422
    assert opened(boss, "/reports/proposals?period=soon").status == 422
    assert "No such proposal" in opened(boss, f"/reports/proposals?period=2024-03&id={BAD}&lang=en").text
