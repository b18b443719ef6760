"""The history of a vehicle as a page: in both languages, without scripts, within scopes."""

import re
from datetime import date

import pytest
from fastapi.testclient import TestClient

from milepost.telemetry.model import Judged
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.tracks import track_of
from milepost.web.texts import TEXTS
from milepost.web.way_view import picture

from .conftest import LON, T0, Fleet, drive, fix

DAY = "from=2026-05-03&to=2026-05-03"


@pytest.fixture
def filled(house: Fleet, store: SqliteTelemetry) -> Fleet:
    stood = [fix(T0 + 60_000 + n * 1000, lon=LON, speed_mps=0.0) for n in range(600)]
    bad = [
        Judged(fix(T0 + 70_500, seq=1, lat=32.0), "spike"),
        Judged(fix(T0 + 71_500, seq=2, lat=float("nan")), "range"),
    ]
    store.write([*drive(T0, 60, lon=LON - 0.007), *stood, *drive(T0 + 1_800_000, 60), *bad], 1)
    return house


def opened(client: TestClient, house: Fleet, query: str = DAY, lang: str = "en") -> str:
    answer = client.get(f"/vehicles/{house.vehicle}/history?{query}&lang={lang}")
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(("lang", "column"), [("zh", 0), ("en", 1)])
def test_the_page_shows_the_way_its_stops_silences_and_what_was_not_believed(
    filled: Fleet, lang: str, column: int
) -> None:
    html = opened(filled.ask(), filled, lang=lang)
    assert "沪A12345" in html
    assert len(re.findall("<polyline", html)) == 2  # not across the silence
    assert len(re.findall('class="gap"', html)) == 1
    for key in ("history.stops", "history.gaps", "history.bad", "quality.spike", "quality.range"):
        assert TEXTS[key][column] in html, key
    assert "29 min" in html  # the stop: after the silence it is still there
    assert "19 min 1 s" in html  # the silence
    assert "17:21" in html and "17:50:00" in html  # times of the company's zone
    assert "NaN" not in html and "nan," not in html


def test_its_files_are_the_same_days(filled: Fleet) -> None:
    client = filled.ask()
    html = opened(client, filled)
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/api/v1/vehicles/[^"]*)"', html)]
    thin, whole = (client.get(link) for link in links)
    assert thin.json()["properties"]["points"] == 720
    assert thin.json()["properties"]["tz"] == "Asia/Shanghai"
    assert len(whole.text.splitlines()) == 1 + 720 + 2


def test_days_are_taken_as_they_can_be_and_an_empty_span_says_so(filled: Fleet) -> None:
    client = filled.ask()
    for query in ("", "from=yesterday", "from=0001-01-01", "to=2026-05-01", "from=9999-12-31"):
        assert TEXTS["history.empty"][1] in opened(client, filled, query), query
    assert "<polyline" in opened(client, filled, "from=2026-05-04&to=2026-05-02")  # the other way round
    assert date.today().isoformat() in opened(client, filled, "")


def test_it_is_seen_within_ones_scope_only(filled: Fleet) -> None:
    path = f"/vehicles/{filled.vehicle}/history"
    assert filled.ask(("desk", "branch", "SH2")).get(path).status_code == 404
    assert filled.ask(("carrier", "carrier", "c1")).get(path).status_code == 200
    answer = filled.client_of().get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"].startswith("/sign-in")) == (303, True)


def test_a_picture_holds_its_way_whatever_the_way(store: SqliteTelemetry) -> None:
    assert picture(track_of(store, [], 100)) is None
    over = [fix(T0 + n * 1000, lon=lon) for n, lon in enumerate((179.99, 179.999, -179.999, -179.99))]
    store.write([*over, fix(T0 + 3_600_000, "gps-2"), Judged(fix(T0 + 500, seq=1, lat=-80.0), "spike")], 1)
    for device in ("gps-1", "gps-2"):
        drawn = picture(track_of(store, [(device, T0, T0 + 7_200_000)], 100))
        assert drawn is not None
        points = [tuple(map(float, place.split(","))) for line in drawn["lines"] for place in line.split()]
        assert all(0 <= x <= drawn["width"] and 0 <= y <= drawn["height"] for x, y in points)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        assert drawn["bad"] == []  # on the other side of the earth
