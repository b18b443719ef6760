"""Forms of commands: derived from the bodies of the API, read back into them, faults beside their inputs. Pure."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from milepost.errors import Conflict, Forbidden, IllegalStep
from milepost.orders.bodies import BODIES, Request
from milepost.orders.transitions import STEPS, allowed
from milepost.web.forms import acts, refusals, starts
from milepost.web.forms.describe import inputs_of, line_columns
from milepost.web.forms.offers import Offers
from milepost.web.forms.reading import Wrong, body_of, local_text
from milepost.web.forms.view import form_of, placed
from milepost.web.i18n import translator
from milepost.web.order_story import gist

SHANGHAI = ZoneInfo("Asia/Shanghai")
EN, ZH = translator("en"), translator("zh")
IDS = {"unit": {"1": "u-1", "2": "u-2"}, "site": {"DC1": "s-1"}, "vehicle": {"沪A·1": "v-1"}}


def read(command: str, *pairs: tuple[str, str], **texts: str) -> Any:
    """The body that a form gives; `pairs` for names with dots and for names given twice."""
    body = Request if command == "create" else BODIES[command]
    return body_of(body, inputs_of(command, body), FormData([*texts.items(), *pairs]), SHANGHAI, IDS)


def faults(command: str, *pairs: tuple[str, str], **texts: str) -> dict[str, str]:
    """Input → name of its fault."""
    with pytest.raises(Wrong) as caught:
        read(command, *pairs, **texts)
    return {where: kind for where, kind, _ in caught.value.faults}


def test_a_form_becomes_the_body_of_its_command() -> None:
    body = read("waybill", waybill=" YD-1 ", pieces="12", kg="3.5", other="x")
    assert body.fields() == {"waybill": "YD-1", "pieces": 12, "kg": 3.5}
    assert read("cancel", asked_by="customer").fields() == {"asked_by": "customer"}


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        ({"pieces": "12", "kg": "1"}, {"waybill": "missing"}),
        ({"waybill": "Y", "pieces": "twelve", "kg": "1"}, {"pieces": "whole"}),
        ({"waybill": "Y", "pieces": "1", "kg": "heavy"}, {"kg": "number"}),
        ({"waybill": "Y", "pieces": "-1", "kg": "1"}, {"pieces": "least"}),
        ({"waybill": "Y" * 65, "pieces": "1", "kg": "nan"}, {"waybill": "long", "kg": "number"}),
    ],
)
def test_a_form_that_is_wrong_names_each_input_and_why(texts: dict[str, str], wrong: dict[str, str]) -> None:
    assert faults("waybill", **texts) == wrong


def test_confirming_needs_the_tick_that_says_it_was_checked() -> None:
    assert faults("confirm") == {"checked": "missing"}
    assert read("confirm", checked="yes").fields() == {"checked": True}
    must = next(each for each in inputs_of("confirm", BODIES["confirm"]) if each.name == "checked")
    assert (must.widget, must.needed) == ("must", True)


def test_whether_a_receipt_is_in_order_is_asked_not_assumed() -> None:
    assert read("receipt", slip="R-1", qualified="no").fields()["qualified"] is False
    assert read("receipt", slip="R-1", qualified="yes").fields()["qualified"] is True


def test_times_are_local_and_become_utc() -> None:
    body = read("delivery-agreed", ("from", "2026-11-26T14:00"), ("to", "2026-11-26T16:30"))
    assert body.fields()["to"] - body.fields()["from"] == 9_000_000
    assert local_text(body.fields()["from"], SHANGHAI) == "2026-11-26T14:00"
    assert faults("delivery-agreed", ("from", "tomorrow"), ("to", "2026-11-26T16:30"))["from"] == "time"


def test_units_are_named_by_their_numbers() -> None:
    body = read("load-override", ("units", "1 #2"), reason="torn")
    assert body.fields()["units"] == ["u-1", "u-2"]
    assert faults("load-override", units="7", reason="torn") == {"units": "unit"}


def test_sites_and_vehicles_are_named_as_people_name_them() -> None:
    body = read("load", unit="1", site="DC1", vehicle="沪A·1")
    assert body.fields() == {"unit": "u-1", "site": "s-1", "vehicle": "v-1"}
    assert faults("load", unit="1", site="nowhere", vehicle="沪A·1") == {"site": "unknown"}


def test_units_with_their_tags_are_typed_one_a_row() -> None:
    body = read("units", units="3034F8000001 3034F8000002; 1; 2; 12.5\n\n;2\n")
    assert [(u.epcs, u.line, u.pieces, u.kg) for u in body.units] == [
        (["3034F8000001", "3034F8000002"], 1, 2, 12.5),
        ([], 2, 1, None),
    ]
    assert faults("units", units="A;1;1;1;1") == {"units": "unit_row"}


def test_goods_are_rows_and_empty_ones_at_the_end_are_left_out() -> None:
    rows = [("lines.0.name", "milk"), ("lines.0.qty", "4"), ("lines.1.name", ""), ("lines.1.qty", " ")]
    assert [line.qty for line in read("create", *rows, type="goods", customer="c").lines] == [4]
    wrong = faults("create", ("lines.0.name", "milk"), ("lines.0.qty", "x"), type="goods", customer="c")
    assert wrong == {"lines.0.qty": "number"}


def test_a_row_left_out_in_the_middle_is_named() -> None:
    rows = [(f"lines.{n}.{c.name}", "") for n in range(3) for c in line_columns()]
    rows = [pair for pair in rows if pair[0] not in ("lines.2.qty", "lines.2.name")]
    wrong = faults("create", *rows, ("lines.2.name", "milk"), ("lines.2.qty", "1"), type="goods", customer="c")
    assert wrong == {"lines.0.qty": "hole", "lines.1.qty": "hole"}


def test_a_reason_comes_from_the_list_with_the_customers_words_beside_it() -> None:
    body = read("cancel-reason", ("reason", "price"), ("reason.note", "too dear"))
    assert body.fields() == {"reason": "price: too dear"}
    shown = form_of("cancel", BODIES["cancel"], EN, Offers({"reason": [("price", "No agreement on price")]}))
    reason = next(each for each in shown["inputs"] if each["widget"] == "reason")
    assert reason["value"] == ""  # nothing is preselected (EO-18)


def test_an_open_exception_is_chosen_and_named_by_kind_and_key() -> None:
    body = read("close-exception", cause="EX-12|door")
    assert body.fields() == {"ex": "EX-12", "cause": "door"}


def test_corrections_keep_the_types_of_what_they_correct() -> None:
    body = read("correct", target="f-1", why="typo", fields="pieces = 11\nkg=3.5\nwaybill = YD-1\nirregular = true")
    assert body.fields()["fields"] == {"pieces": 11, "kg": 3.5, "waybill": "YD-1", "irregular": True}
    assert faults("correct", target="f-1", why="typo", fields="pieces: 11") == {"fields": "pair"}


_NAMES = ["branch", "unit", "kg", "pieces", "to", "from", "units", "lines.0.qty", "fields", "checked", "reason", "at",
          "cause", "qualified"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=40)))
def test_any_text_in_any_form_gives_a_body_or_faults_beside_inputs(texts: dict[str, str]) -> None:
    for command, body in {**BODIES, "create": Request}.items():
        described = inputs_of(command, body)
        try:
            body_of(body, described, FormData(list(texts.items())), SHANGHAI, IDS)
        except Wrong as wrong:
            beside, general = placed(wrong, described, ZH)
            assert beside or general
            shown = form_of(command, body, ZH, Offers(), given=FormData(list(texts.items())), wrong=wrong)
            assert shown["open"] and shown["faults"]


def test_what_was_typed_comes_back_with_the_fault_beside_it() -> None:
    typed = FormData({"waybill": "YD-9", "pieces": "twelve", "kg": "3"})
    with pytest.raises(Wrong) as caught:
        body_of(BODIES["waybill"], inputs_of("waybill", BODIES["waybill"]), typed, SHANGHAI)
    shown = form_of("waybill", BODIES["waybill"], EN, Offers(), given=typed, wrong=caught.value)
    inputs = {each["name"]: each for each in shown["inputs"]}
    assert inputs["waybill"]["value"] == "YD-9"
    assert (inputs["pieces"]["value"], inputs["pieces"]["fault"]) == ("twelve", "A whole number, like 12.")
    assert shown["open"]


@pytest.mark.parametrize("kind", ["", "goods", "consignment"])
@pytest.mark.parametrize("state", sorted({state for step in STEPS.values() for state in step.states}))
def test_every_allowed_command_stands_in_exactly_one_place(state: str, kind: str) -> None:
    may = allowed(state)
    first, groups = acts.arranged(state, may, kind)
    listed = [*first, *(command for _, commands in groups for command in commands)]
    assert sorted(listed) == sorted(may)
    assert "other" not in dict(groups)


def test_what_comes_next_is_allowed_in_that_state() -> None:
    """What a state offers first must be a step of that state, or it would never be shown."""
    for state, commands in acts.NEXT.items():
        for command in commands:
            assert state in STEPS[command].states, f"{state}: {command}"


def test_goods_are_picked_next_and_consignments_fetched() -> None:
    may = ["pick-list", "pickup-agreed", "handed-in"]
    assert acts.arranged("confirmed", may, "goods")[0] == ["pick-list"]
    assert acts.arranged("confirmed", may, "consignment")[0] == ["pickup-agreed", "handed-in"]


def test_a_fact_names_its_branch_and_whom_a_notice_reached() -> None:
    assert gist("order.accepted", {"branch": "QP"}, ZH, {"QP": "青浦"}) == "青浦"
    assert gist("order.accepted", {"branch": "QP"}, ZH) == "QP"
    assert gist("notice.sent", {"to": "customer:C-1"}, ZH) == "客户 C-1"


def test_a_new_command_of_the_api_is_not_lost() -> None:
    assert acts.arranged("archived", ["teleport"]) == ([], [("other", ["teleport"])])


def test_the_nearest_branches_are_offered_by_distance() -> None:
    near = [{"id": "ZJ", "name": "Zhangjiang", "distance_m": 2100, "waiting": 3}]
    shown = form_of("reroute", BODIES["reroute"], EN, Offers(), near=near)
    assert [each["widget"] for each in shown["inputs"]] == ["near"]
    assert read("reroute", ("to_branch", ""), ("to_branch.other", "XX")).fields() == {"to_branch": "XX"}


def test_an_edit_says_only_what_changes() -> None:
    start = {"changes.contact.name": "Wang", "changes.contact.phone": "1", "changes.lines.0.name": "milk",
             "changes.lines.0.qty": "4"}  # fmt: skip
    same = {"contact": {"name": "Wang", "phone": "1"}, "lines": [{"name": "milk", "qty": 4.0}], "to": None}
    assert starts.changed_only(same, start) == {}
    more = same | {"lines": [{"name": "milk", "qty": 5.0}], "remark": "one more"}
    assert starts.changed_only(more, start) == {"lines": [{"name": "milk", "qty": 5.0}], "remark": "one more"}


DETAIL = {"state": "assigned", "allowed": ["accept", "cancel"]}


def test_a_refusal_says_the_state_and_what_is_possible_in_both_languages() -> None:
    error = IllegalStep("waybill: the order is assigned; allowed now: accept, cancel", ["accept", "cancel"])
    told = refusals.told("waybill", error, DETAIL, EN, str)
    assert told["text"] == "The order is Assigned now; “Issue the waybill” is not possible."
    assert told["may"] == ["accept", "cancel"]
    assert "allowed now" not in told["exact"]
    assert refusals.told("waybill", error, DETAIL, ZH, str)["text"] == "订单现在是“已派网点”，做不了“开运单”。"


def test_a_guard_is_explained_in_the_persons_language() -> None:
    error = IllegalStep("accept: nobody has spoken with the customer yet", ["contact"], guard="contact")
    assert "还没有和客户联系" in refusals.told("accept", error, DETAIL, ZH, str)["text"]


def test_a_conflict_says_who_did_what_meanwhile() -> None:
    changed: dict[str, Any] = {
        "version": 4,
        "state": "accepted",
        "by": {"kind": "order.accepted", "role": "desk", "at": 1000},
    }
    told = refusals.told("accept", Conflict("changed", changed=changed), DETAIL, EN, lambda at: f"{at} ms")
    assert told["text"].startswith(
        "While you were reading, Order desk did “Accepted” at 1000 ms; the order is Accepted"
    )


def test_who_may_not_is_told_who_may() -> None:
    told = refusals.told("waybill", Forbidden("waybill: this needs …"), DETAIL, EN, str)
    assert told["text"] == "“Issue the waybill” is for these people: Order desk."


def test_what_was_done_is_said_with_its_warnings_and_nothing_made_up() -> None:
    assert refusals.done("accept", "", EN) == "Done: Accept."
    assert "pickup hours" in refusals.done("pickup-agreed", "pickup_hours,<script>", EN)
    assert "script" not in refusals.done("pickup-agreed", "pickup_hours,<script>", EN)
    assert refusals.done("<b>", "", EN) == ""
