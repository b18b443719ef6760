"""The field `bits` of every point of ours in an InfluxDB: one whole number for all that is small. Pure.

| bits | what |
|---|---|
| 0-6 | which values of a fix are known, one each |
| 7-8 | its clock, an index into CLOCKS |
| 9-16 | source of a fix, 0 … 255 as on the wire |
| 17-18 | its state: GOOD, QUARANTINED or MOVED |

The server spends as long on a field as on any other, however little is in it; so the state is no field of its own. It
lies above all else, so that a comparison of numbers tells it: a good point is `bits < 131072`, whatever else it says.
"""

import numpy as np

from milepost.telemetry.model import CLOCKS

GOOD, QUARANTINED, MOVED = 0, 1, 2  # states; MOVED: the same record lies at another time now
LAT, LON, ALT, SPEED, COURSE, SATS, HDOP = (1 << n for n in range(7))
ALL_KNOWN = 127
MOST_SOURCE = 255

_CLOCK_SHIFT, _SOURCE_SHIFT, _STATE_SHIFT = 7, 9, 17
_CLOCK_MASK, _STATE_MASK = 3, 3
_CLOCK_BITS = {name: number << _CLOCK_SHIFT for number, name in enumerate(CLOCKS)}


def bits_of(known: int, clock: str, source: int = 0, state: int = GOOD) -> int:
    """The number. `known`: sum of LAT … HDOP; `clock`: one of CLOCKS; `source`: 0 … 255; `state`: one of the three.

    Raises ValueError for a source beyond that: it would say something else of the state.
    """
    if not 0 <= source <= MOST_SOURCE:
        raise ValueError(f"source {source!r} of a fix: give one of 0 … {MOST_SOURCE}, as the wire has it")
    return known | _CLOCK_BITS[clock] | source << _SOURCE_SHIFT | state << _STATE_SHIFT


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
