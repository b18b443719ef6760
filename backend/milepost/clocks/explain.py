"""Clocks in plain words, in Chinese and English."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the model shows itself with these words
    from milepost.clocks.model import ClockState


def explain(state: "ClockState", language: str, zone: str | None = None) -> str:
    """Why a clock is due when it is, by which rule."""
    return f"{state.clock}: {state.rule}"
