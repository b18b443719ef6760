"""Rounds that fail go on, are counted, and tell it without flooding the log."""

import logging
import threading

import pytest

from milepost import periodic
from milepost.periodic import Periodic

from ..ingest.conftest import until


def test_a_failing_round_is_told_in_full_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="milepost.periodic")
    well = threading.Event()

    def work() -> None:
        if not well.is_set():
            raise OSError("away\nwith details")

    each = Periodic("clocks", 0.005, work)
    each.start()
    until(lambda: each.failures > 20)
    well.set()
    until(lambda: "clocks is well again" in caplog.messages)
    each.stop()
    assert caplog.messages == ["clocks failed; trying again in 0.005 s", "clocks is well again"]
    assert caplog.records[0].exc_info


def test_another_error_is_told_and_one_that_stays_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "_TELL_EVERY_S", 0.1)
    errors = iter([OSError("one"), ValueError("two")])
    last: Exception = KeyError("three")

    def work() -> None:
        raise next(errors, last)

    each = Periodic("clocks", 0.005, work)
    each.start()
    until(lambda: any("still fails" in message for message in caplog.messages))
    each.stop()
    assert [message.partition(";")[0] for message in caplog.messages[:3]] == ["clocks failed"] * 3
    assert caplog.messages[3].endswith("KeyError: 'three'")
    assert each.failures >= 3
