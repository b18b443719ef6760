"""How much of an antenna's wave reaches a tag: rays, scattered waves, goods, machines and trucks in the way.

Everything is "one way" in dB against a tag one metre before the antenna's axis. What comes back takes the same way
twice, so a level read falls by twice that.
"""

import math
from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.otherdock.cast import Tag, Thing
from milepost_tools.sim.otherdock.site import TRUCK_HALF_M, Antenna, Door, Radio
from milepost_tools.sim.otherdock.world import Visit

_WAVES = 7


@dataclass(frozen=True, slots=True)
class Scatter:
    """Plane waves that the hall throws about before one antenna: direction, phase, detour (m), slow turning (rad/s)."""

    kx: np.ndarray
    ky: np.ndarray
    phase: np.ndarray
    detour_m: np.ndarray
    turning: np.ndarray


def draw_scatter(rng: np.random.Generator) -> Scatter:
    """Waves of one antenna. Most are steady; what moves in the hall turns one or two of them slowly."""
    angle = rng.uniform(0, 2 * math.pi, _WAVES)
    turning = np.where(rng.random(_WAVES) < 0.25, rng.normal(0, 0.3, _WAVES), 0.0)
    return Scatter(
        np.cos(angle), np.sin(angle), rng.uniform(0, 2 * math.pi, _WAVES), rng.uniform(4, 40, _WAVES), turning
    )


def one_way_db(
    radio: Radio, door: Door, antenna: Antenna, scatter: Scatter, thing: Thing, tag: Tag, visits: list[Visit],
    t: np.ndarray, k: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """What reaches one tag from one antenna at times `t`; `k` is the wave number on the channel of each time (rad/m).

    Minus infinity while the thing is not there.
    """
    x, y, hx, hy = thing.track.at(t)
    px, py = x + tag.ahead_m * hx - tag.aside_m * hy, y + tag.ahead_m * hy + tag.aside_m * hx
    ax, ay, az = antenna.place
    dx, dy, dz = px - ax, py - ay, tag.z_m - az
    flat2 = dx * dx + dy * dy
    d = np.sqrt(flat2 + dz * dz)
    inside = (py > 0.3) & (np.abs(px - door.x_m) < TRUCK_HALF_M)
    beyond = py > 0.0
    # In the truck a wave spreads until it fills the body, which then guides it and takes some of it for each metre.
    mouth = np.where(inside, np.minimum(d, np.maximum(d - py, radio.fills_m)), d)
    level = -radio.spread_db * np.log10(np.maximum(mouth, 0.3)) - radio.guide_db_m * np.where(inside, py, 0.0)
    level -= radio.clutter_db_m * np.maximum(mouth - 3.0, 0.0)
    # Rays: the floor's image; in the truck the images in its two side walls.
    floor_d = np.sqrt(flat2 + (tag.z_m + az) ** 2)
    sum_ = 1.0 + 0.0j - radio.floor * np.exp(-1j * k * (floor_d - d)) * np.sqrt(d / floor_d)
    for wall in (-1, 1):
        image = 2 * (door.x_m + wall * TRUCK_HALF_M) - ax
        wall_d = np.sqrt((px - image) ** 2 + dy * dy + dz * dz)
        sum_ -= np.where(inside, radio.steel, 0.0) * np.exp(-1j * k * (wall_d - d)) * np.sqrt(d / wall_d)
    share = radio.scatter / math.sqrt(_WAVES)
    for n in range(_WAVES):
        turn = k * (px * scatter.kx[n] + py * scatter.ky[n] - d + scatter.detour_m[n])
        sum_ += share * np.exp(1j * (turn + scatter.phase[n] + scatter.turning[n] * (t % 86_400)))
    level += 20 * np.log10(np.maximum(np.abs(sum_), 0.05))
    # The antenna's beam.
    bx, by, bz = antenna.axis
    cosine = np.clip((dx * bx + dy * by + dz * bz) / d, -1, 1)
    level -= np.minimum(3.0 * (np.degrees(np.arccos(cosine)) / radio.beam_half_deg) ** 2, radio.back_db)
    # The tag's dipole, and the goods behind it when it looks away.
    fx, fy = math.cos(tag.face_rad), math.sin(tag.face_rad)
    nx, ny = hx * fx - hy * fy, hy * fx + hx * fy
    along = np.abs((-ny * dx + nx * dy) / d) if tag.lying else np.abs(dz / d)
    level += 10 * np.log10(radio.dipole_floor + (1 - radio.dipole_floor) * (1 - along**2))
    facing = -(nx * dx + ny * dy) / d
    level -= tag.block_db * np.clip(-1.5 * facing, 0, 1)
    # A machine stands right behind its load.
    behind = np.clip((hx * dx + hy * dy) / d, 0, 1)
    for start, end in thing.carried:
        level -= np.where((t >= start) & (t <= end), radio.mast_db * behind, 0.0)
    level -= radio.wall_db * _walls(antenna, np.abs(px - door.x_m) < 1.4, beyond)
    if thing.truck is not None:  # what was set down later stands before it
        placed = np.array(visits[thing.truck].placed)
        before = np.searchsorted(placed, t, side="right") - np.searchsorted(placed, thing.set_down, side="right")
        level -= np.where(t > thing.set_down, radio.behind_db * np.clip(before, 0, 8), 0.0)
    level += antenna.gain_db
    return np.where((t >= thing.from_t) & (t <= thing.to_t), level, -np.inf)


def _walls(antenna: Antenna, own: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """How many walls of trucks and door tunnels stand between an antenna and a tag."""
    walls = np.where(beyond & ~own, 1.0, 0.0)
    if antenna.place[1] > 0.05:  # it hangs in its own door's tunnel
        walls += np.where(~own, 1.0, 0.0)
    return walls
