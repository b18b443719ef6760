"""Files of facts: what is taken, what is refused, and that every line is named (ORDERS §5)."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.evidence.model import SOURCES
from milepost.orders.vocabulary import KINDS
from milepost.reports.facts_file import MAX_LINE_BYTES, MAX_REFUSED, FactsFile, read_facts
from milepost.reports.facts_line import instant, parse_line, to_fact

GOOD: dict[str, Any] = {
    "kind": "order.accepted",
    "at": "2024-03-04T09:25:00+08:00",
    "by": {"role": "desk", "id": "p1", "branch": "A"},
    "order": "o1",
    "branch": "A",
}


def read(*lines: str | bytes, end: bytes = b"\n") -> FactsFile:
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return read_facts(io.BytesIO(end.join(raw)))


def with_(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def test_a_line_becomes_a_fact_with_its_fields_at_the_top():
    (fact,) = read(json.dumps(GOOD)).facts
    assert (fact.kind, fact.subjects, dict(fact.body)) == ("order.accepted", {"order": "o1"}, {"branch": "A"})
    assert (fact.at, fact.by.role, fact.by.branch, fact.source) == (1709515500000, "desk", "A", "person")
    assert fact.recorded_at == fact.received_at == fact.at


def test_the_form_that_the_api_shows_is_the_same_fact():
    plain = to_fact(GOOD)
    nested = {k: v for k, v in GOOD.items() if k not in ("order", "branch")}
    nested |= {"subjects": {"order": "o1"}, "body": {"branch": "A"}}
    shown = {**nested, "subjects": [{"kind": "order", "id": "o1", "text": "SO-1"}], "grade": "A", "stages": ["entered"]}
    assert to_fact(nested) == plain == to_fact(shown)


@pytest.mark.parametrize("written", ["2024-03-04T01:25:00Z", "2024-03-03T15:25:00-10:00", 1709515500000,
                                     "2024-03-04t01:25:00.0009z"])  # fmt: skip
def test_any_offset_and_ms_name_the_same_instant(written: Any):
    assert to_fact(with_(at=written)).at == 1709515500000
    assert to_fact(with_(at=written)).id == to_fact(GOOD).id


def test_24_00_is_the_midnight_that_ends_the_day():
    assert instant("2026-09-22T24:00:00+08:00", "at") == instant("2026-09-23T00:00:00+08:00", "at")
    assert instant("2026-09-22T24:00+08:00", "at") == instant("2026-09-23T00:00:00+08:00", "at")
    with pytest.raises(Invalid):
        instant("2026-09-22T24:00:01+08:00", "at")


def test_the_same_words_are_the_same_fact_and_others_another():
    first = to_fact(GOOD)
    assert to_fact(dict(reversed(GOOD.items()))).id == first.id
    assert to_fact(with_(branch="B")).id != first.id
    assert to_fact(with_(at=1709515500001)).id != first.id
    assert to_fact(with_(by={"role": "desk", "id": "p2"})).id != first.id
    assert to_fact(with_(id="mine", rev=3)).id == "mine"


def test_a_grade_in_a_file_is_ignored():
    assert to_fact(with_(grade="A")).grade is None


@pytest.mark.parametrize(
    "line, source",
    [
        ({"kind": "vehicle.left", "vehicle": "v", "site": "s", "by": {"role": "dev", "id": "d1"}}, "gnss"),
        (
            {"kind": "unit.loaded", "unit": "u", "vehicle": "v", "site": "s", "by": {"role": "device", "id": "d1"}},
            "rfid",
        ),
        ({"kind": "unit.loaded", "unit": "u", "vehicle": "v", "site": "s", "by": {"role": "desk", "id": "p"}}, "scan"),
        ({"kind": "track.entered", "order": "o", "text": "x", "by": {"role": "partner", "id": "p"}}, "partner"),
        ({"kind": "order.rerouted", "order": "o", "to_branch": "B", "by": {"role": "cc", "id": "p"}}, "person"),
    ],
)
def test_a_source_left_out_follows_from_the_author(line: dict[str, Any], source: str):
    assert to_fact({"at": 0, **line}).source == source


def test_fields_that_are_times_may_be_written_as_times():
    at = {"at": 0, "by": {"role": "desk", "id": "p"}, "order": "o"}
    agreed = to_fact({"kind": "pickup.agreed", "from": "2024-03-04T14:00:00+08:00", "to": 1709539200000, **at})
    assert dict(agreed.body) == {"from": 1709532000000, "to": 1709539200000}
    postponed = to_fact({"kind": "order.postponed", "to": "2024-03-07", "asked_by": "customer", **at})
    assert postponed.body["to"] == "2024-03-07"
    change = {"kind": "fact.corrected", "target": "t", "why": "w", "fields": {"at": "2024-03-04T01:25:00Z"}}
    fixed = to_fact({**at, **change, "by": {"role": "bm", "id": "p"}})
    assert fixed.body["fields"] == {"at": 1709515500000}


def test_fields_named_like_the_envelope_have_a_name_of_their_own():
    trip = {"at": 0, "by": {"role": "dispatcher", "id": "p"}, "kind": "trip.planned", "trip": "t", "stops": []}
    assert to_fact({**trip, "trip_kind": "line"}) == to_fact({**trip, "body": {"kind": "line"}})
    price = {"at": 0, "by": {"role": "desk", "id": "p"}, "kind": "price.agreed", "order": "o", "amount": 12.5}
    assert to_fact({**price, "agreed_by": "customer"}).body["by"] == "customer"
    for line, says in ((trip, "trip_kind"), (price, "agreed_by")):
        with pytest.raises(Invalid, match=says):
            to_fact(line)


def test_points_may_be_picked():
    base = {"at": 0, "by": {"role": "claims", "id": "p"}, "kind": "complaint.substantiated", "order": "o",
            "complaint": "c", "region": "R"}  # fmt: skip
    assert to_fact({**base, "points": {"id": "PT-3", "points": 4}}).body["points"] == "PT-3:4"
    for wrong in ("PT-12", "PT-3:6", "5", "PT-8:4", "pt-1"):
        with pytest.raises(Invalid, match="points"):
            to_fact({**base, "points": wrong})


WRONG: list[tuple[str | bytes, str]] = [
    (json.dumps(with_(at="2024-03-04T09:25:00")), "no offset"),
    (json.dumps(with_(at="2024-03-04")), "no offset"),
    (json.dumps(with_(at="yesterday")), "not an RFC 3339 time"),
    (json.dumps(with_(at=...)), "at is missing"),
    (json.dumps(with_(at=1.5)), "whole ms"),
    (json.dumps(with_(at=10**18)), "outside the years"),
    (json.dumps(with_(recorded_at="2024-03-04T09:25:00")), "recorded_at.*no offset"),
    (json.dumps(with_(kind="order.teleported")), "no kind of fact"),
    (json.dumps(with_(kind=...)), "'kind' is missing"),
    (json.dumps(with_(branch=...)), "'branch' is missing"),
    (json.dumps(with_(order=...)), "'order' is missing"),
    (json.dumps(with_(branch=7)), "must be text"),
    (json.dumps(with_(by={"role": "driver", "id": "d"})), "may not author"),
    (json.dumps(with_(by={"role": "wizard", "id": "d"})), "none of"),
    (json.dumps(with_(by={"role": "desk"})), "by.id"),
    (json.dumps(with_(by="desk")), "must be an object"),
    (json.dumps(with_(by=...)), "by is missing"),
    (json.dumps(with_(source="crystal ball")), "none of"),
    (json.dumps(with_(confidence=2)), "outside 0 to 1"),
    (json.dumps(with_(rev=-1)), "rev"),
    (json.dumps(with_(body={"branch": "B"})), "once is enough"),
    (json.dumps(with_(subjects={"planet": "x"})), "none of"),
    ('{"kind": "order.accepted",', "no JSON"),
    ("[1]", "one JSON object"),
    ("null", "one JSON object"),
    (json.dumps(GOOD)[:-1] + ', "order": "o2"}', "'order' stands twice"),
    (json.dumps(with_(confidence=float("nan"))), "NaN"),
    (json.dumps(GOOD)[:-1] + ', "x": -Infinity}', "Infinity"),
    (json.dumps(GOOD)[:-1] + ', "x": 1e999}', "no number we can hold"),
    (json.dumps(GOOD)[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deep"),
    (json.dumps(GOOD)[:-1] + ', "x": ' + "9" * 5000 + "}", "no JSON we read"),
    (json.dumps(with_(branch="\ud800")), "half a character"),
    (json.dumps(GOOD).encode().replace(b'"p1"', b'"p\xff1"'), "0xFF"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}" + json.dumps(GOOD), "no JSON"),
    (b'{"x": "' + b"a" * 10_000_000 + b'"}', "longer than 1,000,000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize("line, says", WRONG, ids=[says for _, says in WRONG])
def test_what_is_wrong_is_named_by_line(line: str | bytes, says: str):
    found = read(json.dumps(GOOD), line, json.dumps(with_(order="o2")))
    assert [each["line"] for each in found.refused] == [2]
    with pytest.raises(Invalid, match=says):
        raise Invalid(found.refused[0]["error"])
    assert len(found.refused[0]["error"]) < 500
    assert [fact.subjects["order"] for fact in found.facts] == ["o1", "o2"]


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_do_no_harm():
    plain = read(json.dumps(GOOD), json.dumps(with_(order="o2"))).facts
    dressed = read(
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "", "  ", json.dumps(with_(order="o2")), "", end=b"\r\n"
    )
    assert dressed.facts == plain and not dressed.refused


def test_utf16_says_what_to_do():
    assert "save it as UTF-8" in read(json.dumps(GOOD).encode("utf-16")).refused[0]["error"]


def test_all_bad_lines_come_at_once_up_to_a_hundred():
    found = read(*["{}"] * 250)
    assert [each["line"] for each in found.refused] == list(range(1, MAX_REFUSED + 1))
    assert found.refused_count == 250


def test_a_line_of_exactly_the_limit_is_read():
    head = json.dumps(GOOD)[:-1] + ', "x": "'
    fill = MAX_LINE_BYTES - len(head) - 2
    assert not read(head + "a" * fill + '"}').refused
    assert read(head + "a" * (fill + 1) + '"}').refused


def test_the_latest_time_counts_receipt():
    late = with_(order="o2", received_at="2024-03-09T00:00:00Z")
    assert read(json.dumps(GOOD), json.dumps(late)).latest == instant("2024-03-09T00:00:00Z", "")
    assert read("").latest is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*GOOD, "body", "subjects", "source", "id", "rev", "inputs", "from", "to", "dates", "points"])


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(KEYS, JUNK))
def test_any_object_is_taken_or_refused_never_a_crash(kind: str, changes: dict[str, Any]):
    line = json.dumps({**GOOD, **changes, **({} if "kind" in changes else {"kind": kind})})
    try:
        fact = parse_line(line)
    except Invalid as error:
        assert error.message
    else:
        assert fact.kind in KINDS and fact.source in SOURCES


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_the_end(raw: bytes):
    found = read_facts(io.BytesIO(raw + b"\n" + json.dumps(GOOD).encode()))
    assert found.facts[-1] == to_fact(GOOD)


def test_a_hundred_thousand_lines_take_seconds_not_minutes():
    import time  # noqa: PLC0415  (this test alone measures)

    lines = "\n".join(json.dumps(with_(order=f"o{n}")) for n in range(5_000)).encode()
    started = time.process_time()
    assert len(read_facts(io.BytesIO(lines)).facts) == 5_000
    assert (time.process_time() - started) * 20 < 30
