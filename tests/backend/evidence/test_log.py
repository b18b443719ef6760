"""Facts, their identity and grade, and the append-only log (DESIGN §3, Evidence)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from milepost.errors import Invalid
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, canonical, fact_id, grade
from milepost.evidence.tables import fact as fact_table

DEVICE = Author("device", "gps-1")


def fact(number: int = 1, **values) -> Fact:
    subjects = {"vehicle": "v", "site": f"s{number}"}
    made = {"id": fact_id("vehicle.entered", subjects, (str(number),)), "kind": "vehicle.entered", "at": 1000 * number,
            "by": DEVICE, "source": "gnss", "subjects": subjects}  # fmt: skip
    return Fact(**{**made, **values})


def test_the_id_follows_from_kind_subjects_and_inputs_and_not_from_the_order_of_keys():
    one = fact_id("k", {"a": "1", "b": "2"}, ("x",))
    assert one == fact_id("k", {"b": "2", "a": "1"}, ["x"])
    assert one != fact_id("k", {"a": "1", "b": "2"}, ("y",))
    assert one != fact_id("k2", {"a": "1", "b": "2"}, ("x",))


@pytest.mark.parametrize(
    ("sources", "confidence", "more", "wanted"),
    [
        ({"rfid", "gate"}, 0.9, {}, "A"),
        ({"rfid"}, 0.999, {}, "B"),
        ({"rfid"}, 0.998, {}, "C"),
        ({"gnss"}, 0.5, {}, "C"),
        ({"scan"}, 0.5, {}, "B"),
        ({"person"}, 1.0, {}, "B"),
        ({"person"}, 1.0, {"presence": True}, "A"),
        ({"person"}, 1.0, {"presence_due": True}, "C"),
        ({"person"}, 1.0, {"presence_due": True, "presence": True}, "A"),
        ({"partner"}, 1.0, {}, "C"),
        ({"partner", "gnss"}, 0.9, {}, "C"),
        (set(), 1.0, {}, "D"),
    ],
)
def test_grades(sources, confidence, more, wanted):
    assert grade(sources, confidence, **more) == wanted


@pytest.mark.parametrize("wrong", [{"source": "magic"}, {"confidence": 1.1}, {"confidence": -0.1}])
def test_a_fact_that_keeps_not_to_its_limits_is_refused(wrong):
    with pytest.raises(Invalid):
        fact(**wrong)


def test_a_snapshot_above_4_kb_is_not_kept(db):
    with db.tx() as conn:
        with pytest.raises(Invalid, match="snapshot is larger than 4096 bytes"):
            log.append(conn, [fact(snapshot={"x": "y" * 4096})])
        assert log.append(conn, [fact(snapshot={"x": "y" * 4000})])


def test_times_not_given_follow_from_the_event(db):
    one = fact()
    assert (one.recorded_at, one.received_at) == (1000, 1000)
    assert fact(recorded_at=1500).received_at == 1500


def test_appending_again_changes_nothing(db):
    with db.tx() as conn:
        assert log.append(conn, [fact(), fact(), fact(2)]) == [fact(), fact(2)]
        assert log.append(conn, [fact(2), fact()]) == []
        assert conn.execute(select(func.count()).select_from(fact_table)).scalar() == 2


def test_only_a_greater_rev_is_new_and_the_older_one_stays(db):
    with db.tx() as conn:
        log.append(conn, [replace(fact(), rev=2)])
        assert log.append(conn, [replace(fact(), rev=1), replace(fact(), rev=2, at=7)]) == []
        assert log.append(conn, [replace(fact(), rev=3, at=7)]) != []
        assert [(each.rev, each.at) for each in log.by_ids(conn, [fact().id])] == [(2, 1000), (3, 7)]


def test_facts_come_back_as_they_went_in(db):
    full = fact(
        rev=4, recorded_at=1100, received_at=1200, clock="gnss", body={"gap_ms": 5, "名": "值"}, confidence=0.97,
        grade="C", inputs=("gps-1/7/1", "gps-1/7/2"), snapshot={"track": [[1, 31.2, 121.4, None]]}, rule="geofence/1",
        by=Author("keeper", "p", "north"),
    )  # fmt: skip
    with db.tx() as conn:
        log.append(conn, [full])
        assert log.of_subjects(conn, [("vehicle", "v")]) == [full]


def test_facts_are_found_by_any_subject_within_their_time(db):
    late = fact(3, received_at=9000)
    with db.tx() as conn:
        log.append(conn, [fact(2), fact(1), late])
        both = [("site", "s1"), ("site", "s2")]
        assert [each.at for each in log.of_subjects(conn, both)] == [1000, 2000]
        assert [each.at for each in log.of_subjects(conn, [("vehicle", "v")])] == [1000, 2000, 3000]
        # Happened by then but not known by then: not visible (ORDERS §1.1).
        assert [each.at for each in log.of_subjects(conn, [("vehicle", "v")], until=8999)] == [1000, 2000]
        assert [each.at for each in log.of_subjects(conn, [("vehicle", "v")], since=2000)] == [2000, 3000]
        many = [("site", f"s{number}") for number in range(3000)]
        assert len(log.of_subjects(conn, many)) == 3


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value):
    def turned(part):
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(each) for each in part] if isinstance(part, list) else part

    assert canonical(value) == canonical(turned(value))
