"""The account of a device as pages draw it: a row of 24 bars, and its words."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost.ingest.completeness import HOUR_MS, Count
from milepost.ingest.completeness_account import Account

Translate = Callable[..., str]
BARS = 24
_STEP, _WIDTH, _HEIGHT = 6, 4, 18


def bars(account: Account | None, now: int, t: Translate) -> dict[str, Any]:
    """The last 24 hours (UTC ms `now`) as bars: {words, width, height, cells: [{x, y, height, look, lost}]}. Pure.

    Shape says what colour says: whole is full, lost is cut open from above as far as records are lacking, what cannot
    be said is half, nothing is a dot.
    """
    newest = now // HOUR_MS * HOUR_MS
    hours = account.hours if account is not None else {}
    counts = [hours.get(newest - n * HOUR_MS) for n in reversed(range(BARS))]
    return {
        "words": _words(counts, t),
        "width": BARS * _STEP - (_STEP - _WIDTH),
        "height": _HEIGHT,
        "cells": [_cell(n, count) for n, count in enumerate(counts)],
    }


def table(account: Account, now: int) -> list[dict[str, Any]]:
    """The hours of an account, the newest first: {hour, count, verdict, holes}."""
    return [
        {"hour": hour, "count": count, "verdict": count.verdict, "now": hour + HOUR_MS > now,
         "holes": [each for each in account.holes if each.hour == hour]}
        for hour, count in sorted(account.hours.items(), reverse=True)
    ]  # fmt: skip


def _cell(n: int, count: Count | None) -> dict[str, Any]:
    if count is None:
        return {"x": n * _STEP, "y": _HEIGHT - 2, "height": 2, "look": "none", "lost": 0}
    lacking = count.missing + count.dropped
    if count.verdict == "unknown":
        return {"x": n * _STEP, "y": _HEIGHT // 2, "height": _HEIGHT - _HEIGHT // 2, "look": "unknown", "lost": 0}
    if not lacking:
        return {"x": n * _STEP, "y": 0, "height": _HEIGHT, "look": "whole", "lost": 0}
    lost = max(4, min(_HEIGHT - 2, round(_HEIGHT * lacking / (lacking + count.received))))
    return {"x": n * _STEP, "y": lost, "height": _HEIGHT - lost, "look": "lost", "lost": lost}


def _words(counts: list[Count | None], t: Translate) -> str:
    there = [count for count in counts if count is not None]
    numbers: Mapping[str, int] = {
        "whole": sum(count.verdict == "complete" for count in there),
        "lost": sum(count.verdict == "incomplete" for count in there),
        "unknown": sum(count.verdict == "unknown" for count in there),
        "none": len(counts) - len(there),
    }
    said = [t(f"device.bars.{name}", n=n) for name, n in numbers.items() if n]
    lacking = sum(count.missing + count.dropped for count in there)
    return t(
        "device.bars", what=t("device.bars.join").join([*said, *([t("device.bars.n", n=lacking)] if lacking else [])])
    )
