"""Texts with named fields: whatever the fields hold, a message is one line of plain text (OT-17, US-27)."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.notify.templates import DEFAULTS, FIELDS, LANGUAGES, check, render

ACCIDENT = {
    "order": "SO-1", "plate": "沪A·12345", "cause": "追尾", "place": {"zh": "京杭高速", "en": "Jinghang expressway"},
    "eta": 1_772_416_800_000,
}  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["zh", "en", "x"]), inner, max_size=2),
    max_leaves=5,
)


@pytest.mark.requirement("OT-17")
def test_OT17_plate_cause_place_and_time_stand_in_the_message_to_the_customer():
    zh, en = DEFAULTS["EX-26.customer"]
    assert render(zh, ACCIDENT, "zh") == (
        "您的订单 SO-1 途中遇到情况，可能晚到：追尾，车牌 沪A·12345，停在 京杭高速，新预计 03-02 10:00。"
        "请先做准备，我们会一直通报到解除。"
    )  # fmt: skip
    assert "stuck at Jinghang expressway, now expected 03-02 10:00" in render(en, ACCIDENT, "en")


def test_a_part_is_left_out_where_its_field_is_unknown():
    assert render("a {order}[, truck {plate}][, {cause}].", {"order": "1", "cause": "x"}, "en") == "a 1, x."
    assert render("a ({cause}) {order}", {}, "en") == "a (—) —"
    assert render("晚到（[{plate}][，{cause}]）：{order}", {"order": 1, "cause": "x"}, "zh") == "晚到（x）：1"
    assert render("late ([{plate}][, {cause}]): {order}", {"order": 1}, "en") == "late: 1"


def test_what_a_field_holds_is_never_read_as_a_template():
    said = render("{order}[ {cause}]", {"order": "{cause}", "cause": "[{plate}] {order.__class__}", "plate": "P"}, "en")
    assert said == "{cause} [{plate}] {order.__class__}"


def test_no_field_can_begin_a_line_or_turn_its_direction():
    said = render("{order} {cause}", {"order": "1\r\nBcc: x", "cause": "\u202egnp.exe\x00"}, "en")
    assert said == "1 Bcc: x gnp.exe"


@settings(deadline=None)
@given(st.sampled_from(sorted(DEFAULTS)), st.dictionaries(st.sampled_from(sorted(FIELDS)), values, max_size=8))
def test_rendering_never_fails_and_stays_on_one_line(name: str, fields: dict[str, Any]):
    for number, language in enumerate(LANGUAGES):
        said = render(DEFAULTS[name][number], fields, language)
        assert said and not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in said)


@settings(deadline=None)
@given(st.text(max_size=60), st.dictionaries(st.sampled_from(sorted(FIELDS)), values, max_size=4))
def test_even_a_text_that_nobody_checked_renders(text: str, fields: dict[str, Any]):
    assert isinstance(render(text, fields, "en"), str)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{palte}", "a {", "a }", "a [b", "a ]", "[a [b]]", "{order.x}", "{order!r}", "a\nb", "x" * 1001, "{}"],
)
def test_a_template_that_is_no_good_is_refused_with_the_reason(text: str):
    with pytest.raises(Invalid, match="text:"):
        check(text)


def test_a_template_with_fields_and_parts_is_taken():
    check("订单 {order}[，车牌 {plate}]")
