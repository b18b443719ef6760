"""Last known positions as JSON, from memory: ten thousand of them in one answer, many times a minute.

Most rows are the same as at the last question, so each is written once and kept until the board replaces it.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence

from milepost.live.state import Placed, Row
from milepost.times import to_rfc3339


class PositionTexts:
    """Writes pages of positions. May be used from any thread: a row that two write at once comes out the same."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Row, str]] = {}

    def page(self, placed: Sequence[Placed], after: str, limit: int) -> str:
        """`{"items": [...], "next": ...}` of the vehicles behind `after`; `placed` by id of the vehicle."""
        start = bisect_right(placed, after, key=lambda pair: pair[0][0])
        part = placed[start : start + limit]
        following = json.dumps(part[-1][0][0]) if len(placed) > start + limit else "null"
        return f'{{"items":[{",".join(map(self._item, part))}],"next":{following}}}'

    def _item(self, placed: Placed) -> str:
        row, device = placed
        kept = self._kept.get(row[0])
        if kept is None or kept[0] is not row:  # the board never changes a row, it makes a new one
            kept = self._kept[row[0]] = (row, _text(row, device))
        return kept[1]


def _text(row: Row, device: str | None) -> str:
    vehicle, lng, lat, course, speed_mps, motion, contact, at = row
    return json.dumps(
        {
            "vehicle": vehicle, "device": device, "at": to_rfc3339(at), "lat": lat, "lon": lng, "speed_mps": speed_mps,
            "course_deg": course, "contact": contact, "motion": motion,
        },
        separators=(",", ":"),
    )  # fmt: skip
