"""The watermark of DESIGN §3 against its own sentence, computed the slow way."""

from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest.watermark import Coverage, arrived, excuse, has_hole_below, missing

SEQ = st.integers(1, 60)
BATCH = st.tuples(SEQ, st.integers(0, 12), st.integers(0, 70))
GAP = st.tuples(SEQ, SEQ, st.integers(1, 80))
STEP = st.one_of(st.tuples(st.just("batch"), BATCH), st.tuples(st.just("gap"), GAP))


def slow(steps: list) -> tuple[int, set[int]]:
    """Every seq ≤ N received, or below the greatest tail (believed to the end of its batch), or named in a gap."""
    received: set[int] = set()
    named: set[int] = set()
    tail = 0
    for kind, (a, b, c) in steps:
        if kind == "batch":
            received |= set(range(a, a + b))
            tail = max(tail, min(c, a + b))
        else:
            named |= set(range(a, min(b, c - 1) + 1))
    mark = 0
    while mark + 1 in received or mark + 1 < tail or mark + 1 in named:
        mark += 1
    return mark, received


def run(steps: list) -> Coverage:
    coverage = Coverage()
    for kind, (a, b, c) in steps:
        coverage = arrived(coverage, a, b, c)[0] if kind == "batch" else excuse(coverage, a, b, c)
    return coverage


@given(st.lists(STEP, max_size=25))
def test_any_history_gives_the_watermark_of_the_sentence(steps: list) -> None:
    mark, received = slow(steps)
    coverage = run(steps)
    assert coverage.watermark == mark
    assert coverage.records == len(received)
    offered = sum(b for kind, (_, b, _) in steps if kind == "batch")
    assert coverage.records + coverage.duplicates == offered


@given(st.lists(STEP, max_size=15), st.randoms())
def test_any_order_and_any_repeats_give_the_same_watermark(steps: list, random) -> None:
    shuffled = steps + random.sample(steps, len(steps) // 2)
    random.shuffle(shuffled)
    assert run(shuffled).watermark == run(steps).watermark


@given(st.lists(STEP, max_size=25))
def test_the_watermark_never_goes_back(steps: list) -> None:
    coverage = Coverage()
    for kind, (a, b, c) in steps:
        after = arrived(coverage, a, b, c)[0] if kind == "batch" else excuse(coverage, a, b, c)
        assert after.watermark >= coverage.watermark
        coverage = after


@given(st.lists(BATCH, max_size=20))
def test_a_batch_is_new_exactly_when_it_holds_an_unseen_record(batches: list) -> None:
    coverage, seen = Coverage(), set()
    for first, count, tail in batches:
        coverage, is_new = arrived(coverage, first, count, tail)
        assert is_new == bool(set(range(first, first + count)) - seen)
        seen |= set(range(first, first + count))


@given(st.lists(STEP, max_size=25))
def test_missing_names_every_hole_and_only_holes(steps: list) -> None:
    coverage = run(steps)
    _, received = slow(steps)
    named = {n for kind, (a, b, c) in steps if kind == "gap" for n in range(a, min(b, c - 1) + 1)}
    holes = {n for low, high in missing(coverage) for n in range(low, high + 1)}
    top = max(received | named, default=0)
    assert holes == {n for n in range(coverage.watermark + 1, top + 1) if n not in received and n not in named}


def test_an_empty_database_starts_at_the_tail_of_the_device() -> None:
    coverage, _ = arrived(Coverage(), 1_000_001, 50, tail=1_000_001)
    assert coverage.watermark == 1_000_050


def test_a_restored_database_catches_up_with_what_the_device_has_freed() -> None:
    coverage, _ = arrived(Coverage(), 1, 100, tail=1)
    coverage, _ = arrived(coverage, 5_001, 50, tail=5_001)
    assert coverage.watermark == 5_050
    assert coverage.dropped == 4_900


def test_a_tail_beyond_its_own_batch_frees_nothing_that_was_not_received() -> None:
    coverage, _ = arrived(Coverage(), 1, 10, tail=0xFFFFFFFF)
    assert coverage.watermark == 10


def test_a_gap_record_cannot_excuse_the_future() -> None:
    coverage, _ = arrived(Coverage(), 1, 10, tail=1)
    assert excuse(coverage, 11, 5_000, named_by=10).watermark == 10


def test_a_record_that_was_excused_still_counts_when_it_comes() -> None:
    coverage, _ = arrived(Coverage(), 101, 10, tail=101)
    coverage, is_new = arrived(coverage, 91, 10, tail=91)
    assert is_new
    assert coverage.watermark == 110


def test_nonsense_in_a_good_header_moves_nothing_beyond_it() -> None:
    coverage, is_new = arrived(Coverage(), 0, 1, tail=0)
    assert (coverage.watermark, is_new) == (0, False)
    coverage, _ = arrived(Coverage(), 0xFFFFFFFF, 10, tail=0)
    assert coverage.received == ((0xFFFFFFFF, 0xFFFFFFFF),)


def test_thousands_of_holes_keep_a_bounded_memory_and_lose_nothing() -> None:
    coverage = Coverage()
    for seq in range(2, 20_000, 2):
        coverage, _ = arrived(coverage, seq, 1, tail=1)
    assert len(coverage.received) <= 128
    for seq in range(1, 20_001):  # the device sends from its oldest again
        coverage, _ = arrived(coverage, seq, 1, tail=1)
    assert coverage.watermark == 20_000


def test_a_hole_below_is_seen_only_while_it_is_one() -> None:
    coverage, _ = arrived(Coverage(), 1, 10, tail=1)
    coverage, _ = arrived(coverage, 21, 10, tail=1)
    assert has_hole_below(coverage, 21)
    coverage, _ = arrived(coverage, 11, 10, tail=1)
    assert not has_hole_below(coverage, 21)
