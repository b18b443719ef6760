"""The page of picking benches: a bench is entered, a reader put there and taken away, in both languages (T9)."""

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from milepost.access.model import SYSTEM
from milepost.db import Database
from milepost.fleet import devices, repository, service
from milepost.times import now_ms

BENCH = {"site": "", "number": "7", "floor": "-45"}
SHAPE = {"type": "circle", "lat": 31.2, "lon": 121.4, "radius_m": 100}


@pytest.fixture
def yard(db: Database) -> str:
    """A site, two readers and a tracker; the id of the site."""
    with db.tx() as conn:
        for name, role in (("table-1", "reader"), ("table-2", "reader"), ("gps-1", "tracker")):
            devices.enter_device(conn, device_id=name, role=role, name=name)
        return service.add_site(conn, code="Y", name_zh="江桥仓", name_en="Jiangqiao", kind="origin", shape=SHAPE)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def where(db: Database, device: str) -> tuple[str, str] | None:
    with db.read() as conn:
        return service.target_at(conn, device, now_ms())


@pytest.mark.requirement("T9")
def test_a_bench_is_entered_and_a_reader_put_there_and_taken_away(
    db: Database, yard: str, client_of: Callable[..., TestClient]
) -> None:
    engineer = client_of("engineer")
    assert "还没有配货台" in engineer.get("/benches?lang=zh").text
    page = engineer.post("/benches?lang=zh", data=BENCH | {"site": yard})
    assert "已登记" in page.text and "江桥仓" in page.text and ">-45</td>" in page.text
    with db.read() as conn:
        [bench] = repository.listing(conn, "bench", SYSTEM, after=None, limit=5)
    assert (bench["site_id"], bench["number"], bench["rssi_floor_dbm"]) == (yard, "7", -45.0)
    assert "gps-1" not in page.text, "a tracker hears no tags"
    engineer.get("/benches?lang=en")  # from now on in English
    page = engineer.post(f"/benches/{bench['id']}/reader", data={"reader": "table-1", "since": ""})
    assert "In place" in page.text and where(db, "table-1") == ("bench", bench["id"])
    assert "Jiangqiao · bench 7" in plain(engineer.get("/fleet?lang=en").text)
    page = engineer.post(f"/benches/{bench['id']}/end")
    assert "Taken away" in page.text and where(db, "table-1") is None


@pytest.mark.requirement("T9")
def test_what_was_wrong_stands_beside_its_input_and_what_was_typed_stays(
    db: Database, yard: str, client_of: Callable[..., TestClient]
) -> None:
    engineer = client_of("engineer")
    for wrong, said in (
        ({"floor": "5"}, "最多 0"), ({"floor": "loud"}, "要数字"), ({"number": ""}, "请填写"), ({"site": ""}, "请填写"),
        ({"number": "x" * 17}, "最多 16"),
    ):  # fmt: skip
        page = engineer.post("/benches?lang=zh", data=BENCH | {"site": yard} | wrong)
        assert page.status_code == 422 and said in page.text, wrong
    assert engineer.post("/benches?lang=en", data=BENCH | {"site": "nowhere"}).status_code == 404
    with db.tx() as conn:
        bench = service.add_bench(conn, site_id=yard, number="7")
        service.bind(conn, "table-2", "bench", bench, 0)
        other = service.add_bench(conn, site_id=yard, number="8")
    page = engineer.post("/benches?lang=en", data=BENCH | {"site": yard})
    assert page.status_code == 409 and "has a bench of that number" in page.text and 'value="-45"' in page.text
    page = engineer.post(f"/benches/{other}/reader?lang=en", data={"reader": "table-2"})
    assert page.status_code == 409 and "table-2 was somewhere else then" in page.text
    page = engineer.post(f"/benches/{other}/reader?lang=en", data={"reader": "table-1", "since": "2999-01-01T00:00"})
    assert page.status_code == 422 and "Not later than now" in page.text and "2999-01-01T00:00" in page.text
    assert where(db, "table-1") is None
    assert engineer.post(f"/benches/{other}/nonsense", data={}).status_code == 404
    assert engineer.post("/benches/none/reader?lang=en", data={"reader": "table-1"}).status_code == 404


def test_only_who_plans_may_change_benches_and_others_see_those_of_their_sites(
    db: Database, yard: str, client_of: Callable[..., TestClient]
) -> None:
    with db.tx() as conn:
        bench = service.add_bench(conn, site_id=yard, number="7")
    keeper = client_of(("keeper", "site", yard))
    page = keeper.get("/benches?lang=en").text
    assert "Jiangqiao" in page and "Enter the bench" not in page and "Put a reader here" not in page
    assert keeper.post("/benches", data=BENCH | {"site": yard}).status_code == 403
    assert keeper.post(f"/benches/{bench}/end").status_code == 403
    assert "Jiangqiao" not in client_of(("keeper", "site", "elsewhere")).get("/benches?lang=en").text
