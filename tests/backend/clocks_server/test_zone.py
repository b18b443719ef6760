"""The zone of the settings is that of the rules: of the fold, the clocks, the order numbers and the messages (C1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from milepost.app import create_api
from milepost.clocks import versions
from milepost.orders import projector
from milepost.orders.model import Calendar
from milepost.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def in_berlin(company: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The company, put together as the service does it, with its people in Berlin."""
    monkeypatch.setattr(projector, "_calendar", projector.calendar())
    create_api(company.db, settings.model_copy(update={"time_zone": "Europe/Berlin"}))
    return company


@pytest.mark.requirement("N-03", "N-01")
def test_N03_the_desk_opens_at_eight_where_the_company_is(in_berlin: Any):
    in_berlin.order(when="2026-03-03 04:00")  # Shanghai; in Berlin it is 21:00 of the day before
    due = in_berlin.clocks()["N-01"].due
    assert datetime.fromtimestamp(due / 1000, BERLIN).strftime("%F %H:%M") == "2026-03-03 08:10"
    with in_berlin.db.read() as conn:
        assert versions.in_force(conn).calendars.company.zone == projector.calendar().zone == "Europe/Berlin"


@pytest.mark.requirement("T6")
def test_T6_a_postponed_order_wakes_at_eight_where_the_company_is(in_berlin: Any):
    in_berlin.order(when="2026-03-02 18:00")
    in_berlin.say("order.accepted", "2026-03-02 18:01", order="o1", branch="b1")
    in_berlin.say("order.postponed", "2026-03-02 18:02", order="o1", to="2026-03-04", asked_by="customer")
    with in_berlin.db.read() as conn:
        wakes_at = conn.exec_driver_sql("SELECT next_due FROM orders").scalar_one()
    assert datetime.fromtimestamp(wakes_at / 1000, BERLIN).strftime("%F %H:%M") == "2026-03-04 08:00"


def test_without_a_word_it_is_shanghai(company: Any, client_of: Callable[..., TestClient]):
    client_of("desk")
    assert projector.calendar() == Calendar("Asia/Shanghai")


def test_a_zone_that_is_none_is_refused_at_the_start():
    with pytest.raises(ValidationError, match="time_zone"):
        Settings(time_zone="Mars/Olympus")  # pyright: ignore[reportCallIssue]
