"""Ranges of stored sequence numbers behave like the set they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry import seen

_spans = st.tuples(st.integers(1, 60), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.tuples(st.booleans(), _spans), max_size=30), st.lists(_spans, max_size=5))
def test_any_additions_and_removals_leave_the_ranges_of_the_set(steps: list, asked: list[tuple[int, int]]) -> None:
    ranges: seen.Ranges = []
    held: set[int] = set()
    for adding, (low, high) in steps:
        span = set(range(low, high + 1))
        if adding:
            seen.add(ranges, low, high)
            held |= span
        else:
            seen.remove(ranges, low, high)
            held -= span
        assert ranges == seen.runs(held)
        assert seen.total(ranges) == len(held)
    for low, high in asked:
        assert seen.meets(ranges, low, high) == bool(held & set(range(low, high + 1)))
