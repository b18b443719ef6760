"""Units listed after the signature: no list undoes a person's word (ORDERS.md §1.11)."""

from typing import Any

import pytest


def troubles(story: Any) -> dict[str, Any]:
    return {t["kind"]: t for t in story.state().exceptions}


def listed(story: Any, *units: str) -> None:
    story.say("order.units", order="o1", units=[{"unit": u, "no": u, "pieces": 1, "kg": 7.5} for u in units])


@pytest.fixture
def signed(story: Any) -> Any:
    """An order of two units, signed for."""
    units = story.to_waybilled(qty=2)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=2)
    return story


def test_a_unit_listed_after_the_signature_reopens_nothing_and_is_told(signed: Any) -> None:
    before = signed.state()
    listed(signed, "o1-u3")
    after = signed.state()
    assert (after.state, after.outcome, after.stages) == (before.state, before.outcome, before.stages)
    assert (after.tally, [unit["id"] for unit in after.units]) == (before.tally, ["o1-u1", "o1-u2"])
    trouble = troubles(signed)["contradicts_outcome"]
    assert (trouble["key"], trouble["closed_at"]) == ("order.units", None)


def test_what_such_a_unit_does_moves_nothing(signed: Any) -> None:
    listed(signed, "o1-u3")
    signed.load(["o1-u3"], vehicle="v2")
    signed.say("vehicle.left", vehicle="v2", site="yard")
    assert signed.state().state == "receipt_due"


def test_known_units_are_described_anew_all_the_same(signed: Any) -> None:
    listed(signed, "o1-u1", "o1-u2")
    assert troubles(signed) == {}
    listed(signed, "o1-u2", "o1-u3")
    assert [unit["kg"] for unit in signed.state().units] == [7.5, 7.5]


def test_an_order_signed_for_as_pieces_stays_signed_when_its_units_are_listed(story: Any) -> None:
    story.to_confirmed()
    story.say("waybill.issued", order="o1", waybill="W", pieces=2, kg=9)
    story.trip()
    story.say("load.checked", trip="t1", order="o1", pieces=2)
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=2)
    listed(story, "a", "b")
    assert (story.state().state, story.state().units) == ("receipt_due", [])
    assert "contradicts_outcome" in troubles(story)


def test_a_refusal_stands_as_well(story: Any) -> None:
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.refused", by="driver", order="o1", reason="wet")
    listed(story, "o1-u2")
    assert story.state().state == "refused"


def test_while_part_of_it_is_still_to_be_signed_for_a_new_unit_counts(story: Any) -> None:
    units = story.to_waybilled(qty=2)
    story.trip()
    story.load(units)
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=1, units=units[:1])
    listed(story, "o1-u3")
    assert (len(story.state().units), troubles(story).get("contradicts_outcome")) == (3, None)


def test_with_the_signature_withdrawn_it_counts(signed: Any) -> None:
    word = signed.facts[-1]
    listed(signed, "o1-u3")
    signed.say("fact.retracted", by="dispatcher", order="o1", target=word.id, why="the wrong shop")
    assert (len(signed.state().units), signed.state().state) == (3, "waybilled")


def test_a_list_written_before_the_signature_counts_however_late_it_comes(signed: Any) -> None:
    """Event time decides: the signature did not speak of it, and its unit is still to come."""
    when = signed.minute - 2
    signed.say("order.units", order="o1", units=[{"unit": "o1-u3", "pieces": 1}], at=when, received=signed.minute + 9)
    assert len(signed.state().units) == 3
