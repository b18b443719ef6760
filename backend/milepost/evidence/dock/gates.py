"""Light gates: from edges to interruptions, and the instants at which something broke the second beam. Pure."""

from collections.abc import Iterable

import numpy as np

CHATTER_S = 0.4  # a beam that was free for less was not: a fork between load and mast, a light that trembles
JOIN_S = 6.0  # the first beam was freed no longer ago when the second is broken
STUCK_S = 60.0
SILENT_S = 600.0


def intervals(edges: Iterable[tuple[float, int, int]], side: int) -> np.ndarray:
    """When a gate was interrupted: rows of begin, end; an open one ends at infinity.

    A second interruption without a release between (a lost edge) ends the first, unless it follows within 3 s; those
    less than CHATTER_S apart are one.
    """
    found: list[tuple[float, float]] = []
    begin: float | None = None
    for t, where, state in edges:
        if where != side:
            continue
        if state == 1:
            if begin is not None and t - begin > 3.0:
                found.append((begin, t))
                begin = None
            begin = t if begin is None else begin
        elif begin is not None:
            found.append((begin, t))
            begin = None
    if begin is not None:
        found.append((begin, np.inf))
    joined: list[tuple[float, float]] = []
    for start, end in found:
        if joined and start - joined[-1][1] < CHATTER_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return np.array(joined).reshape(-1, 2)


def second_beams(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Instants at which one beam was broken while the other one was, or had been just before; sorted.

    inner, outer: interruptions as `intervals` gives them. Where one gate says nothing, every interruption of the other
    counts.
    """
    found = [
        begin for own, other in ((inner, outer), (outer, inner)) for begin in own[:, 0] if _follows(own, other, begin)
    ]
    return np.array(sorted(found))


def _follows(own: np.ndarray, other: np.ndarray, begin: float) -> bool:
    """True when the other beam was broken before and freed at most JOIN_S ago, or when its gate says nothing: stuck,
    or silent while this one was broken several times. own, other: rows of begin and end."""
    last = int(np.searchsorted(other[:, 0], begin)) - 1
    if last >= 0:
        start, end = other[last]
        if begin - min(end, begin) <= JOIN_S:
            return bool(begin - start <= STUCK_S or end > begin)
        if begin - start <= SILENT_S:
            return False
    here = int(np.searchsorted(own[:, 0], begin))
    return here > 0 and bool(begin - own[here - 1, 0] <= SILENT_S)
