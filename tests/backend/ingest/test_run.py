"""A run is the readings it stands for, whichever way it is asked."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest.reading import FixBody, Reading
from milepost.ingest.run import Run, joined, times

from .runs import run_of

T0 = 1_790_000_000_000


def readings(steps: list[int]) -> list[Reading]:
    at, found = T0, []
    for n, step in enumerate(steps):
        at += step
        body = FixBody(31.0 + n / 1e5, 121.0, None if n == 2 else 4, 9.5 + n, 2.0 * n, 9, 0.9)
        found.append(Reading("truck-1", 7, 100 + n, "fix", at, "gnss", T0 + 5, body))
    return found


@given(st.lists(st.integers(-1000, 5000), min_size=1, max_size=12), st.data())
def test_a_run_is_a_sequence_of_its_readings(steps: list[int], data: st.DataObject) -> None:
    plain = readings(steps)
    run = run_of(plain)
    assert run is not None
    end = len(plain)
    place = data.draw(st.integers(-end, end - 1))
    some = data.draw(st.slices(end))
    for _ in range(2):  # before and after all of them have been made
        assert run[place] == plain[place]
        assert run[some] == plain[some]
        assert (len(run), run.first, run.last) == (end, 100, 99 + end)
        assert times(run) == times(plain) == [each.at for each in plain]
        assert run.steps.rises == all(one.at < other.at for one, other in pairwise(plain))
        assert run.steps.widest_e6 == (10 if end > 1 else 0)
        assert list(run) == plain


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 4), st.sampled_from([None, 0, 2]))
def test_what_follows_without_a_hole_is_joined_to_one_run(sizes: list[int], missing: int, listed: int | None) -> None:
    """A hole, or a piece that is no run, makes it a list; the readings are the same."""
    plain = readings([1000] * (sum(sizes) + 1))
    cut, pieces = 0, []
    for n, size in enumerate(sizes):
        cut += n == missing and n > 0
        pieces.append(list(plain[cut : cut + size]))
        cut += size
    runs = [each if n == listed else run_of(each) or each for n, each in enumerate(pieces)]
    whole = joined(runs)
    assert list(whole) == [each for piece in pieces for each in piece]
    has_hole = 0 < missing < len(sizes)
    has_list = listed is not None and listed < len(sizes)
    assert isinstance(whole, Run) == (not has_hole and not has_list)


@given(
    st.lists(st.lists(st.tuples(st.integers(-1, 3), st.integers(-9, 9), st.integers(-9, 9)), max_size=4), min_size=1)
)
def test_the_steps_of_what_is_joined_are_those_within_and_between(pieces: list[list[tuple[int, int, int]]]) -> None:
    runs, first, at, lat, lon = [], 1, T0, 0, 0
    for piece in pieces:
        places = [(at := at + ms, lat := lat + north, lon := lon + east) for ms, north, east in piece]
        ats, lats, lons = ([place[n] for place in places] for n in range(3))
        none = [None] * len(piece)
        runs.append(Run("truck-1", 7, first, [T0] * len(piece), ats, lats, lons, none, none, none, none, none))
        first += len(piece)
    whole = joined(runs)
    assert isinstance(whole, Run)
    none = [None] * len(whole)
    plain = Run("truck-1", 7, 1, whole.received_at, whole.at, whole.lat_e6, whole.lon_e6, none, none, none, none, none)
    assert whole.steps == plain.steps
    steps = [each for piece in pieces for each in piece][1:]
    assert plain.steps == (all(ms > 0 for ms, _, _ in steps), max((abs(n) + abs(e) for _, n, e in steps), default=0))


def test_runs_of_two_streams_are_not_joined() -> None:
    one = run_of(readings([1, 1]))
    other = Run("truck-1", 8, 102, [T0], [T0], [1], [1], [4], [9.5], [2.0], [9], [0.9])
    assert one is not None
    assert joined([one, other]) == [*one, *other]
    assert isinstance(joined([one, other]), list)


def test_one_reading_is_made_alone_and_all_of_them_once() -> None:
    run = run_of(readings([1] * 5))
    assert run is not None
    assert run[-1] is not run[-1]
    assert [id(each) for each in run] == [id(each) for each in run]
    assert run[-1] is run[-1]


def test_a_run_of_nothing_is_nothing() -> None:
    run = Run("truck-1", 7, 5, [], [], [], [], [], [], [], [], [])
    assert (len(run), list(run), run.last, run.steps.rises, bool(run)) == (0, [], 4, True, False)
