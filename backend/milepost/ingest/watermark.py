"""How far a device's stream is safe (DESIGN: The watermark). Pure: ranges in, ranges out.

The watermark is the highest N such that every seq up to N has been received, lies below the greatest `tail` of a
batch header, or is named in a gap record. Sequence numbers start at 1; 0 means nothing yet.
"""

from dataclasses import replace

from milepost.ingest.ranges import Range, add, overlap, union
from milepost.ingest.reading import record

_MAX_SEQ = 0xFFFFFFFF
# Holes that one stream may keep open. A device has one or two; a broken one must not grow the spool for ever.
_MAX_RANGES = 128


@record
class Coverage:
    """What is known of one stream of one device."""

    received: tuple[Range, ...] = ()  # seqs that have arrived
    excused: tuple[Range, ...] = ()  # seqs above the watermark that the device says it no longer has
    watermark: int = 0
    tail: int = 0  # greatest tail believed
    records: int = 0  # records that were new
    duplicates: int = 0  # records that had arrived before
    dropped: int = 0  # records the watermark passed without having them


def arrived(coverage: Coverage, first: int, count: int, tail: int) -> tuple[Coverage, bool]:
    """A batch with a good header and CRC has arrived.

    `first`, `count`: its sequence numbers; `tail`: the oldest seq that the device still held. A tail is believed up
    to the end of its own batch only: a device holds what it sends, so one beyond it comes from a broken header, and
    believing it would make the device free records that nobody has.
    Returns the new coverage, and whether the batch brought a record not received before.
    """
    low, high = max(first, 1), min(first + count - 1, _MAX_SEQ)
    if low <= high and not coverage.excused and len(coverage.received) == 1:
        begin, end = coverage.received[0]
        if end == coverage.watermark == low - 1:  # the next one in order, which nearly every batch is
            believed = max(coverage.tail, min(tail, high + 1, _MAX_SEQ))
            records = coverage.records + high - low + 1
            return Coverage(((begin, high),), (), high, believed, records, coverage.duplicates, coverage.dropped), True
    new = 0
    if low <= high:
        new = (high - low + 1) - overlap(coverage.received, low, high)
        coverage = replace(
            coverage,
            received=add(coverage.received, low, high),
            records=coverage.records + new,
            duplicates=coverage.duplicates + (high - low + 1) - new,
        )
    believed = min(tail, high + 1, _MAX_SEQ)
    if believed > coverage.tail:
        coverage = replace(coverage, tail=believed)
    return _advance(coverage), new > 0


def has_hole_below(coverage: Coverage, seq: int) -> bool:
    """True when something below `seq` is still missing: only then can a gap record at `seq` matter."""
    return coverage.watermark < seq - 1


def excuse(coverage: Coverage, first: int, last: int, named_by: int) -> Coverage:
    """The gap record `named_by` says that the device lost `first` to `last`. Only what lies below the record itself
    is believed: a device cannot have lost what it has not numbered yet."""
    low, high = max(first, 1, coverage.watermark + 1), min(last, named_by - 1)
    if low > high:
        return coverage
    return _advance(replace(coverage, excused=add(coverage.excused, low, high)))


def missing(coverage: Coverage) -> list[Range]:
    """The holes between the watermark and the highest seq received, as ranges."""
    holes: list[Range] = []
    expected = coverage.watermark + 1
    for low, high in union(coverage.received, coverage.excused):
        if high < expected:
            continue
        if low > expected:
            holes.append((expected, low - 1))
        expected = high + 1
    return holes


def _advance(coverage: Coverage) -> Coverage:
    """Move the watermark over everything that is covered, and forget what no longer decides anything."""
    mark = max(coverage.watermark, coverage.tail - 1)
    for low, high in union(coverage.received, coverage.excused):
        if low > mark + 1:
            break
        mark = max(mark, high)
    span = mark - coverage.watermark
    have = overlap(coverage.received, coverage.watermark + 1, mark) if span > 0 else 0
    return replace(
        coverage,
        watermark=mark,
        dropped=coverage.dropped + max(span, 0) - have,
        received=_bounded(coverage.received, mark),
        excused=_highest_forgotten(tuple(each for each in coverage.excused if each[1] > mark)),
    )


def _bounded(ranges: tuple[Range, ...], mark: int) -> tuple[Range, ...]:
    """Forget ranges when there are too many: old ones first (a repeat of them is stored again, and overwrites), then
    the highest (the device sends them again: they were never acknowledged)."""
    surplus = len(ranges) - _MAX_RANGES
    if surplus <= 0:
        return ranges
    old = sum(1 for each in ranges if each[1] < mark)
    return _highest_forgotten(ranges[min(surplus, old) :])


def _highest_forgotten(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    return ranges[:_MAX_RANGES]
