"""The settings without scripts: each part found, changed, refused with reasons; for administrators alone."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from paper_browser import Page, opened

from milepost.clocks.key_words import value_in_words
from milepost.clocks.policy import KEYS

pytestmark = pytest.mark.usefixtures("branches")
Clients = Callable[..., TestClient]
Ask = Callable[..., str]
BAD = "<img src=x onerror=alert(1)>\"'`{{7*7}}<script>alert(2)</script>"
PARTS = ("policies", "calendars", "branches", "customers", "goods", "texts", "people")


def at(client: TestClient, path: str, lang: str = "en") -> Page:
    return opened(client, f"/settings{path}{'&' if '?' in path else '?'}lang={lang}")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_part_opens_in_both_languages(client_of: Clients, lang: str) -> None:
    admin = client_of("admin")
    for path in ("", *(f"/{part}" for part in PARTS), "/policies/new", "/branches/new", "/customers/new", "/goods/new"):
        assert at(admin, path, lang).status == 200, path


def test_settings_are_for_administrators_and_registers_also_for_clerks(client_of: Clients) -> None:
    desk, customer = client_of("desk"), client_of(("customer", "customer", "C-1"))
    for part in PARTS:
        assert at(desk, f"/{part}").status == (200 if part in ("customers", "goods") else 403), part
        assert at(customer, f"/{part}").status == 403, part
    links = at(desk, "").html
    assert '"/settings/goods"' in links and '"/settings/people"' not in links
    for path in (
        "policies",
        "calendars",
        "calendars/A/days",
        "texts/x/zh",
        "people/x/lock",
        "branches/save",
        "goods/use",
    ):
        assert desk.post(f"/settings/{path}", data={"entry": "x"}).status_code == 403, path
    assert 'href="/settings"' not in opened(customer, "/orders").html


@pytest.mark.requirement("C8")
def test_C8_the_form_shows_of_every_key_its_default_its_kind_and_its_clauses(client_of: Clients) -> None:
    page = at(client_of("admin"), "/policies/new")
    form = page.form("/settings/policies")
    for name, key in KEYS.items():
        assert name in page.text
        assert value_in_words(key.text, 1) in page.text.lower() + page.text, name
        assert all(rule in page.text for rule in key.rules)
        assert name in form.names or key.kind == "P1D", name


def test_a_new_version_holds_from_now_and_the_old_ones_stay(client_of: Clients) -> None:
    admin = client_of("admin")
    page = at(admin, "/policies/new")
    page = page.send(
        "/settings/policies",
        why="long nights",
        channel="web",
        **{"accept__limit": "PT15M", "edit__max": "3", "unbilled__follow_pickup": "yes"},
    )
    assert page.status == 200 and "The new version is saved." in page.text
    assert "long nights" in page.text and "15 minutes" in page.text and "Own website" in page.text
    effective = admin.get("/api/v1/policies/effective", params={"channel": "web"}).json()
    values = {each["key"]: each["value"] for each in effective["keys"]}
    assert (values["accept.limit"], values["edit.max"], values["assign.limit"]) == ("PT15M", 3, "PT10M")
    assert values["unbilled.follow_pickup"] is True
    later = (datetime.now() + timedelta(days=400)).strftime("%Y-%m-%dT08:00")
    page = at(admin, "/policies/new").send(
        "/settings/policies", **{"why": "summer", "from": later, "pickup.target": "PT3H"}
    )
    assert "ahead" in page.text and page.text.index("summer") < page.text.index("long nights")


def test_wrong_values_come_back_beside_their_keys_and_nothing_is_saved(client_of: Clients) -> None:
    admin = client_of("admin")
    page = at(admin, "/policies/new")
    typed = {
        "accept.limit": "ten minutes", "delivery.cut": "noon", "accept.window": "20:00/08:00", "edit.max": "2.5",
        "mail.reply": "3", "escort.kg": "nan", "target.ontime.express": "99", "why": "x", "from": "2020-01-01T08:00",
    }  # fmt: skip
    answer = page.send("/settings/policies", **typed)
    assert answer.status == 422
    for said in ("A duration: PT10M", "A time of day", "the earlier first", "A whole number, 0", "Working days, like",
                 "A number from 0 on", "A number from 0 to 1", "Give a later time"):  # fmt: skip
        assert said in answer.text, said
    assert dict(answer.form("/settings/policies").values)["accept.limit"] == "ten minutes"
    empty = page.send("/settings/policies", why="nothing")
    assert empty.status == 422 and "Fill in at least one value." in empty.text
    assert page.send("/settings/policies", accept__limit="PT1M").status == 422  # no reason
    assert admin.get("/api/v1/policies").json() == []


@pytest.mark.requirement("C6")
def test_C6_a_day_is_made_off_worked_and_again_as_the_public_calendar_says(client_of: Clients) -> None:
    admin = client_of("admin")
    name = admin.get("/api/v1/calendars").json()[0]["name"]

    def worked(day: str) -> bool:
        found = admin.get(f"/api/v1/calendars/{name}/days", params={"from": day, "to": day}).json()
        return found[0]["workday"]

    page = at(admin, f"/calendars/{name}?year=2026&day=2026-03-03")
    assert worked("2026-03-03")
    page = page.send("/days", as_="off", why="stocktaking")
    assert page.status == 200 and "The calendar is saved." in page.text and "stocktaking" in page.text
    assert not worked("2026-03-03") and "2026-03-03: off" in page.html
    page = page.send("/days", day="2026-03-08", as_="worked", why="made up")
    assert worked("2026-03-08") and not worked("2026-03-03")
    page = page.send("/days", day="2026-03-03", as_="seeded", why="not after all")
    assert worked("2026-03-03") and worked("2026-03-08")
    assert [row["why"] for row in admin.get(f"/api/v1/calendars/{name}/versions").json()] == [
        "not after all", "made up", "stocktaking",
    ]  # fmt: skip


def test_a_calendar_changed_meanwhile_is_not_overwritten(client_of: Clients) -> None:
    one, other = client_of("admin"), client_of("admin")
    first, second = (at(client, "/calendars/A?year=2026") for client in (one, other))
    assert first.send("/days", day="2026-03-03", as_="off", why="a").status == 200
    answer = second.send("/days", day="2026-03-04", as_="off", why="b")
    assert answer.status == 409 and "Somebody changed it" in answer.text and 'value="2026-03-04"' in answer.html


def test_a_new_calendar_and_what_its_form_lacks(client_of: Clients) -> None:
    admin = client_of("admin")
    page = at(admin, "/calendars")
    assert page.send("/settings/calendars", name="no blanks!", why="x").status == 422
    assert "There is a calendar of that name" in page.send("/settings/calendars", name="A", why="x").text
    made = page.send("/settings/calendars", name="south", why="for the south")
    assert made.status == 200 and "south" in made.text
    assert at(admin, "/calendars/nowhere").status == 404
    for year in ("0", "99999", "x", "1"):
        assert at(admin, f"/calendars/A?year={year}").status == 200


def test_what_an_order_brought_into_the_registers_is_completed_by_a_clerk(client_of: Clients, ask: Ask) -> None:
    ask(customer="C-77", lines=[{"name": "frozen buns", "qty": 1}])
    desk = client_of("desk")
    page = at(desk, "/customers?which=provisional")
    assert "C-77" in page.text
    page = at(desk, "/customers/entry?key=C-77")
    page = page.send(
        "/customers/save", name="Bakery 7", phone="021-7", customer_class="project", parties="customer\nreceiver"
    )
    assert page.status == 200 and "Saved." in page.text and "Bakery 7" in page.text and "Project customer" in page.text
    assert "C-77" not in at(desk, "/customers?which=provisional").text
    complete = at(desk, "/customers/entry?key=C-77")
    assert not complete.has("/save") and "an administrator changes it" in complete.text
    found = desk.get("/api/v1/customers/C-77").json()
    assert (found["name"], found["parties"], found["provisional"]) == ("Bakery 7", ["customer", "receiver"], False)
    goods = at(desk, "/goods?q=frozen")
    assert "frozen buns" in goods.text


def test_an_entry_is_made_changed_emptied_and_taken_out_of_use(client_of: Clients) -> None:
    admin = client_of("admin")
    page = at(admin, "/branches/new").send(
        "/branches/save", id="PD", name_zh="浦东", name_en="Pudong", region="East", big_region="Shanghai", lat="31.2",
        lng="121.5", phone="021-1",
    )  # fmt: skip
    assert page.status == 200 and "Entered." in page.text and "Pudong" in page.text
    again = at(admin, "/branches/new").send(
        "/branches/save", id="PD", name_zh="x", name_en="x", region="x", big_region="x"
    )
    assert again.status == 409 and "That key is taken" in again.text
    edit = at(admin, "/branches/entry?key=PD")
    stale = at(admin, "/branches/entry?key=PD")
    assert edit.send("/branches/save", phone="", lat="95").status == 422
    assert "Saved." in edit.send("/branches/save", phone="", lat="31.25").text
    found = admin.get("/api/v1/branches/PD").json()
    assert (found["phone"], found["lat"], found["lng"], found["name_en"]) == (None, 31.25, 121.5, "Pudong")
    late = stale.send("/branches/save", name_en="Other")
    assert late.status == 409 and "Somebody changed it" in late.text and 'value="Other"' in late.html
    form = at(admin, "/branches/entry?key=PD").form("/branches/use")
    assert "Out of use." in admin.post(form.action, data=form.filled({}) | {"use": "retire"}).text
    assert (
        "Pudong" not in at(admin, "/branches?q=PD").text and "Pudong" in at(admin, "/branches?q=PD&which=retired").text
    )
    assert "In use again." in admin.post(form.action, data=form.filled({}) | {"use": "back"}).text


def test_goods_keep_their_aliases_and_a_yes_or_no_can_be_taken_back(client_of: Clients) -> None:
    admin = client_of("admin")
    page = at(admin, "/goods/new").send(
        "/goods/save",
        sku="S/1 %",
        name_zh="番茄",
        name_en="Tomatoes",
        aliases="西红柿\n洋柿子",
        price="3.5",
        currency="CNY",
    )
    assert page.status == 200 and "洋柿子" in page.text and "3.50 CNY" in page.text
    edit = opened(admin, "/settings/goods/entry?lang=en&key=S%2F1%20%25")
    assert "Saved." in edit.send("/goods/save", aliases="", price="").text
    items = admin.get("/api/v1/goods").json()["items"]
    assert next((row["aliases"], row["price"]) for row in items if row["sku"] == "S/1 %") == ([], None)
    vip = at(admin, "/customers/new").send("/customers/save", id="V", name="V", vip="yes")
    assert vip.status == 200 and admin.get("/api/v1/customers/V").json()["vip"] is True
    at(admin, "/customers/entry?key=V").send("/customers/save", vip="no")
    assert admin.get("/api/v1/customers/V").json()["vip"] is False


@pytest.mark.requirement("OT-17")
def test_OT17_a_text_is_changed_here_and_taken_back(client_of: Clients) -> None:
    admin = client_of("admin")
    name = admin.get("/api/v1/message-templates").json()[0]["name"]
    page = at(admin, f"/texts?name={name}")
    page = page.send("/en", text="Trouble with {order}[, waybill {waybill}].")
    assert page.status == 200 and "Saved." in page.text and "changed here 1" in page.text
    assert "House text:" in page.text
    wrong = page.send("/en", text="Trouble with {nonsense}")
    assert wrong.status == 422 and "nonsense" in wrong.text and "Trouble with {nonsense}" in wrong.html
    form = page.form("/en")
    answer = admin.post(form.action, data=form.filled({}) | {"reset": "1"})
    assert "Back to the house text." in answer.text
    assert at(admin, "/texts?name=no.such").status == 200
    assert admin.post("/settings/texts/no.such/en", data={"text": "x"}).status_code == 404


@pytest.mark.requirement("OD-9")
def test_OD9_an_account_is_locked_and_opened_and_the_last_administrator_stays(client_of: Clients) -> None:
    admin, desk = client_of("admin"), client_of(("desk", "branch", "ZJ"))
    me, them = (client.get("/api/v1/me").json()["id"] for client in (admin, desk))
    page = at(admin, f"/people?q={desk.get('/api/v1/me').json()['name']}")
    assert "Order desk · Zhangjiang" in page.text
    page = page.send(f"/{them}/lock")
    assert "Locked." in page.text and desk.get("/api/v1/me").status_code == 401
    page = at(admin, "/people?locked=1").send(f"/{them}/open")
    assert "Open again." in page.text
    assert not at(admin, "/people").has(f"/{me}/lock")
    refused = admin.post(f"/settings/people/{me}/lock", data={})
    assert refused.status_code == 409 and "administrator" in refused.text
    assert admin.post("/settings/people/nobody/lock", data={}).status_code == 404


def test_W01_hostile_names_stay_names(client_of: Clients) -> None:
    admin = client_of("admin")
    at(admin, "/customers/new").send("/customers/save", id=BAD[:64], name=BAD, remark=BAD)
    at(admin, "/policies/new").send("/settings/policies", accept__limit="PT9M", why=BAD)
    for path in ("/customers", f"/customers?q={BAD}&which={BAD}", "/policies", f"/people?q={BAD}&role={BAD}",
                 f"/texts?q={BAD}&name={BAD}", f"/policies?channel={BAD}&class={BAD}"):  # fmt: skip
        page = at(admin, path)
        assert page.status == 200 and "<img src=x" not in page.html and "<script>alert" not in page.html, path
    assert json.dumps(BAD[:64]) and BAD[:64] in at(admin, "/customers").text
    assert at(admin, "/nothing").status == 404
