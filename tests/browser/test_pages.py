"""Sign-in, orders and doors in a real browser; forms also without scripts."""

import html
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect
from scene_shanghai import Scene

from milepost.access.model import Grant
from milepost.alerts import doors as door_items
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence.dockside.questions import Question
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.view import session_view
from milepost.orders import service as orders
from milepost.times import now_ms

pytestmark = pytest.mark.browser


def test_sign_in_leads_to_where_the_person_wanted_to_be(scene: Scene, house: Any, visitor: Any) -> None:
    house.person("keeper07", Grant("keeper"))
    page = visitor(lang="en").open("/orders?show=problem")
    expect(page).to_have_title(re.compile("Sign in"))
    page.get_by_label("Account").fill("keeper07")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("Orders")
    assert page.url.endswith("/orders?show=problem")
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign in"))
    page.goto(house.url + "/orders")
    expect(page).to_have_title(re.compile("Sign in"))


def test_a_wrong_password_says_what_to_do(house: Any, browser: Any) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(house.url + "/sign-in")
    page.get_by_label("账号").fill("nobody")
    page.get_by_label("密码").fill("wrong wrong wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("账号和密码不符")
    expect(page.get_by_label("账号")).to_have_value("nobody")
    context.close()


def test_an_order_shows_nine_stones_and_the_evidence_behind_each(scene: Any, visitor: Any) -> None:
    first = scene.desk.made[0]
    page = visitor(scene.token).open(f"/orders/{first['number']}")
    expect(page.locator(".road.lg .ms")).to_have_count(9)
    expect(page.locator(".road.lg .done")).to_have_count(5)
    expect(page.locator(".road.lg .now b")).to_have_text("在途运输")
    page.locator(".road.lg .ms").nth(4).click()
    expect(page.locator("details.fact")).to_have_count(13)  # twelve units and the driver's signature
    fact = page.locator("details.fact", has_text="装上车").first
    fact.locator("summary").click()
    expect(fact.locator("svg .dot")).to_have_count(13)
    expect(fact.locator(".detail")).to_contain_text("door/1")
    expect(fact.locator(".grade")).to_contain_text("A")


def test_an_inferred_stone_is_dashed_and_says_so(scene: Any, visitor: Any) -> None:
    third = scene.desk.made[2]
    page = visitor(scene.token, lang="en").open(f"/orders/{third['number']}")
    stone = page.locator(".road.lg .ms.inferred")
    expect(stone).to_have_count(1)
    expect(stone.locator("b")).to_have_text("Picked")
    expect(stone.locator(".g")).to_contain_text("inferred")
    assert stone.locator(".stone").evaluate("e => getComputedStyle(e).borderStyle") == "dashed"


def test_a_partial_stone_shows_eleven_of_twelve(scene: Any, visitor: Any) -> None:
    short = scene.desk.made[3]
    page = visitor(scene.token).open(f"/orders/{short['number']}")
    expect(page.locator(".road.lg .partial .stone")).to_have_text("11/12")
    expect(page.locator(".right2")).to_contain_text("没装齐就走了")


def test_the_page_of_an_order_follows_what_happens_to_it(scene: Any, visitor: Any) -> None:
    made = scene.desk.order("客户丑", "S05", None, goods=[("日配 12 件", 2)])
    page = visitor(scene.token, lang="en").open(f"/orders/{made['number']}")
    expect(page.locator(".head .lab").first).to_have_text("3 · Confirmed")
    expect(page.locator("#conn")).to_have_class(re.compile("ok"))
    scene.desk.post(f"{made['path']}/pick-list", list="P-1")
    expect(page.locator(".head .lab").first).to_have_text("4 · Picking", timeout=10_000)


def test_commands_work_without_scripts_and_ask_before_what_cannot_be_undone(
    scene: Any, house: Any, browser: Any
) -> None:
    made = scene.desk.order("客户子", "S05", None, goods=[("日配 12 件", 2)])
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": "mp_session", "value": scene.token, "url": house.url}])
    page = context.new_page()
    page.goto(f"{house.url}/orders/{made['number']}")
    page.locator("#more > summary").click()
    page.locator("#act-cancel > summary").click()
    expect(page.locator("#act-cancel .ask")).to_contain_text(f"“Cancel the order” on order {made['number']}")
    expect(page.locator("#act-cancel select")).to_have_value("")  # nobody is preselected as the one who asked
    expect(page.locator("#act-cancel input[name=reason]:checked")).to_have_count(0)
    page.locator("#act-cancel select").select_option("customer")
    page.locator("#act-cancel").get_by_label("Customer will not ship").check()
    page.locator("#act-cancel > form > .btn").click()
    expect(page.locator(".head .lab").first).to_contain_text("Cancelled")
    # A command that the state no longer allows comes back with the reason; the page stays.
    page.goto(f"{house.url}/orders/{made['number']}")
    expect(page.locator("#act-cancel")).to_have_count(0)
    context.close()


def test_a_refused_command_keeps_the_page_and_gives_the_reason(scene: Any, house: Any, browser: Any) -> None:
    made = scene.desk.order("客户寅", "S05", None, goods=[("日配 12 件", 2)])
    context = browser.new_context(locale="en-GB")
    context.add_cookies([{"name": "mp_session", "value": scene.token, "url": house.url}])
    page = context.new_page()
    page.goto(f"{house.url}/orders/{made['number']}")
    page.locator("#more > summary").click()
    page.locator("#act-postpone > summary").click()
    scene.desk.post(f"{made['path']}/cancel", asked_by="customer")  # somebody else was quicker
    page.locator("#act-postpone input[name=to]").fill("2099-01-01")
    page.locator("#act-postpone select").select_option("desk")
    page.locator("#act-postpone > form > .btn").click()
    expect(page.get_by_role("alert").filter(has_text="Not possible now")).to_be_visible()
    expect(page.locator("h1")).to_have_text(made["number"])
    context.close()


def test_a_wrong_unit_takes_the_whole_screen_until_it_is_put_down(scene: Any, visitor: Any) -> None:
    page = visitor(scene.token, width=1280, height=800).open(f"/doors/{scene.doors[1]}")
    wrong = page.get_by_role("alertdialog")
    expect(wrong).to_contain_text("放下")
    expect(wrong).to_contain_text("浙B·08F63")  # where it belongs
    box = wrong.bounding_box()
    assert (box["width"], box["height"]) == (1280, 800)
    page.locator("#put-down").click()
    expect(page.locator(".tally .n")).to_have_text("9/12")
    expect(page.locator(".tile.done")).to_have_count(9)
    expect(page.locator(".tile.wait")).to_have_count(3)
    expect(page.locator(".tile.bad")).to_have_count(1)
    expect(page.locator(".dside .what")).to_have_class(re.compile("alarm-t"))


def test_door_sessions_and_names_fit_a_phone_and_what_is_disputed_is_read_without_a_pointer(
    scene: Any, house: Any, visitor: Any
) -> None:
    door = scene.doors[1]
    with house.db.tx() as conn:
        [session] = [row for row in evidence_rows.sessions(conn, door_id=door) if row["to_ms"] is None]
        unit = session_view(conn, session)["expected"][0]["unit"]
        subjects = {"unit": unit, "vehicle": scene.vehicles[30]["id"], "site": scene.sites["DC1"]}
        claim = Fact(
            id=fact_id("unit.loaded", subjects, ("other",)), kind="unit.loaded", at=now_ms(), source="rfid",
            by=Author("device", "dr-9"), subjects=subjects, confidence=0.97, grade="B", inputs=("other",),
        )  # fmt: skip
        orders.on_facts(conn, log.append(conn, [claim]))
    phone = visitor(scene.token, lang="en", width=390, height=800)
    page = phone.open(f"/doors/{door}")
    page.locator("#put-down").click()
    why = page.locator(".ddis li").filter(has_text="Two trucks claim it:")
    expect(why).to_contain_text("scan it there")
    box = why.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    for path in (
        f"/doors/{door}",
        f"/doors/{door}/sessions",
        f"/doors/{door}/sessions?session={session['id']}",
        f"/doors/{door}/antennas",
        "/gs1",
    ):
        page.goto(house.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    with house.db.tx() as conn:
        asked = Question("no_tag", door, session["id"], now_ms(), now_ms(), times=2)
        door_items.begin(conn, asked, door_items.about_of(conn, asked, session), now_ms())
        item = door_items.standing(conn)[door_items.cause(asked)]["id"]
    page.goto(f"{house.url}/inbox?item={item}")
    for part in (page.locator("#side h2").first, page.locator("#side").get_by_label("Close"),
                 page.get_by_role("button", name="It was this one, it is aboard")):  # fmt: skip
        box = part.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_a_keeper_opens_a_door_for_a_truck_and_sees_units_come(scene: Any, visitor: Any) -> None:
    trip = scene.desk.trip(9, ["S05"], "T-1126-20")
    made = scene.desk.order("客户卯", "S05", trip, goods=[("日配 12 件", 2)])
    scene.desk.bill(made)
    page = visitor(scene.token, lang="en", width=1280, height=800).open(f"/doors/{scene.doors[2]}")
    page.get_by_text("浙F·3H518").click()
    page.get_by_role("button", name="Start loading").click()
    expect(page.locator(".tally .n")).to_have_text("0/2")
    scene.desk.load(made, 9, made["units"], since_min=-0.02)
    expect(page.locator(".tally .n")).to_have_text("2/2", timeout=10_000)
    expect(page.locator(".tally .s")).to_have_text("Complete")
    page.get_by_role("button", name="All loaded, check").click()
    expect(page.locator(".phase")).to_have_text("Free")


def test_tables_of_inbox_fleet_and_doors_lead_on(scene: Any, visitor: Any) -> None:
    look = visitor(scene.token)
    page = look.open("/inbox")
    row = page.locator("tbody.now tr:not(.grp)").first
    expect(row).to_contain_text("!")
    row.locator("a.plate").click()
    expect(page.locator("#side")).to_be_visible()
    page.locator("tbody.now tr.sel .two a:not(.plate)").click()
    expect(page.locator(".road.lg")).to_be_visible()
    page = look.open("/fleet")
    expect(page.locator("tbody tr")).to_have_count(40)
    page.get_by_role("link", name="沪A·3K921").click()
    expect(page.locator("#panel h2")).to_have_text("沪A·3K921")
    page = look.open("/doors")
    expect(page.locator(".door-list .busy")).to_contain_text(["皖B·08K71"])
    page = look.open("/orders?show=all")
    expect(page.locator("tbody .road.strip").first.locator("li")).to_have_count(9)
    page.locator("input[name=q]").fill(scene.desk.made[0]["number"])
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)


_KINDS = "order|unit|vehicle|trip|waybill|contact|goods|load|pick|hold|notice|session|clock|claim|complaint|accept"
CODE = re.compile(
    r"\bPT?\d+[DHMS]\w*|\b[a-z]+(?:_[a-z0-9]+)+\b|\b(?:" + _KINDS + r")\.[a-z_]+\b|\b[a-z.]+=\S+"
    r"|\bTrue\b|\bFalse\b|<\w+ object"
)
# People write a policy in these words, and a message with these fields: there they are explained.
SPELT_OUT = ("/settings/policies", "/settings/texts")


def text_of(page: str) -> str:
    """What a reader sees of a page, without what stands in inputs."""
    page = re.sub(r"(?s)<(script|style|template)\b.*?</\1>", " ", page)
    return html.unescape(re.sub(r"(?s)<[^>]+>", " ", re.sub(r"<(?:input|option|textarea)[^>]*>", " ", page)))


def found_in(page: str) -> list[str]:
    seen = text_of(page)
    return [" ".join(seen[max(0, m.start() - 40) : m.end() + 20].split()) for m in CODE.finditer(seen)]


def test_the_search_finds_what_it_is_for() -> None:
    for code in ("accept.limit=PT10M", "rule N-01, PT10M", "two_trucks", "order.accepted", "<b>True</b> and"):
        assert found_in(f"<p>see {code} there</p>"), code
    assert not found_in("<p>rule N-01, accept within: 10 minutes; due 08:10</p><input name='to_branch' value='a_b'>")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_shows_a_code(scene: Any, house: Any, lang: str) -> None:
    desk = scene.desk
    held, gone = (desk.order("客户壬", "S05", None, goods=[("日配 12 件", 2)]) for _ in range(2))
    desk.post(f"{held['path']}/hold", hold="data", reason="数量待核")
    desk.post(f"{held['path']}/cancel-request", asked_by="customer", reason="price: 太贵")
    desk.post(f"{held['path']}/route", mode="own")
    desk.http.post(f"{held['path']}/postpone", json={"to": "2031-01-01", "asked_by": "customer"})
    talk = {"with": "店长", "about": "订单", "result": "不要了"}
    desk.post(f"{gone['path']}/cancel", asked_by="customer", reason="price", contact=talk)
    token = house.person(f"admin-{lang}", Grant("admin"))

    def got(path: str) -> httpx.Response:
        return httpx.get(house.url + path, headers={"cookie": f"mp_session={token}; mp_lang={lang}"}, timeout=60)

    links = {"/live", "/settings", *(f"/orders/{made['number']}" for made in desk.made)}
    for path in ("/live", "/orders", "/desk", "/inbox", "/trips", "/doors", "/fleet", "/reports", "/settings"):
        links |= {html.unescape(link) for link in re.findall(r'href="(/[^"#]*)"', got(path).text)}
    shapes: dict[str, str] = {}
    for link in sorted(links):
        if not link.startswith(("/static", "/api", "/orders/SO")) and "lang=" not in link:
            shapes[re.sub(r"[0-9A-Fa-f-]{6,}|=[^&]*|\d+", "#", link)] = link  # one page of each kind
    pages = [*shapes.values(), *(link for link in links if link.startswith("/orders/SO"))]
    assert len(pages) > 25
    wrong = {
        path: codes
        for path in pages
        if not path.startswith(SPELT_OUT)
        and "html" in (answer := got(path)).headers.get("content-type", "")
        and (codes := found_in(answer.text))
    }
    assert wrong == {}
