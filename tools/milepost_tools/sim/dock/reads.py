"""What the readers hear: who answers when, how loud, and with which phase.

Two models of reading: `share` gives each tag in the field its part of a total rate that grows with the crowd and
lets louder tags win; `rounds` reads every tag of the field at most once in an inventory round whose length grows with
the crowd. Both are seen as rates per step, and reads fall at random within them.
"""

from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.dock.motion import STEP_S, Leg, legs
from milepost_tools.sim.dock.radio import Aerials, Radio
from milepost_tools.sim.dock.ranges import draw
from milepost_tools.sim.dock.site import Door, Reader, Site
from milepost_tools.sim.dock.world import Tag

_FAR_M = 14.0
_C_MPS = 299_792_458.0
_SILENT = 1e-3  # chances below this are none


@dataclass(slots=True)
class Heard:
    """Reads of one reader, sorted by true time. tag: index into the world's tags; ant: index into the reader's."""

    t_s: np.ndarray
    tag: np.ndarray
    ant: np.ndarray
    channel: np.ndarray
    rssi_dbm: np.ndarray
    phase_rad: np.ndarray | None


@dataclass(slots=True)
class _Part:
    """One tag over one leg: the chance to answer (times its weight) per step, or a table over antenna and channel."""

    tag: int
    leg: Leg
    chance: np.ndarray
    level: np.ndarray
    shadow_db: float


def hear(
    site: Site, radio: Radio, door: Door, reader: Reader, tags: list[Tag], start_s: float, on: np.ndarray,
    busy: np.ndarray, rng: np.random.Generator,
) -> Heard:  # fmt: skip
    """All reads of a reader. on: steps at which it transmits; busy: steps with a load between its antennas."""
    steps = len(on)
    aerials = radio.table(reader.antennas, door.index)
    ant = (np.arange(steps) // reader.dwell_steps + int(rng.integers(0, 16))) % len(reader.antennas)
    hops = np.arange(steps) * STEP_S // site.hop_period_s
    channel = rng.integers(0, len(site.channels_hz), int(hops[-1]) + 1)[hops.astype(int)]
    parts = [
        part
        for n, tag in enumerate(tags)
        if not tag.dead
        for part in _parts(site, aerials, n, tag, start_s, steps, ant, channel, rng)
    ]
    weight, crowd = np.zeros(steps), np.zeros(steps)
    for part in parts:
        chance, level = _steps(site, part, ant, channel, busy)
        span = slice(part.leg.first, part.leg.last)
        crowd[span] += chance
        weight[span] += chance * _loudness(reader, level)
    rate = _rate(reader, crowd) * on * (1 - reader.switch)
    each = np.where(weight > 0, rate * STEP_S / np.maximum(weight, 1e-9), 0.0)
    found = [_reads(site, reader, part, each, ant, channel, busy, start_s, rng) for part in parts]
    return _joined(site, reader, door, aerials, tags, found, ant, channel, rng)


def _parts(
    site: Site, aerials: Aerials, number: int, tag: Tag, start_s: float, steps: int, ant: np.ndarray,
    channel: np.ndarray, rng: np.random.Generator,
) -> list[_Part]:  # fmt: skip
    found: list[_Part] = []
    count = len(aerials.x)
    hops = len(site.channels_hz)
    shadow_db = draw(rng, "shadow_db")
    for leg in legs(tag.way, start_s, steps):
        if np.min(np.abs(leg.x - aerials.door_x_m)) > _FAR_M or np.min(leg.y) > _FAR_M or np.max(leg.y) < -_FAR_M:
            continue
        x, y = _seat(tag, leg)
        if leg.stands:
            a, c = np.divmod(np.arange(count * hops), hops)
            level = aerials.level(a, c, np.repeat(x, a.size), np.repeat(y, a.size), leg.course, tag)
        else:
            span = slice(leg.first, leg.last)
            level = aerials.level(ant[span], channel[span], x, y, leg.course, tag)
        chance = _chance(site, level)
        if chance.max() < _SILENT * 10:
            continue
        found.append(_Part(number, leg, chance.astype(np.float32), level.astype(np.float32), shadow_db))
    return found


def _seat(tag: Tag, leg: Leg) -> tuple[np.ndarray, np.ndarray]:
    """Where the tag itself is while its carrier's middle is on the leg."""
    cos, sin = np.cos(leg.course), np.sin(leg.course)
    return leg.x + tag.dy_m * cos + tag.dx_m * sin, leg.y + tag.dy_m * sin - tag.dx_m * cos


def _chance(site: Site, level: np.ndarray) -> np.ndarray:
    chance = 1 / (1 + np.exp(-(level - site.threshold_dbm) / site.threshold_soft_db))
    return np.where(chance < _SILENT, 0.0, chance)


def _steps(
    site: Site, part: _Part, ant: np.ndarray, channel: np.ndarray, busy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chance and level of a part at each of its steps."""
    if not part.leg.stands:
        return part.chance, part.level
    span = slice(part.leg.first, part.leg.last)
    cell = ant[span] * len(site.channels_hz) + channel[span]
    chance, level = part.chance[cell], part.level[cell]
    blocked = busy[span]
    if part.shadow_db > 1 and blocked.any():
        dim = part.level - part.shadow_db
        level = np.where(blocked, dim[cell], level)
        chance = np.where(blocked, _chance(site, dim)[cell], chance)
    return chance, level


def _loudness(reader: Reader, level: np.ndarray) -> np.ndarray:
    """How much a loud tag wins over a faint one."""
    if reader.model == "rounds" or reader.capture == 0:
        return np.ones_like(level)
    return np.power(10.0, reader.capture * (level + 60.0) / 20)


def _rate(reader: Reader, crowd: np.ndarray) -> np.ndarray:
    """Reads per second with so many tags in the field."""
    if reader.model == "rounds":
        return 0.9 * crowd / (reader.round_base_s + crowd * reader.round_tag_s)
    grown = 1 + reader.crowd_gain * (1 - np.exp(-np.maximum(crowd - 1, 0) / 12))
    return reader.rate_hz * grown * np.minimum(crowd, 1.0) / (1 + np.maximum(crowd - 200, 0) / 400)


def _reads(
    site: Site, reader: Reader, part: _Part, each: np.ndarray, ant: np.ndarray, channel: np.ndarray,
    busy: np.ndarray, start_s: float, rng: np.random.Generator,
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(tag, true times, steps, levels) of a part's reads."""
    chance, level = _steps(site, part, ant, channel, busy)
    total = np.cumsum(chance * _loudness(reader, level) * each[part.leg.first : part.leg.last])
    count = int(rng.poisson(total[-1]))
    step = np.searchsorted(total, np.sort(rng.random(count)) * total[-1])
    step = np.minimum(step, len(total) - 1)
    t_s = start_s + (part.leg.first + step + rng.random(count)) * STEP_S
    return part.tag, t_s, part.leg.first + step, level[step]


def _joined(
    site: Site, reader: Reader, door: Door, aerials: Aerials, tags: list[Tag],
    found: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]], ant: np.ndarray, channel: np.ndarray,
    rng: np.random.Generator,
) -> Heard:  # fmt: skip
    """All parts in one log by time, thinned as the site's session and filter do, with noise and phase."""
    tag = np.concatenate([np.full(len(t), n, dtype=np.int32) for n, t, _, _ in found] or [np.zeros(0, np.int32)])
    t_s = np.concatenate([t for _, t, _, _ in found] or [np.zeros(0)])
    step = np.concatenate([each for _, _, each, _ in found] or [np.zeros(0, np.int64)])
    level = np.concatenate([each for _, _, _, each in found] or [np.zeros(0)])
    order = np.argsort(t_s, kind="stable")
    tag, t_s, step, level = tag[order], t_s[order], step[order].astype(np.int64), level[order]
    a = ant[step]
    if site.persistence_s:
        keep = _spaced(t_s, tag, site.persistence_s)
    elif site.report_hold_s:
        keep = _spaced(t_s, tag * 16 + a, site.report_hold_s)
    else:
        keep = np.ones(len(t_s), dtype=bool)
    tag, t_s, step, level, a = tag[keep], t_s[keep], step[keep], level[keep], a[keep]
    rssi = level + rng.normal(0, site.noise_sd_db, len(level))
    rssi = np.round(rssi / site.step_db) * site.step_db
    phase = None
    if site.phase_sd_rad is not None:
        phase = _phases(site, aerials, door, tags, t_s, tag, a, channel[step])
        phase = np.mod(phase + rng.normal(0, site.phase_sd_rad, len(phase)), np.pi)
    return Heard(t_s, tag, a, channel[step], rssi, phase)


def _spaced(t_s: np.ndarray, key: np.ndarray, gap_s: float) -> np.ndarray:
    """True for reads at least gap_s behind the last kept one of the same key. t_s sorted."""
    keep = np.zeros(len(t_s), dtype=bool)
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.diff(key[order])) + 1
    for group in np.split(order, edges):
        times = t_s[group]
        n = 0
        while n < len(times):
            keep[group[n]] = True
            n = int(np.searchsorted(times, times[n] + gap_s))
    return keep


def _phases(
    site: Site, aerials: Aerials, door: Door, tags: list[Tag], t_s: np.ndarray, tag: np.ndarray, ant: np.ndarray,
    channel: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Phase of the way there and back, before noise, rad."""
    turn = 4 * np.pi * np.asarray(site.channels_hz)[channel] / _C_MPS
    phase = np.zeros(len(t_s))
    for n in np.unique(tag):
        mine = tag == n
        x, y = tags[n].way.place(t_s[mine])
        a = ant[mine]
        d = np.sqrt((x - aerials.x[a]) ** 2 + (y - aerials.y[a]) ** 2 + (tags[n].height_m - aerials.height[a]) ** 2)
        cable = 0.7 * (a + 1) + 0.4 * door.index + 0.9 * tags[n].number
        phase[mine] = -turn[mine] * d + cable
    return phase
