"""Readers at work: antennas take turns, each turn is a row of inventory rounds, each round a frame of slots (Gen2).

The more tags answer, the longer a round: two in one slot destroy each other, empty slots cost little. A tag answers
when the wave wakes it; the reader hears it when enough comes back.
"""

from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.otherdock.cast import Tag, Thing
from milepost_tools.sim.otherdock.field import Scatter, draw_scatter, one_way_db
from milepost_tools.sim.otherdock.site import Door, Reader, Rounds, wave_number
from milepost_tools.sim.otherdock.world import Day

_NEAR_M = 10.0
_SOFT_DB = 0.5


@dataclass(frozen=True, slots=True)
class Reads:
    """The reads of one reader in order of time, on the site's clock; `epc` indexes `epcs`. phase_rad: None if none."""

    door: Door
    reader: Reader
    t: np.ndarray
    antenna: np.ndarray
    epc: np.ndarray
    epcs: list[str]
    rssi_dbm: np.ndarray
    channel: np.ndarray
    phase_rad: np.ndarray | None


def round_times(rounds: Rounds, tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How long a round lasts with so many tags (s), and the chance that a tag is alone in its slot.

    The frame is the power of two next to the number of tags, as a reader's Q algorithm settles.
    """
    n = np.maximum(tags, 1)
    frame = 2.0 ** np.round(np.log2(n))
    alone = (1 - 1 / np.maximum(frame, 1.0001)) ** (n - 1)
    empty = frame * (1 - 1 / np.maximum(frame, 1.0001)) ** n * (frame > 1)
    read = np.where(tags > 0, n * alone, 0.0)
    collided = np.maximum(frame - empty - read, 0.0)
    length = rounds.overhead_s + empty * rounds.empty_s + read * rounds.read_s + collided * rounds.collided_s
    return length, alone


def listen(day: Day, rng: np.random.Generator) -> list[Reads]:
    """What every reader reads on a day. rng: of the radio, so that the ways stay the same."""
    found: list[Reads] = []
    for door in day.site.doors:
        scatters = [draw_scatter(rng) for _ in door.antennas]
        heard = _candidates(day, door)
        found.extend(_inventory(day, door, reader, scatters, heard, rng) for reader in door.readers)
    return found


def _candidates(day: Day, door: Door) -> list[tuple[Thing, Tag, np.ndarray]]:
    """Tags that come near a door, with the spans (start, end) in which they are near."""
    grid = np.arange(day.start_t, day.end_t, 1.0)
    found: list[tuple[Thing, Tag, np.ndarray]] = []
    for thing in day.things:
        if not thing.tags:
            continue
        x, y, _, _ = thing.track.at(grid)
        near = (np.abs(x - door.x_m) < _NEAR_M) & (np.hypot(x - door.x_m, np.minimum(y, 0.0)) < _NEAR_M)
        near &= (grid >= thing.from_t - 1) & (grid <= thing.to_t + 1)
        if near.any():
            found.extend((thing, tag, near) for tag in thing.tags)
    return found


def _turns(day: Day, door: Door, reader: Reader, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """When each turn of an antenna starts, and whose it is. Without a truck there is a share of the turns."""
    start = np.arange(day.start_t, day.end_t - 1.0, reader.dwell_s + reader.switch_s)
    antenna = np.array(reader.antennas)[np.arange(len(start)) % len(reader.antennas)]
    busy = np.zeros(len(start), bool)
    for visit in day.visits:
        if visit.door is door:
            busy |= (start > min(visit.there_t, visit.from_t) - 5) & (start < visit.gone_t + 5)
    idle = rng.random(len(start) // 40 + 1)[np.arange(len(start)) // 40] < day.site.idle_share
    on = busy | idle
    if rng.random() < day.site.faults.outage:
        dark = rng.uniform(day.start_t, day.end_t)
        on &= (start < dark) | (start > dark + rng.uniform(15, 90))
    return start[on], antenna[on]


def _inventory(
    day: Day, door: Door, reader: Reader, scatters: list[Scatter], heard: list[tuple[Thing, Tag, np.ndarray]],
    rng: np.random.Generator,
) -> Reads:  # fmt: skip
    site, radio = day.site, day.site.radio
    start, antenna = _turns(day, door, reader, rng)
    middle = start + reader.dwell_s / 2
    order = rng.integers(0, len(site.channels_hz), int((day.end_t - day.start_t) / site.hop_s) + 2)
    channel = order[((start - day.start_t) / site.hop_s).astype(int)]
    k = wave_number(np.array(site.channels_hz))
    awake: list[tuple[int, int, np.ndarray]] = []
    present = np.zeros(len(start))
    second = np.clip((middle - day.start_t).astype(int), 0, None)
    for number, (thing, tag, near) in enumerate(heard):
        close = near[np.minimum(second, len(near) - 1)]
        for a in reader.antennas:
            turn = np.flatnonzero(close & (antenna == a))
            if not len(turn):
                continue
            level = one_way_db(
                radio, door, door.antennas[a], scatters[a], thing, tag, day.visits, middle[turn], k[channel[turn]]
            )
            margin = np.minimum(
                level + radio.spare_db - tag.wakes_db,
                radio.level_1m_dbm + 2 * level + tag.echo_db - radio.hears_dbm,
            )
            answers = rng.random(len(turn)) < 1 / (1 + np.exp(-np.clip(margin / _SOFT_DB, -30, 30)))
            if answers.any():
                awake.append((number, a, turn[answers]))
                present[turn[answers]] += 1
    length, alone = round_times(site.rounds, present)
    rounds = np.maximum(np.floor(reader.dwell_s / length + rng.random(len(start))), 1).astype(int)
    parts: list[tuple[np.ndarray, ...]] = []
    epcs = [tag.epc for _, tag, _ in heard]
    for number, a, turn in awake:
        thing, tag, _ = heard[number]
        times = rng.binomial(rounds[turn], alone[turn] * site.rounds.good)
        which = np.repeat(turn, times)
        if not len(which):
            continue
        t = np.sort(start[which] + rng.random(len(which)) * reader.dwell_s)
        level = one_way_db(radio, door, door.antennas[a], scatters[a], thing, tag, day.visits, t, k[channel[which]])
        level = np.where(np.isfinite(level), level, -20.0)
        rssi = radio.level_1m_dbm + 2 * level + tag.echo_db + rng.normal(0, radio.noise_db, len(t))
        parts.append(
            (t, np.full(len(t), a), np.full(len(t), number), rssi, channel[which], _phase(day, door, a, thing, t, rng))
        )
    if not parts:
        empty = np.zeros(0)
        return Reads(door, reader, empty, empty.astype(int), empty.astype(int), epcs, empty, empty.astype(int), None)
    t, ant, epc, rssi, chan, phase = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    keep = np.argsort(t, kind="stable")
    keep = keep[_not_silent(t[keep], epc[keep], site.rounds.persistence_s)]
    rssi = np.round(rssi / radio.step_db) * radio.step_db
    phases = None if site.phase_sd is None else (phase[keep] + np.pi * chan[keep] * 0.37) % np.pi
    return Reads(door, reader, t[keep], ant[keep], epc[keep], epcs, rssi[keep], chan[keep], phases)


def _phase(
    day: Day, door: Door, antenna: int, thing: Thing, t: np.ndarray, rng: np.random.Generator
) -> np.ndarray:  # fmt: skip
    """Radians of the way there and back, with noise, on the middle channel."""
    if day.site.phase_sd is None:
        return np.zeros(len(t))
    x, y, _, _ = thing.track.at(t)
    ax, ay, az = door.antennas[antenna].place
    d = np.sqrt((x - ax) ** 2 + (y - ay) ** 2 + (1.0 - az) ** 2)
    k = wave_number(np.array(day.site.channels_hz)).mean()
    return (2 * k * d + rng.normal(0, day.site.phase_sd, len(t))) % np.pi


def _not_silent(t: np.ndarray, epc: np.ndarray, silent_s: float) -> np.ndarray:
    """Which reads are left when a tag stays silent for some time after each (session S1)."""
    if silent_s <= 0:
        return np.arange(len(t))
    until: dict[int, float] = {}
    kept: list[int] = []
    for index, (when, code) in enumerate(zip(t.tolist(), epc.tolist(), strict=True)):
        if when >= until.get(code, 0.0):
            until[code] = when + silent_s
            kept.append(index)
    return np.array(kept, int)
