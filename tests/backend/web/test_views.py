"""What pages make of data: times, roads, charts, forms. Pure."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.web import charts
from milepost.web.formats import age_text, called, clock_text, distance_text, quantity_text, span_text, zone_text
from milepost.web.i18n import translator
from milepost.web.orders_view import road
from milepost.web.pages.house import inside

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = 1_795_665_600_000  # 2026-11-26 12:00 in Shanghai


def test_a_time_is_short_today_and_says_its_day_else() -> None:
    assert clock_text(NOON, SHANGHAI, NOON) == "12:00"
    assert clock_text(NOON + 5_000, SHANGHAI, NOON, seconds=True) == "12:00:05"
    assert clock_text(NOON - 86_400_000, SHANGHAI, NOON) == "11-25 12:00"
    assert clock_text(NOON - 365 * 86_400_000, SHANGHAI, NOON) == "2025-11-26 12:00"
    assert clock_text(None, SHANGHAI, NOON) == "–"


def test_midnight_of_the_company_decides_what_today_is() -> None:
    # 00:30 in Shanghai is still yesterday in UTC.
    assert clock_text(NOON - 11 * 3_600_000 - 1_800_000, SHANGHAI, NOON) == "00:30"


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (3_599_999, "59 min"), (3_600_000, "1 h"), (86_400_000, "1 d"),
     (-5, "0 s"), (None, "–")],
)  # fmt: skip
def test_ages(ms: int | None, text: str) -> None:
    assert age_text(ms) == text


def test_zones_and_quantities() -> None:
    assert zone_text(SHANGHAI, NOON) == "UTC+8"
    assert zone_text(ZoneInfo("America/St_Johns"), NOON) == "UTC-3:30"
    assert [quantity_text(value) for value in (4.0, 2.5, None)] == ["4", "2.5", "–"]


def test_distances_and_spans() -> None:
    assert [distance_text(m) for m in (None, 850, 2_149, 34_400)] == ["–", "850 m", "2.1 km", "34 km"]
    assert [span_text(ms) for ms in (45_000, 252_000, 7_500_000)] == ["45 s", "4 min 12 s", "2 h 05 min"]


def stages(done: str, **special: dict[str, Any]) -> list[dict[str, Any]]:
    """`done`: one letter per stage, x done, i inferred, anything else not."""
    keys = ["requested", "entered", "confirmed", "picked", "loaded", "in_transit", "arrived", "signed", "filed"]
    plain = {"grade": None, "source": None, "partial": None, "at": None, "facts": []}
    return [
        {"n": n, "key": key, "done": mark in "xi", "inferred": mark == "i", **plain, **special.get(key, {})}
        for n, (key, mark) in enumerate(zip(keys, done, strict=True), 1)
    ]


def test_stones_look_done_inferred_current_and_future() -> None:
    seen = road(stages("xxxix...."), translator("en"))
    assert [cell["look"] for cell in seen["cells"]] == ["done", "done", "done", "inferred", "done", "now"] + [
        "next"
    ] * 3
    # The leg behind an inferred stone was seen by nobody.
    assert [cell["n"] for cell in seen["cells"] if cell["gap"]] == [5]
    assert seen["words"] == "5/9 · In transit"


def test_a_partial_stone_shows_how_much() -> None:
    seen = road(stages("xxxx.....", loaded={"partial": {"done": 11, "total": 12}}), translator("zh"))
    assert seen["cells"][4]["part"] == 90
    assert seen["cells"][4]["look"] == "now"


def test_a_finished_road_has_no_current_stone() -> None:
    seen = road(stages("xxxxxxxxx"), translator("zh"))
    assert {cell["look"] for cell in seen["cells"]} == {"done"}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9_000), st.integers(0, 400), st.floats(-90, -30), st.floats(-90, -30), st.floats(-90, -30)
        ),
        max_size=24,
    ),
    st.lists(st.tuples(st.integers(0, 9_000), st.sampled_from(["inner", "outer"]), st.booleans()), max_size=8),
)
def test_any_trace_is_drawn_inside_its_frame(reads: list[Any], gates: list[Any]) -> None:
    snapshot = {
        "rssi": [[a, a + d, f, m, last, 3] for a, d, f, m, last in reads],
        "gates": [list(gate) for gate in gates],
    }
    chart = charts.rssi(snapshot, 4_000)
    if not reads:
        assert chart is None
        return
    assert chart is not None
    for read in chart["reads"]:
        assert chart["left"] <= read["x"] <= chart["right"]
        assert chart["top"] <= read["y"] <= chart["base"] + 0.1
    for gate in chart["gates"]:
        assert gate["x"] + gate["width"] <= chart["right"] + 1.5


def test_a_gate_is_drawn_from_its_interruption_to_its_release() -> None:
    chart = charts.rssi(
        {"rssi": [[0, 100, -60, -50, -60, 4]], "gates": [[10, "inner", True], [400, "inner", False]]}, 50
    )
    assert chart is not None
    assert [(gate["gate"], gate["ms"]) for gate in chart["gates"]] == [("inner", 390)]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-80, 80), st.floats(-179, 179)), min_size=2, max_size=40))
def test_any_track_is_drawn_inside_its_frame(fixes: list[Any]) -> None:
    chart = charts.track({"track": [[t, lat, lon, 3.0] for t, lat, lon in fixes]}, 500)
    assert chart is not None
    for x, y in chart["points"]:
        assert 0 <= x <= charts.WIDTH
        assert 0 <= y <= charts.HEIGHT


def test_a_track_has_north_above() -> None:
    chart = charts.track({"track": [[0, 31.0, 121.0, 1], [1000, 31.001, 121.0, 1]]}, 0)
    assert chart is not None
    assert chart["points"][1][1] < chart["points"][0][1]


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_no_page_sends_people_elsewhere(address: str) -> None:
    assert inside(address) == "/live"
    assert inside("/orders/SO-1?stage=loaded") == "/orders/SO-1?stage=loaded"


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("司机 07 Driver 07", "司机 07", "Driver 07"),
        ("演示 Demo", "演示", "Demo"),
        ("阿依古丽·买买提 Ayigul Mamat", "阿依古丽·买买提", "Ayigul Mamat"),
        ("司机 07", "司机 07", "司机 07"),
        ("调度 A 组", "调度 A 组", "调度 A 组"),
        ("José Núñez", "José Núñez", "José Núñez"),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_a_name_written_in_both_scripts_is_shown_in_the_pages_own(name: str | None, zh: str, en: str) -> None:
    assert (called(name, "zh"), called(name, "en")) == (zh, en)


@given(st.text(max_size=40))
def test_no_name_is_lost_by_calling_somebody(name: str) -> None:
    assert all(called(name, language) and called(name, language) in name for language in ("zh", "en") if name)
