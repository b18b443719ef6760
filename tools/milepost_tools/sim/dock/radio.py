"""How loud a tag is at an antenna: one of three laws over distance, beams, goods in the way, walls and fading.

Levels in dBm, places in metres. The fading is a random landscape fixed per site, so that the same tag at the same
spot on the same channel fades the same way.
"""

import numpy as np

from milepost_tools.sim.dock.site import Antenna, Site
from milepost_tools.sim.dock.world import Tag

_CELL_M = 0.05
_SIZE = 512
_C_MPS = 299_792_458.0
_NEAREST_M = 0.3
TRUCK_FROM_M = 0.4  # behind this line a truck's walls are around
TRUCK_HALF_M = 1.3
_TRUCK_LENGTH_M = 13.0


class Radio:
    """The waves of one site. rng: draws the landscape."""

    def __init__(self, site: Site, rng: np.random.Generator) -> None:
        self.site = site
        self._land = _landscape(rng, site.place_length_m)
        self._shift = int(rng.integers(1, 2**31))
        antennas = [(door.index, each) for door in site.doors for reader in door.readers for each in reader.antennas]
        self._number = {id(each): n for n, (_, each) in enumerate(antennas)}
        self.knots = (np.linspace(np.log10(_NEAREST_M), np.log10(30.0), 8), _spline_levels(site, rng))

    def table(self, antennas: tuple[Antenna, ...], door: int) -> "Aerials":
        """The antennas of a reader at door index `door`, ready for sums over arrays."""
        return Aerials(self, antennas, [self._number[id(each)] for each in antennas], door)

    def law(self, d_m: np.ndarray, height_a: np.ndarray, height_t: float, channel: np.ndarray) -> np.ndarray:
        """Level over distance, before beams and fading. d_m: along the floor."""
        site = self.site
        d3 = np.maximum(np.hypot(d_m, height_a - height_t), _NEAREST_M)
        if site.law == "log":
            return site.level_1m_dbm + site.slope_db * np.log10(d3)
        if site.law == "spline":
            return np.interp(np.log10(d3), *self.knots)
        wave = 2 * np.pi * np.asarray(site.channels_hz)[channel] / _C_MPS
        floor = np.hypot(d_m, height_a + height_t)
        wall = d3 + 3.1  # one far reflector stands for the rest of the hall
        field = np.exp(-1j * wave * d3) / d3
        field = field - site.reflection * np.exp(-1j * wave * floor) / floor
        field = field + 0.6 * site.reflection * np.exp(-1j * wave * wall) / wall
        # Both ways; a floor under the deepest notch, as other paths fill it.
        amplitude = np.maximum(np.abs(field), 0.25 / d3)
        return site.level_1m_dbm + 4.0 + 40 * site.rays_exponent * np.log10(amplitude)

    def fading(self, seat: np.ndarray, channel: np.ndarray, x_m: np.ndarray, y_m: np.ndarray, tag: int) -> np.ndarray:
        """Fading by place and by channel, dB. seat: numbers of the antennas."""
        i = (x_m / _CELL_M).astype(np.int64) + tag * 7919 + self._shift % 104729
        j = (y_m / _CELL_M).astype(np.int64) + tag * 104729 + self._shift % 7919
        key = seat * 131
        at_place = self._land[(i + key * 3) % _SIZE, (j + key * 5) % _SIZE]
        hop = key + channel * 37
        by_hop = self._land[(j + hop * 11) % _SIZE, (i + hop * 17) % _SIZE]
        # Two rays bring a part of their own fading with them.
        place_sd_db = self.site.place_sd_db * (0.6 if self.site.law == "rays" else 1.0)
        return place_sd_db * at_place + self.site.hop_sd_db * by_hop


class Aerials:
    """The antennas of one reader as arrays."""

    def __init__(self, radio: Radio, antennas: tuple[Antenna, ...], numbers: list[int], door: int) -> None:
        self.radio = radio
        self.door_x_m = radio.site.doors[door].x_m
        self.x = np.array([each.x_m for each in antennas])
        self.y = np.array([each.y_m for each in antennas])
        self.height = np.array([each.height_m for each in antennas])
        self.aim = np.array([each.aim_rad for each in antennas])
        self.offset = np.array([each.offset_db for each in antennas])
        self.seat = np.array(numbers)

    def level(
        self, a: np.ndarray, channel: np.ndarray, x: np.ndarray, y: np.ndarray, course: np.ndarray | float, tag: Tag
    ) -> np.ndarray:
        """Level of `tag` at antennas `a` (indices) on `channel`, its middle at x, y under way on `course` (rad)."""
        site = self.radio.site
        dx, dy = x - self.x[a], y - self.y[a]
        flat = np.hypot(dx, dy)
        level = self.radio.law(flat, self.height[a], tag.height_m, channel) + self.offset[a] + tag.offset_db
        off = np.angle(np.exp(1j * (np.arctan2(dy, dx) - self.aim[a])))
        level -= np.minimum(12 * (off / site.beam_rad) ** 2, site.back_lobe_db)
        if tag.block_db > 0:
            level -= tag.block_db * _turned_away(tag, course, dx, dy, flat)
        level -= self.walls(x, y)
        return level + self.radio.fading(self.seat[a], channel, x, y, tag.number)

    def walls(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of what stands in a truck: its walls at another door; at the own one a gain that grows with depth."""
        inside = np.clip((y - TRUCK_FROM_M) / 0.5, 0.0, 1.0)
        other = np.abs(x - self.door_x_m) > TRUCK_HALF_M + 0.3
        guided = np.clip(y / _TRUCK_LENGTH_M, 0.0, 1.0) * self.radio.site.truck_guide_db
        return inside * np.where(other, self.radio.site.truck_wall_db, -guided)


def _turned_away(tag: Tag, course: np.ndarray | float, dx: np.ndarray, dy: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """0 when the tag faces the antenna, 1 when the goods stand between."""
    across, along = tag.normal
    cos, sin = np.cos(course), np.sin(course)
    nx, ny = along * cos + across * sin, along * sin - across * cos
    facing = -(nx * dx + ny * dy) / np.maximum(flat, _NEAREST_M)
    return np.clip(0.5 - 0.8 * facing, 0.0, 1.0)


def _landscape(rng: np.random.Generator, length_m: float) -> np.ndarray:
    """Gaussian noise of sd 1 that hangs together over `length_m`, periodic."""
    noise = np.fft.rfft2(rng.standard_normal((_SIZE, _SIZE)))
    fy, fx = np.fft.fftfreq(_SIZE, _CELL_M)[:, None], np.fft.rfftfreq(_SIZE, _CELL_M)[None, :]
    # White noise smoothed by a Gaussian of s correlates to 1/e over 2 s.
    smooth = np.exp(-2 * (np.pi * length_m / 2) ** 2 * (fx**2 + fy**2))
    land = np.fft.irfft2(noise * smooth, (_SIZE, _SIZE))
    return (land / land.std()).astype(np.float32)


def _spline_levels(site: Site, rng: np.random.Generator) -> np.ndarray:
    """Levels at the knots of the third law: falling, but in steps as in a hall full of steel."""
    falls = rng.uniform(0.2, 1.8, 7)
    falls *= 1.0 / falls.sum()
    top = site.level_1m_dbm - site.slope_db * 0.5
    span = -site.slope_db * float(np.log10(30.0 / _NEAREST_M))
    return top - span * np.concatenate(([0.0], np.cumsum(falls)))
