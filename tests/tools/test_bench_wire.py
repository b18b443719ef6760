"""The bench `wire` measures what it says, and the wire meets the demand on its seeded drive."""

from milepost_device import wire
from milepost_tools.bench import wire as bench


def test_the_drive_is_seeded_and_looks_like_one():
    fixes = list(bench.drive(3, 1200))
    assert fixes == list(bench.drive(3, 1200))
    assert fixes != list(bench.drive(4, 1200))
    speeds = [fix.speed_dmps for fix in fixes]
    assert min(speeds) == 0
    assert 100 < max(speeds) < 200
    assert any(fix.course_2deg is None for fix in fixes)
    assert len({fix.sats for fix in fixes}) > 2


def test_payload_bytes_count_whole_batches():
    fixes = list(bench.drive(1, 90))
    writer = wire.BatchWriter(4096)
    total = 0
    for part in (fixes[:60], fixes[60:]):
        writer.begin(1, 1, 1, 1, 0)
        assert all(writer.add(fix) for fix in part)
        total += len(writer.finish())
    assert bench.payload_bytes(fixes) == total


def test_the_demands_are_met():
    results = {result["metric"]: result for result in bench.run()}
    assert results["payload_bytes_per_fix"]["value"] <= 7.5
    assert results["payload_bytes_per_fix_1hz"]["value"] <= 7.0
    for result in results.values():
        assert 110 < result["baseline"]["value"] < 150  # OwnTracks JSON
