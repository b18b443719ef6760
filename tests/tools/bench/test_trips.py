"""The bench of trips on a few days: its figures are what it says they are."""

from pathlib import Path

import pytest

from milepost_tools.bench import trips
from milepost_tools.sim.road import tracker
from milepost_tools.sim.road.way import day


def test_a_span_is_found_when_half_of_both_together_is_common():
    assert trips.matched([(0, 100)], [(40, 110)]) == [((0, 100), (40, 110))]
    assert trips.matched([(0, 100)], [(60, 160)]) == []
    assert trips.matched([(0, 100), (10, 110)], [(0, 100)]) == [((0, 100), (0, 100))]


def test_days_are_told_by_their_seed_and_stop_for_a_purpose_of_more_than_three_minutes():
    one, other = day(7, 4), day(7, 4)
    assert (one.x, one.stops) == (other.x, other.stops)
    assert one.stops != day(8, 4).stops
    assert all(last - first >= 180 for first, last in one.stops)
    assert tracker.track(one, 7) == tracker.track(other, 7) != tracker.track(one, 8)


def test_stops_of_days_that_no_tuning_has_seen():
    ours, theirs, error_s, distance = trips.stops_simulated(6, 70_000)
    assert ours >= 0.98
    assert ours > theirs + 0.05
    assert error_s <= 60
    assert distance <= 0.03


def test_every_crossing_is_found_once_and_at_its_time():
    found, driven = trips.crossings(3)
    assert found == driven


@pytest.mark.corpus
def test_labelled_tracks_are_told_five_points_better_than_by_the_well_known_rule(corpus: Path):
    (row,) = [row for row in trips.corpus_figure(corpus / "goal-gps.tar.xz") if row["metric"] == "stop_f1_goal_gps"]
    assert row["value"] >= row["baseline"]["value"] + 0.05
