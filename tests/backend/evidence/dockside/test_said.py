"""The correlator's reasons as people read them, in both languages."""

import pytest

from milepost.evidence.dock.plain import REASONS
from milepost.evidence.dockside import said


@pytest.mark.parametrize(
    ("reason", "zh"),
    [("for: +9 dB against its own past", "支持：比它自己先前强 +9 dB"),
     ("against: of its last reads 25% on the far side", "反对：最后几次读数有 25% 在远侧"),
     ("wrong truck: it is on the list of session s-1 at door d-2", "装错车：它在另一扇门的清单上"),
     ("3 of 5 units of trip t-1 came through here: session or clock wrong?",
      "另一趟的 5 件里有 3 件从这里过：靠台记录或时钟不对？")],
)  # fmt: skip
def test_reasons_are_said_in_both_languages(reason: str, zh: str) -> None:
    assert said.both(reason)["zh"] == zh
    assert "s-1" not in said.both(reason)["en"] and "t-1" not in said.both(reason)["en"]


def test_every_measure_has_its_chinese_words() -> None:
    for each in REASONS:
        told = said.both("for: " + each.words.format(1.5))
        assert told["zh"] != told["en"], each.measure
