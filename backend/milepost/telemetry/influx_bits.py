"""The field `bits` of every point of ours in an InfluxDB: one whole number for all that is small. Pure.

| bits | what |
|---|---|
| 0-6 | which values of a fix are known, one each |
| 7-8 | its clock, an index into CLOCKS |
| 9-16 | source of a fix, 0 … 255 as on the wire |
| 17, 18 | its satellites, its HDOP do not fit here: they have a field of their own |
| 19-26 | satellites, 0 … 255 |
| 27-36 | HDOP in tenths, 0 … 102.3 |
| 37-38 | state: GOOD, QUARANTINED or MOVED |

The server spends as long on a field as on any other, however little is in it; so none of these is a field of its own.
The state lies above all else, so that a comparison of numbers tells it: a good point is `bits < 137438953472`, whatever
else it says.
"""

import numpy as np

from milepost.telemetry.model import CLOCKS

GOOD, QUARANTINED, MOVED = 0, 1, 2  # states; MOVED: the same record lies at another time now
LAT, LON, ALT, SPEED, COURSE, SATS, HDOP = (1 << n for n in range(7))
ALL_KNOWN = 127
MOST_SOURCE = 255
SATS_APART, HDOP_APART = 1 << 17, 1 << 18

_CLOCK_SHIFT, _SOURCE_SHIFT, _SATS_SHIFT, _HDOP_SHIFT, _STATE_SHIFT = 7, 9, 19, 27, 37
_CLOCK_MASK, _SATS_MASK, _HDOP_MASK, _STATE_MASK = 3, 255, 1023, 3
_CLOCK_BITS = {name: number << _CLOCK_SHIFT for number, name in enumerate(CLOCKS)}


def bits_of(known: int, clock: str, source: int = 0, state: int = GOOD) -> int:
    """The number. `known`: sum of LAT … HDOP; `clock`: one of CLOCKS; `source`: 0 … 255; `state`: one of the three.

    Raises ValueError for a source beyond that: it would say something else of the state.
    """
    if not 0 <= source <= MOST_SOURCE:
        raise ValueError(f"source {source!r} of a fix: give one of 0 … {MOST_SOURCE}, as the wire has it")
    return known | _CLOCK_BITS[clock] | source << _SOURCE_SHIFT | state << _STATE_SHIFT


def receiver_bits(sats: int | None, hdop: float | None) -> int:
    """What a receiver says of itself, to be added to the number: SATS and HDOP where they are known, and what they are,
    or SATS_APART and HDOP_APART where there is no room for it. `hdop`: finite."""
    bits = 0
    if sats is not None:
        bits |= SATS | (sats << _SATS_SHIFT if 0 <= sats <= _SATS_MASK else SATS_APART)
    if hdop is not None:
        fits = 0 <= hdop <= _HDOP_MASK / 10 and round(hdop * 10) / 10 == hdop
        bits |= HDOP | (round(hdop * 10) << _HDOP_SHIFT if fits else HDOP_APART)
    return bits


def sats_of(bits: int, apart: int | None) -> int | None:
    """Satellites of a fix, None where unknown. `apart`: its field, which may hold what was true before."""
    if not bits & SATS:
        return None
    return apart if bits & SATS_APART else bits >> _SATS_SHIFT & _SATS_MASK


def hdop_of(bits: int, apart: float | None) -> float | None:
    """HDOP of a fix, None where unknown. `apart`: its field, which may hold what was true before."""
    if not bits & HDOP:
        return None
    return apart if bits & HDOP_APART else (bits >> _HDOP_SHIFT & _HDOP_MASK) / 10


def clock_of(bits: int) -> str:
    """One of CLOCKS."""
    return CLOCKS[bits >> _CLOCK_SHIFT & _CLOCK_MASK]


def clocks_of(bits: np.ndarray) -> np.ndarray:
    """The clock of each of some numbers (int64), as an index into CLOCKS."""
    return (bits >> _CLOCK_SHIFT & _CLOCK_MASK).astype(np.uint8)


def source_of(bits: int) -> int:
    """The source of a fix."""
    return bits >> _SOURCE_SHIFT & MOST_SOURCE


def state_of(bits: int) -> int:
    """GOOD, QUARANTINED or MOVED."""
    return bits >> _STATE_SHIFT & _STATE_MASK


def in_state(state: int | None) -> str:
    """The condition of InfluxQL that points are in one state; None: that they are not moved."""
    first, last = (GOOD, QUARANTINED) if state is None else (state, state)
    above = f"bits >= {first << _STATE_SHIFT} AND " if first else ""
    return f"{above}bits < {last + 1 << _STATE_SHIFT}"
