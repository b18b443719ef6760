"""A new dispatcher's first order: entered, confirmed, assigned, picked, loaded, dispatched; by the pages alone.

Without scripts, in both languages. With MILEPOST_SHOTS=folder every step leaves a picture there.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from milepost.access.model import Grant
from milepost.masterdata import service as masterdata
from milepost.times import now_ms
from milepost.web.i18n import translator

pytestmark = pytest.mark.browser

BRANCH = "QP"
OFFICE = ("desk", "call_centre", "branch_manager", "keeper", "dispatcher")
# What differs between the two days: what is typed, and the truck that waits in the yard (scene_shanghai.py).
DAYS = {
    "zh": {
        "customer": "客户子", "contact": "林", "goods": ("冷藏奶 24 盒", "水果箱 8 kg"), "to": "S22", "vehicle": 13,
        "driver": 5, "talk": ("林", "今天能否发货", "可以，三件下午发"), "caution": "冷藏，勿压",
        "office": "调度 07", "cockpit": "司机 06",
    },
    "en": {
        "customer": "Customer A", "contact": "Lin", "goods": ("Chilled milk, 24 packs", "Fruit, 8 kg box"),
        "to": "S05", "vehicle": 14, "driver": 6, "talk": ("Lin", "Can it go today?", "Yes, three units this afternoon"),
        "caution": "Keep cold, do not stack", "office": "Dispatcher 08", "cockpit": "Driver 07",
    },
}  # fmt: skip


class Day:
    """One person's browser without scripts, in one language; `shot` keeps a picture when asked to."""

    def __init__(self, scene: Any, page: Page, lang: str, shots: "Shots") -> None:
        self.scene, self.page, self.lang, self.shots = scene, page, lang, shots
        self.t = translator(lang)
        self.said = DAYS[lang]

    def go(self, path: str) -> None:
        self.page.goto(self.scene.house.url + path)

    def shot(self, name: str) -> None:
        self.shots.take(self.page, name)

    def act(self, name: str, **values: str) -> None:
        """Open a command's form, fill it in, send it."""
        form = self.page.locator(f"#act-{name}")
        if not form.locator("> summary").is_visible():
            self.page.locator("#more > summary").click()
        if form.get_attribute("open") is None:
            form.locator("> summary").click()
        for field, value in values.items():
            form.locator(f"[name='{field}']").fill(value)
        self.shot(f"{name}-form")
        form.locator("> form > .btn").click()

    def says(self, text: str) -> None:
        expect(self.page.get_by_role("status").first).to_contain_text(text)

    def did(self, command: str) -> None:
        self.says(self.t("done.act", act=self.t(f"act.{command}")))


class Shots:
    """Pictures of a day, numbered in their order, in the folder that MILEPOST_SHOTS names; none without it."""

    def __init__(self, lang: str) -> None:
        self.folder = os.environ.get("MILEPOST_SHOTS")
        self.lang, self.taken = lang, 0

    def take(self, page: Page, name: str) -> None:
        if self.folder:
            self.taken += 1
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(
                path=Path(self.folder) / f"{self.lang}-{self.taken:02d}-{name}.png",
                full_page=True,
                animations="disabled",
            )


@pytest.fixture(scope="module")
def branch(scene: Any) -> str:
    """A branch that the order is given to."""
    values = {"id": BRANCH, "name_zh": "青浦", "name_en": "Qingpu", "region": "Qingpu", "big_region": "Shanghai",
              "calendar": "default", "lat": 31.35, "lng": 121.24, "active": True}  # fmt: skip
    with scene.house.db.tx() as conn:
        masterdata.create(conn, "branch", values, now_ms())
    return BRANCH


@pytest.fixture(params=["zh", "en"])
def people(request: Any, scene: Any, branch: str, browser: Any) -> Iterator[tuple[Day, Day]]:
    """Who works that day: somebody at the desk, and the driver with a session of his own."""
    lang, shots, contexts = request.param, Shots(request.param), []

    def day(login: str, roles: tuple[str, ...], name: str) -> Day:
        token = scene.house.person(login, *(Grant(role) for role in roles), name=name)
        context: BrowserContext = browser.new_context(
            java_script_enabled=False, locale="zh-CN" if lang == "zh" else "en-GB",
            viewport={"width": 1440, "height": 900},
        )  # fmt: skip
        context.add_cookies([{"name": "mp_session", "value": token, "url": scene.house.url}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return Day(scene, page, lang, shots)

    said = DAYS[lang]
    yield day(f"office-{lang}", OFFICE, str(said["office"])), day(f"cockpit-{lang}", ("driver",), str(said["cockpit"]))
    for context in contexts:
        context.close()


def test_a_new_dispatcher_brings_an_order_onto_the_road_in_both_languages(people: tuple[Day, Day]) -> None:
    office, cockpit = people
    number = enter(office)
    assign_and_accept(office, number)
    confirm(office, number)
    postpone_too_far(office, number)
    pick(office, number)
    bill(office, number)
    trip = plan(office, number)
    load(office, trip, number)
    sign(cockpit, trip)
    leave(office, trip)
    on_the_road(office, trip, number)


def enter(day: Day) -> str:
    """The order is entered and submitted; what is not a number comes back beside its input."""
    page, said = day.page, day.said
    day.go("/orders/new")
    day.shot("new")
    for name, choice in (("type", "goods"), ("channel", "phone"), ("from.site", "DC1"), ("to.site", said["to"])):
        page.locator(f"select[name='{name}']").select_option(choice)
    for name, text in (("customer", said["customer"]), ("contact.name", said["contact"]),
                       ("contact.phone", "000-0000"), ("contact.remark", said["caution"])):  # fmt: skip
        page.locator(f"[name='{name}']").fill(text)
    for row, (name, qty) in enumerate(zip(said["goods"], ("two", "1"), strict=True)):
        page.locator(f"[name='lines.{row}.name']").fill(name)
        page.locator(f"[name='lines.{row}.qty']").fill(qty)
    submit = page.locator("button.primary[name=go]")
    submit.click()
    expect(page.locator("[name='lines.0.qty']")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name='lines.0.name']")).to_have_value(said["goods"][0])
    day.shot("new-refused")
    page.locator("[name='lines.0.qty']").fill("2")
    submit.click()
    day.did("create")
    expect(page.locator("h1 + .lab")).to_contain_text(day.t("ostate.submitted"))
    day.shot("made")
    return page.locator("h1").inner_text()


def assign_and_accept(day: Day, number: str) -> None:
    """At the desk: to the branch that is near, then the talk, then accepted."""
    page = day.page
    day.go(f"/desk?order={number}")
    expect(page.locator(f"#o-{number}")).to_contain_text("嘉定仓" if day.lang == "zh" else "Jiading DC")
    day.shot("desk")
    page.locator("#act-assign > summary").click()
    page.locator("#act-assign").get_by_label("青浦" if day.lang == "zh" else "Qingpu").check()
    day.act("assign")
    day.did("assign")
    spoken, about, result = day.said["talk"]
    day.act("contact", **{"with": spoken, "about": about, "result": result})
    expect(page.locator("#side .calls")).to_contain_text(result)
    day.shot("desk-talked")
    day.act("accept")
    day.did("accept")
    expect(page.locator("#side .oh2")).to_contain_text(day.t("ostate.accepted"))
    day.shot("desk-accepted")


def confirm(day: Day, number: str) -> None:
    """Confirmed on its own page; its units are listed, one a row."""
    page = day.page
    day.go(f"/orders/{number}")
    page.locator("#act-confirm > summary").click()
    page.locator("#act-confirm [name=checked]").check()
    day.act("confirm")
    day.did("confirm")
    expect(page.locator("#act-waybill")).to_have_count(0)  # nothing is picked yet: no waybill (T12)
    day.act("units", units=";1\n;1\n;2")
    day.did("units")
    expect(page.locator(".unit-list li")).to_have_count(3)
    day.shot("units")


def postpone_too_far(day: Day, number: str) -> None:
    """More than three days later is refused, with the reason, and what was typed stays (N-04)."""
    page = day.page
    far = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%d")
    form = page.locator("#act-postpone")
    if not form.locator("> summary").is_visible():
        page.locator("#more > summary").click()
    form.locator("> summary").click()
    form.locator("select[name=asked_by]").select_option(index=1)
    day.act("postpone", to=far)
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text(day.t("refused.kept"))
    expect(alert).to_contain_text("3" if day.lang == "zh" else re.compile("3|three"))
    expect(page.locator("#act-postpone [name=to]")).to_have_value(far)
    expect(page.locator("h1 + .lab")).to_contain_text(day.t("ostate.confirmed"))
    day.shot("postpone-refused")


def pick(day: Day, number: str) -> None:
    """The pick list is issued, its units are ticked, and the goods are ready."""
    page = day.page
    day.go(f"/orders/{number}/pick")
    page.locator("button[name=do][value=issue]").click()
    day.shot("pick-issued")
    for box in page.locator("input[type=checkbox][name=unit]").all()[:2]:
        box.check()
    page.locator("button[name=do][value=tick]").click()
    expect(page.locator(".big-tally")).to_have_text("2 / 3")
    day.shot("pick-2-of-3")
    page.locator("input[type=checkbox][name=unit]").check()
    page.locator("button[name=do][value=tick]").click()
    expect(page.locator(".big-tally")).to_have_text("3 / 3")
    expect(page.locator("header .lab.accent")).to_have_text(day.t("ostate.ready"))
    day.shot("pick-ready")


def bill(day: Day, number: str) -> None:
    """Ready goods may have their waybill."""
    day.go(f"/orders/{number}")
    day.act("waybill", waybill=f"YD-{number[-6:]}", pieces="3", kg="36")
    day.did("waybill")
    expect(day.page.locator("h1 + .lab")).to_contain_text(day.t("ostate.waybilled"))
    day.shot("billed")


def plan(day: Day, number: str) -> str:
    """From the order to the trips: a new one with truck and driver; the order is put on its list."""
    page, scene = day.page, day.scene
    page.get_by_role("link", name=day.t("order.to_trips")).click()
    page.get_by_role("link", name=day.t("trips.new")).click()
    trip = f"T-first-{day.lang}"
    page.locator("[name=number]").fill(trip)
    page.locator("[name=kind]").select_option("direct")
    page.locator("[name='stops.0.site']").select_option("DC1")
    page.locator("[name='stops.1.site']").select_option(day.said["to"])
    page.locator("[name=vehicle]").select_option(scene.vehicles[day.said["vehicle"]]["plate"])
    page.locator("[name=driver]").select_option(scene.drivers[day.said["driver"]])
    day.shot("trip-form")
    page.locator("form[action='/trips/new'] .send button").click()
    expect(page.locator("h1")).to_have_text(trip)
    day.shot("trip-made")
    page.get_by_role("checkbox", name=number).check()
    page.locator("#expect button[value=add]").click()
    day.says(day.t("done.trip-expected"))
    expect(page.locator(".big-tally")).to_have_text("0 / 3")
    day.shot("trip-list")
    return trip


def load(day: Day, trip: str, number: str) -> None:
    """Each unit is scanned by its number; the same one twice counts once."""
    page = day.page
    day.go(f"/trips/{trip}/load")
    day.shot("load-empty")
    for n in (1, 1, 2, 3):
        page.locator("#code").fill(f"{number} #{n}")
        page.keyboard.press("Enter")
        expect(page.locator(".scan-did")).to_contain_text(f"{number} #{n}")
        if n == 2:
            expect(page.locator(".load-head .big")).to_have_text("2/3")
            day.shot("load-2-of-3")
    expect(page.get_by_text(day.t("trip.complete"), exact=True)).to_be_visible()
    day.shot("load-3-of-3")


def sign(day: Day, trip: str) -> None:
    """The driver takes the load over; he was told the cautions."""
    page = day.page
    day.go(f"/trips/{trip}/load")
    if page.locator("#sign").get_attribute("open") is None:
        page.locator("#sign > summary").click()
    cautions = page.locator("#sign input[name=cautions]")
    expect(cautions).to_have_count(1)
    expect(page.locator("#sign fieldset")).to_contain_text(day.said["caution"])
    cautions.check()
    page.locator("#sign [name=pieces]").fill("3")
    day.shot("sign-form")
    page.locator("#sign > form > .btn").click()
    day.says(day.t("done.load-sign"))
    day.shot("signed")


def leave(day: Day, trip: str) -> None:
    """The truck leaves the yard: its tracker says so, no person does."""
    day.scene.desk.leave(day.said["vehicle"], "DC1", now_ms())


def on_the_road(day: Day, trip: str, number: str) -> None:
    """The order is in transit; its nine stones show how far it has come."""
    page = day.page
    day.go(f"/orders/{number}")
    expect(page.locator("h1 + .lab")).to_contain_text(day.t("ostate.in_transit"))
    stones = page.locator(".road.lg > li")
    expect(stones).to_have_count(9)
    expect(stones.nth(5)).to_contain_text(day.t("stage.in_transit"))
    expect(page.locator(".road.lg > li.done")).to_have_count(5)
    expect(stones.nth(5)).to_contain_text(re.compile(r"\d\d:\d\d"))  # since when
    expect(page.locator("dl.facts")).to_contain_text(trip)
    day.shot("in-transit")
    day.go(f"/trips/{trip}")
    day.shot("trip-left")
    day.go("/orders")
    expect(page.locator("tbody")).to_contain_text(number)
    day.shot("orders")
