"""The vocabulary of facts (ORDERS.md §5)."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.evidence.model import Author, Fact
from milepost.orders import fold
from milepost.orders.vocabulary import KINDS, validate


def fact(kind: str, /, by: str = "desk", source: str = "person", subjects: Any = None, **body: Any) -> Fact:
    return Fact(
        "i", kind, 0, Author(by, "x"), {"order": "o1"} if subjects is None else subjects, source=source, body=body
    )


def test_a_whole_fact_passes():
    validate(fact("order.confirmed", checked=True))


@pytest.mark.parametrize(
    "wrong, says",
    [
        (fact("order.teleported"), "no kind of fact"),
        (fact("order.confirmed"), "'checked' is missing"),
        (fact("order.confirmed", checked="yes"), "true or false"),
        (fact("order.confirmed", by="driver", checked=True), "may not author"),
        (fact("order.confirmed", subjects={}, checked=True), "'order' is missing"),
        (fact("vehicle.left", by="desk", subjects={"vehicle": "v", "site": "s"}), "may not author"),
        (fact("vehicle.left", by="admin", subjects={"vehicle": "v", "site": "s"}), "may not author"),
        (fact("order.postponed", to="2026-13-01", asked_by="x"), "no date"),
        (fact("waybill.issued", waybill="w", pieces=-1, kg=1.0), "whole number"),
        (fact("waybill.issued", waybill="w", pieces=True, kg=1.0), "whole number"),
        (fact("trip.planned", by="dispatcher", subjects={"trip": "t"}, kind="teleport", stops=[]), "none of"),
        (fact("unit.bound", by="desk", subjects={"unit": "u"}, epc="E2"), "may not author"),
    ],
)
def test_what_is_wrong_is_named(wrong: Fact, says: str):
    with pytest.raises(Invalid, match=says):
        validate(wrong)


def test_a_scanner_makes_a_worker_an_author_of_reads():
    validate(fact("unit.bound", by="desk", source="scan", subjects={"unit": "u"}, epc="E2"))


def test_only_devices_keepers_and_scanners_move_units():
    for name in ("unit.loaded", "unit.unloaded", "unit.passed_back"):
        assert KINDS[name].authors == {"device", "scan", "keeper"}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(["order", "to", "units", "pieces"]), JUNK))
def test_any_body_is_taken_or_refused_never_a_crash(kind: str, body: dict[str, Any]):
    try:
        validate(Fact("i", kind, 0, Author("admin", "x"), {"order": "o1"}, body=body))
    except Invalid as error:
        assert kind in error.message


def test_the_page_lists_every_kind_at_its_rank():
    """docs/facts.md is the contract for those who write facts to files."""
    page = (Path(__file__).parents[3] / "docs" / "facts.md").read_text("utf-8")
    for kind in KINDS.values():
        assert f"| {kind.rank} | `{kind.name}` | {', '.join(sorted(kind.authors))} |" in page, kind.name


def test_the_page_names_every_exception_of_the_fold():
    page = (Path(__file__).parents[3] / "docs" / "facts.md").read_text("utf-8")
    folder = Path(fold.__file__).parent
    named = {name for file in folder.glob("*.py") for name in re.findall(r'\.trouble\(\s*"(\w+)"', file.read_text())}
    assert len(named) > 20
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []
