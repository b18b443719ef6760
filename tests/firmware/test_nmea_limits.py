"""Limits of the NMEA parser on the device: time, garbage, integers, and any sentence with a right checksum."""

import pytest

from milepost_tools.bench import gnss


def test_a_fix_costs_little_time_and_leaves_no_garbage():
    """64 B a fix (demands.csv); the time is ten times the demand: this run shares the machine."""
    spent = gnss.cost(100)
    assert spent["fixes"] == spent["wanted"]  # every pair became one epoch
    assert spent["garbage_bytes_per_fix"] <= 64
    assert spent["us_per_fix"] <= 1000


def test_mutants_with_a_right_checksum_are_refused_or_harmless():
    """Nothing uncaught, nothing out of range, nothing half committed, no integer beyond +-2^30."""
    counts = gnss.mutants(30_000, seed=7)
    assert counts["mutants"] >= 30_000
    assert counts["good"] > 20_000
    assert counts["refused"] > 5_000
    assert counts["valid"] > 500
    assert (counts["uncaught"], counts["out_of_range"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_million_mutants():
    counts = gnss.mutants(10_000_000)
    assert (counts["uncaught"], counts["out_of_range"]) == (0, 0)
