"""One viewer is never queued for: skipped while behind, dropped when silent."""

from milepost.live.pacing import Pace


def test_a_viewer_more_than_two_frames_behind_is_skipped_until_it_answers() -> None:
    pace = Pace(since=0, now=0)
    for seq in (1, 2, 3):
        assert pace.may_send()
        pace.sent(seq, now=seq)
    assert not pace.may_send()
    pace.acked(1, now=10)
    assert pace.may_send()


def test_after_being_skipped_it_goes_on_from_where_it_was() -> None:
    pace = Pace(since=0, now=0)
    pace.sent(3, now=1)
    assert pace.since == 3


def test_an_empty_frame_is_due_after_two_seconds_without_another() -> None:
    pace = Pace(since=0, now=0)
    assert not pace.heartbeat_due(1_999)
    assert pace.heartbeat_due(2_000)
    pace.sent(0, now=2_000)
    assert not pace.heartbeat_due(3_999)


def test_a_viewer_that_says_nothing_for_thirty_seconds_is_lost() -> None:
    pace = Pace(since=0, now=0)
    pace.acked(0, now=5_000)
    assert not pace.lost(34_999)
    assert pace.lost(35_000)
