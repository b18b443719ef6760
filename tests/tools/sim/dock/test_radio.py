"""The simulated waves have the measured figures: level over distance, the rest, fading by channel and place."""

from dataclasses import replace

import numpy as np
import pytest

from milepost_tools.sim.dock.radio import Aerials, Radio
from milepost_tools.sim.dock.site import Antenna, draw_site
from milepost_tools.sim.dock.world import Tag, Way

CORNERS = ((-2.3, -2.3), (2.3, -2.3), (-2.3, 2.3), (2.3, 2.3))


def room(seed: int, law: str, **changes: float) -> tuple[Radio, Aerials]:
    """Four antennas in the corners of a room of 4.6 m that look at its middle, as in the measured one."""
    rng = np.random.default_rng(seed)
    site = draw_site(rng, "recommended", 1, True)
    antennas = tuple(
        Antenna(n, "inner", x, y, 1.2, float(np.arctan2(-y, -x)), float(rng.normal(0, 1)))
        for n, (x, y) in enumerate(CORNERS)
    )
    door = replace(site.doors[0], x_m=0.0, readers=(replace(site.doors[0].readers[0], antennas=antennas),))
    radio = Radio(replace(site, law=law, doors=(door,), **changes), rng)
    return radio, radio.table(antennas, 0)


def a_tag(rng: np.random.Generator, sd_db: float = 0.0) -> Tag:
    number = int(rng.integers(0, 1 << 20))
    return Tag("E", Way(0, 0, 0), 0, 0, 1.0, float(rng.normal(0, sd_db)), 0, (1, 0), False, number)


def regression(seed: int, law: str) -> tuple[float, float, float]:
    """(level at 1 m, dB per decade, sd of the rest) over 60 places, each level a mean over the channels."""
    radio, aerials = room(seed, law)
    rng = np.random.default_rng(seed + 1000)
    channels = np.arange(len(radio.site.channels_hz))
    levels, distances = [], []
    for _ in range(60):
        x, y = rng.uniform(-1.8, 1.8), rng.uniform(-1.8, 0.2)
        tag = a_tag(rng, radio.site.tag_sd_db)
        for n, (ax, ay) in enumerate(CORNERS):
            ones = np.ones(len(channels))
            found = aerials.level(np.full(len(channels), n), channels, x * ones, y * ones, np.pi / 2, tag)
            levels.append(found.mean())
            distances.append(np.hypot(x - ax, y - ay))
    columns = np.column_stack([np.ones(len(levels)), np.log10(distances)])
    fit, *_ = np.linalg.lstsq(columns, np.array(levels), rcond=None)
    return float(fit[0]), float(fit[1]), float(np.std(np.array(levels) - columns @ fit))


@pytest.mark.parametrize(
    ("law", "level", "slope", "rest"),
    [
        ("log", (-57, -50), (-24, -18), (2.7, 4.5)),  # measured: -52.7 - 21.6 lg d, rest 3.8
        ("rays", (-57, -46), (-30, -16), (2.7, 5.2)),  # flatter than free space (-40), rougher than the line
        ("spline", (-60, -46), (-29, -14), (2.7, 5.0)),
    ],
)
def test_level_over_distance_is_that_of_a_real_room(
    law: str, level: tuple[float, float], slope: tuple[float, float], rest: tuple[float, float]
) -> None:
    fits = np.array([regression(seed, law) for seed in range(24)]).mean(axis=0)
    for value, (low, high) in zip(fits, (level, slope, rest), strict=True):
        assert low <= value <= high, fits


def test_a_fixed_tag_fades_by_channel_as_measured() -> None:
    """sd 2.2 dB over the channels (p90 3.1): set to that, the waves show it."""
    spreads = []
    for seed in range(20):
        radio, aerials = room(seed, "log", hop_sd_db=2.2)
        rng = np.random.default_rng(seed)
        channels = np.arange(50) % len(radio.site.channels_hz)
        if len(radio.site.channels_hz) < 50:
            continue
        ones = np.ones(50)
        for _ in range(10):
            x, y = rng.uniform(-1.5, 1.5, 2)
            level = aerials.level(np.zeros(50, int), channels, x * ones, y * ones, 0.0, a_tag(rng))
            spreads.append(float(np.std(level)))
    assert 1.8 <= np.mean(spreads) <= 2.6
    assert 2.1 <= np.quantile(spreads, 0.9) <= 3.6


@pytest.mark.parametrize("length_m", [0.3, 0.4])
def test_fading_hangs_together_over_about_a_wavelength(length_m: float) -> None:
    """Half a length on it is nearly the same, three lengths on it is another."""
    radio, _ = room(3, "log", place_length_m=length_m, hop_sd_db=0.0)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 20, 20_000), rng.uniform(0, 20, 20_000)
    seat = channel = np.zeros(len(x), int)

    def likeness(away_m: float) -> float:
        one, other = (radio.fading(seat, channel, x + dx, y, 5) for dx in (0.0, away_m))
        return float(np.corrcoef(one, other)[0, 1])

    assert likeness(length_m / 2) > 0.6
    assert 0.2 < likeness(length_m) < 0.55
    assert abs(likeness(3 * length_m)) < 0.2


def test_the_same_tag_at_the_same_spot_fades_the_same_way_and_two_tags_differ() -> None:
    radio, _ = room(5, "log")
    spots = np.linspace(-2, 2, 300)
    seat, channel = np.zeros(300, int), np.zeros(300, int)
    one = radio.fading(seat, channel, spots, spots, 11)
    assert np.array_equal(one, radio.fading(seat, channel, spots, spots, 11))
    assert abs(np.corrcoef(one, radio.fading(seat, channel, spots, spots, 12))[0, 1]) < 0.5


def test_a_neighbours_truck_is_behind_its_walls_and_the_own_one_is_open() -> None:
    site = draw_site(np.random.default_rng(2), "recommended", 2, False)
    radio = Radio(replace(site, truck_guide_db=0.0, place_sd_db=0.0, hop_sd_db=0.0), np.random.default_rng(0))
    tag = a_tag(np.random.default_rng(0))
    ones, zeros = np.ones(1), np.zeros(1, int)
    for door in site.doors:
        aerials = radio.table(door.readers[0].antennas, door.index)
        lost = [float(aerials.walls(other.x_m * ones, 3.0 * ones)[0]) for other in site.doors]
        assert lost[door.index] == 0
        assert lost[1 - door.index] == pytest.approx(site.truck_wall_db)
        before = aerials.level(zeros, zeros, door.x_m * ones, 0.3 * ones, 0.0, tag)
        assert np.isfinite(before).all()


def test_goods_take_away_what_they_should_on_their_far_side_only() -> None:
    _, aerials = room(1, "log", place_sd_db=0.0, hop_sd_db=0.0)
    rng = np.random.default_rng(0)
    bare = a_tag(rng)
    # Antenna 0 hangs at (-2.3, -2.3); a tag in the middle that looks along its course sees it at -135 degrees.
    towards, away = np.deg2rad(-135), np.deg2rad(45)
    ones, zeros = np.zeros(1), np.zeros(1, int)
    free = aerials.level(zeros, zeros, ones, ones, 0.0, bare)[0]
    wet = replace_block(bare, 20.0)
    facing = aerials.level(zeros, zeros, ones, ones, towards, wet)[0]
    behind = aerials.level(zeros, zeros, ones, ones, away, wet)[0]
    assert free - facing == pytest.approx(0.0, abs=0.01)
    assert free - behind == pytest.approx(20.0, abs=0.01)


def replace_block(tag: Tag, block_db: float) -> Tag:
    return replace(tag, block_db=block_db, normal=(0.0, 1.0))
