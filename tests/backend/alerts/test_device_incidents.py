"""Incidents of devices and hosts: whom they are told to, once when they begin and once when they are over."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import insert

from milepost.access import service as access
from milepost.access.model import SYSTEM, Grant, Principal
from milepost.alerts import devices as incidents
from milepost.alerts import service as alerts
from milepost.alerts.devices import REOPEN_MS, Trouble
from milepost.alerts.room import RoomWatch
from milepost.alerts.service import Filter
from milepost.db import Database
from milepost.fleet import service as fleet
from milepost.fleet.tables import device as device_table
from milepost.ingest.service import Shortage
from milepost.notify import service as notify
from milepost.notify.channels import Parcel
from milepost.notify.delivery import deliver
from milepost.notify.rules_devices import DEVICE_RULES
from milepost.notify.rules_doors import DOOR_RULES
from milepost.notify.rules_road import ROAD_RULES

T0 = 1_777_800_000_000  # 2026-05-03T17:20+08:00
MINUTE = 60_000


@dataclass
class Crew:
    """People who are told, and a truck with a tracker of branch b1."""

    db: Database
    people: dict[str, Principal] = field(default_factory=dict)
    truck: str = ""

    def hire(self, login: str, *grants: Grant) -> None:
        with self.db.tx() as conn:
            person = access.create_person(
                conn, login=login, name=login, password_hash="-", grants=list(grants), now=T0
            )  # fmt: skip
        self.people[login] = Principal(id=person, name=login, grants=frozenset(grants))

    def told(self, login: str) -> list[str]:
        """Texts in English of the messages to somebody, the oldest first."""
        with self.db.read() as conn:
            return [each["text"]["en"] for each in reversed(notify.messages(conn, self.people[login])["items"])]

    def begin(self, rule: str = "vehicle_offline", at: int = T0, **about: Any) -> bool:
        with self.db.tx() as conn:
            trouble = Trouble(rule, "gps-1", at, {"plate": self.truck, **about}, branch="b1", device="gps-1")
            return incidents.begin(conn, trouble, at + MINUTE)

    def end(self, rule: str = "vehicle_offline", at: int = T0 + 5 * MINUTE, why: str = "heard") -> None:
        with self.db.tx() as conn:
            incidents.end(conn, incidents.standing(conn)[f"{rule}:gps-1"], at, why)

    def inbox(self, **wanted: Any) -> list[dict[str, Any]]:
        with self.db.read() as conn:
            return alerts.listing(conn, SYSTEM, Filter(**wanted), limit=50)["items"]


@pytest.fixture
def crew(db: Database) -> Crew:
    made = Crew(db)
    made.hire("dispatch-b1", Grant("dispatcher", "branch", "b1"))
    made.hire("dispatch-b2", Grant("dispatcher", "branch", "b2"))
    made.hire("engineer", Grant("engineer"))
    made.hire("admin", Grant("admin"))
    made.hire("desk", Grant("desk", "branch", "b1"))
    with db.tx() as conn:
        made.truck = fleet.add_vehicle(conn, plate="沪A12345", branch="b1")
        row = {"id": "gps-1", "part": "0", "role": "tracker", "name": "gps-1", "created_at": T0}
        conn.execute(insert(device_table).values(config="{}", config_version=0, **row))
    return made


@pytest.mark.requirement("EX-31")
def test_whoever_can_do_something_is_told_once_and_once_when_it_is_over(crew: Crew) -> None:
    assert crew.begin()
    assert not crew.begin()  # another process, or another round
    first = (
        "Tracker out of contact: 沪A12345, device gps-1, nothing heard since 05-03 17:20."
        " To do: Ask the driver to check its power and antenna."
    )
    assert crew.told("dispatch-b1") == crew.told("engineer") == [first]
    assert crew.told("dispatch-b2") == crew.told("desk") == crew.told("admin") == []
    crew.end()
    over = (
        "Tracker out of contact, over: 沪A12345, device gps-1, from 05-03 17:20 to 05-03 17:25."
        " Within half an hour a relapse is not told again; the inbox shows it."
    )
    assert crew.told("dispatch-b1") == crew.told("engineer") == [first, over]
    assert crew.told("dispatch-b2") == []


def test_the_item_says_who_was_told_of_this_time(crew: Crew) -> None:
    crew.begin()
    [item] = crew.inbox()
    assert sorted(each["role"] for each in item["told"]) == ["dispatcher", "engineer"]
    assert {person["name"] for each in item["told"] for person in each["people"]} == {"dispatch-b1", "engineer"}
    crew.end()
    crew.begin(at=T0 + 5 * MINUTE + REOPEN_MS)
    [item] = crew.inbox()
    assert len(item["told"]) == 2, "the first time is another item"
    assert len(crew.told("engineer")) == 3


def test_a_flapping_link_is_told_once(crew: Crew) -> None:
    for n in range(5):
        crew.begin(at=T0 + 10 * n * MINUTE)
        crew.end(at=T0 + (10 * n + 5) * MINUTE)
    assert len(crew.told("engineer")) == 2
    crew.begin(at=T0 + 45 * MINUTE + REOPEN_MS)
    assert len(crew.told("engineer")) == 3


@pytest.mark.parametrize("why", ["unbound", "removed"])
def test_who_took_it_down_needs_no_telling(crew: Crew, why: str) -> None:
    crew.begin()
    crew.end(why=why)
    assert len(crew.told("engineer")) == 1
    assert crew.inbox() == []


def test_it_leaves_the_house_by_the_channels_too(crew: Crew) -> None:
    sent: list[Parcel] = []

    class Far:
        def send(self, parcel: Parcel) -> None:
            sent.append(parcel)

    crew.begin("device_tamper", said=[{"zh": "主电源断开", "en": "main supply cut"}])
    deliver(crew.db, {"console": Far()})
    assert sorted(parcel.to_role for parcel in sent) == ["dispatcher", "engineer"]
    assert sent[0].text["zh"].startswith("设备疑似被拆动：沪A12345，设备 gps-1，05-03 17:20 报告：主电源断开。")
    assert "main supply cut" in sent[0].text["en"]
    assert deliver(crew.db, {"console": Far()}) == 0


@pytest.mark.parametrize("rule", sorted(DEVICE_RULES.keys() - {rule.id for rule in (*ROAD_RULES, *DOOR_RULES)}))
def test_every_incident_reads_well_when_it_opens_and_when_it_is_over(crew: Crew, rule: str) -> None:
    about = {"said": [{"zh": "天线断开", "en": "antenna cut"}], "over": 93, "holder": "a@host-1"}
    crew.begin(rule, **about, reason={"zh": "数据盘只剩 300 MB", "en": "300 MB free"})
    [item] = crew.inbox()
    crew.end(rule, why="over")
    said = [*crew.told("engineer"), item["detail"]["en"], item["detail"]["zh"]]
    assert len(said) == 4
    assert not any("—" in text or "{" in text or "[" in text for text in said), said


def test_the_host_that_runs_out_of_room_is_one_incident_that_tells_how_bad_it_is(crew: Crew) -> None:
    now: dict[str, Any] = {"at": T0, "short": None}
    watch = RoomWatch(crew.db, "a@host-1", lambda: now["short"], lambda: now["at"])
    watch.round()
    assert crew.inbox() == []
    now["short"] = Shortage(900, 12, of_spool=False, stopped=False)
    watch.round()
    watch.round()
    [item] = crew.inbox()
    assert (item["kind"], item["urgency"], item["device"], item["order_id"]) == ("disk", "now", None, None)
    assert item["detail"]["en"] == "a@host-1: 900 MB free on the disk of the data, soon nothing will be taken in"
    assert crew.told("engineer") == crew.told("admin") and len(crew.told("admin")) == 1
    assert crew.told("dispatch-b1") == []
    now["short"] = Shortage(200, 12, of_spool=False, stopped=True)
    watch.round()
    [worse] = crew.inbox()
    assert worse["id"] == item["id"]
    assert worse["detail"]["zh"] == "a@host-1：数据盘只剩 200 MB，已停止接收"
    # Another worker's host is another matter, and its end ends no other.
    RoomWatch(crew.db, "b@host-2", lambda: None, lambda: now["at"]).round()
    assert len(crew.inbox()) == 1
    now |= {"short": None, "at": T0 + 30 * MINUTE}
    watch.round()
    assert crew.inbox() == []
    assert len(crew.told("admin")) == 2 and "over: a@host-1" in crew.told("admin")[1]
