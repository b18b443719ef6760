"""Clocks as pages show them: time left, groups, due instants, promises under the stones, the ladder. Pure."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.web import clock_view, qr
from milepost.web.i18n import translator

SHANGHAI = ZoneInfo("Asia/Shanghai")
EN = translator("en")
NOON = 1_795_665_600_000  # 2026-11-26 12:00 in Shanghai
MIN = 60_000


def clock(**changes: Any) -> dict[str, Any]:
    """An open N-01 that began 6 min ago and is due in 4."""
    row = {"clock": "N-01", "klass": "obligation", "verdict": "open", "start": NOON - 6 * MIN, "due": NOON + 4 * MIN,
           "late_from": NOON + 4 * MIN + 1, "end": None, "waiting": True}  # fmt: skip
    return row | changes


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0:00"), (130_000, "2:10"), (1_870_000, "31:10"), (3_599_999, "59:59"), (4_920_000, "1 h 22"),
     (122_400_000, "1 d 10 h"), (-5, "0:00")],
)  # fmt: skip
def test_time_left(ms: int, text: str) -> None:
    assert clock_view.left_text(ms) == text


@pytest.mark.parametrize(
    ("row", "group", "tone"),
    [
        (clock(), "soon", "soon"),
        (clock(due=NOON + MIN, late_from=NOON + MIN), "soon", "near"),
        (clock(due=NOON - 1, late_from=NOON), "late", "late"),  # from late_from on, to the millisecond
        (clock(due=NOON, late_from=NOON + 1), "soon", "near"),
        (clock(verdict="late"), "late", "late"),
        (clock(due=NOON + 11 * MIN, late_from=NOON + 11 * MIN), "today", "today"),
        (clock(due=NOON + 12 * 3_600_000, late_from=NOON + 12 * 3_600_000), "today", "today"),  # 24:00 is today's
        (clock(due=NOON + 12 * 3_600_000 + MIN, late_from=NOON + 12 * 3_600_000 + MIN), "later", "later"),
        (clock(due=None, late_from=None), "paused", "paused"),
    ],
)
@pytest.mark.requirement("EO-10")
def test_EO10_rows_group_by_when_they_are_due(row: dict[str, Any], group: str, tone: str) -> None:
    shown = clock_view.countdown(row, NOON, SHANGHAI, EN)
    assert (shown["group"], shown["tone"]) == (group, tone)


def test_a_limit_that_passed_by_is_no_offence() -> None:
    assert not clock_view.is_late(clock(klass="limit", due=NOON - MIN, late_from=NOON - MIN), NOON)
    assert clock_view.is_late(clock(klass="limit", verdict="late"), NOON)


@given(st.integers(0, 10**10), st.integers(0, 10**9), st.integers(-(10**9), 10**9))
def test_any_bar_stays_within_its_frame(span: int, gone: int, more: int) -> None:
    row = clock(start=NOON - gone, due=NOON + more, late_from=NOON + more, **{})
    shown = clock_view.countdown(row | {"start": min(row["start"], NOON + more - span)}, NOON, SHANGHAI, EN)
    assert 0 <= shown["share"] <= 100


def test_the_bar_shows_the_share_that_is_left() -> None:
    assert clock_view.countdown(clock(), NOON, SHANGHAI, EN)["share"] == 40


def test_midnight_that_ends_a_day_is_written_24_00() -> None:
    assert clock_view.due_text(NOON + 12 * 3_600_000, SHANGHAI, NOON) == "24:00"
    assert clock_view.due_text(NOON + 36 * 3_600_000, SHANGHAI, NOON) == "11-27 24:00"
    assert clock_view.due_text(NOON + 4 * MIN, SHANGHAI, NOON) == "12:04:00"
    assert clock_view.due_text(None, SHANGHAI, NOON) == "–"


def test_a_stone_carries_its_promise_and_by_how_much_it_was_missed() -> None:
    rows = [
        clock(verdict="late", end=NOON + 16 * MIN),
        clock(clock="N-40", due=NOON + 9 * MIN, verdict="void"),
        clock(clock="N-22", due=NOON + 7 * 3_600_000, late_from=NOON + 7 * 3_600_000),
    ]
    cells = [{"key": key, "late": False} for key in ("requested", "entered", "picked", "filed")]
    road = clock_view.with_promises({"cells": cells}, rows, NOON + 20 * MIN)
    assert [(c["promised"], c["late"], c["late_by"]) for c in road["cells"]] == [
        (None, False, ""),
        (NOON + 4 * MIN, True, "12 min"),
        (NOON + 7 * 3_600_000, False, ""),
        (None, False, ""),  # a promise that was set aside is none
    ]


def test_of_two_promises_for_a_stone_the_broken_one_shows() -> None:
    rows = [clock(clock="N-20", verdict="late", due=NOON - MIN), clock(clock="N-22", start=NOON)]
    assert clock_view.promised(rows, NOON)["picked"]["clock"] == "N-20"


def test_the_ladder_tells_what_the_clock_does_next() -> None:
    rows = [
        clock(due=NOON - MIN, late_from=NOON - MIN + 1),
        clock(clock="N-17", klass="reminder", due=NOON - MIN, late_from=NOON - MIN + 1, waiting=False),
        clock(clock="N-10", due=NOON + 11 * 3_600_000, late_from=NOON + 11 * 3_600_000, waiting=False),
        clock(clock="N-04", klass="limit", due=NOON + 90 * 3_600_000, waiting=False),
    ]
    steps = clock_view.ladder(rows, NOON, SHANGHAI, EN)
    assert [(step["look"], step["text"], step["gap"]) for step in steps] == [
        ("was", "Clock starts: Accept and phone", "6:00 ago"),
        ("broken", "Acceptance is due", "1:00 ago"),
        ("was", "The call centre is reminded", "1:00 ago"),
        ("next", "Last moment to accept today", "in 11 h 00"),
    ]


def test_an_orders_clocks_say_why_and_hide_what_is_settled_quietly() -> None:
    rows = [clock(explanation={"zh": "因为", "en": "because"}), clock(verdict="void"), clock(verdict="met", end=NOON),
            clock(klass="limit", due=NOON - MIN, late_from=NOON - MIN)]  # fmt: skip
    shown = clock_view.table(rows, NOON, SHANGHAI, "en", EN)
    assert [(row["verdict"], row["quiet"]) for row in shown] == [
        ("open", True),  # a limit that nobody used
        ("open", False),
        ("met", False),
        ("void", True),
    ]
    assert shown[1]["why"] == "because"


def test_the_code_on_paper_holds_the_address() -> None:
    code = qr.code("http://127.0.0.1:8000/orders/SO-261126-0001")
    assert isinstance(code["size"], int) and code["size"] >= 29 + 8
    # Three finder patterns: seven dark modules in a row begin at (4, 4), and end the first row of the code.
    assert str(code["path"]).startswith("M4 4h7v1h-7z")
    assert f"M{code['size'] - 11} 4h7v1h-7z" in str(code["path"])
