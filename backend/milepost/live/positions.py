"""Last known positions as JSON, from memory: ten thousand of them in one answer, many times a minute.

Most rows are the same as at the last question, so each is written once and kept until the board replaces it; and where
none has changed, the whole answer is the last one.
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
        self._last: tuple[Sequence[Placed], str, int, bytes] = ((), "", 0, b"")

    def page(self, placed: Sequence[Placed], after: str, limit: int) -> bytes:
        """`{"items": [...], "next": ...}` of the vehicles behind `after`; `placed` by id of the vehicle, never changed
        once it was given here."""
        last = self._last
        if last[0] is placed and last[1:3] == (after, limit):
            return last[3]
        start = bisect_right(placed, after, key=lambda pair: pair[0][0])
        part = placed[start : start + limit]
        following = json.dumps(part[-1][0][0]) if len(placed) > start + limit else "null"
        kept, texts = self._kept, []
        for row, device in part:
            known = kept.get(row[0])
            if known is None or known[0] is not row:  # the board never changes a row, it makes a new one
                known = kept[row[0]] = (row, _text(row, device))
            texts.append(known[1])
        text = f'{{"items":[{",".join(texts)}],"next":{following}}}'.encode()
        self._last = (placed, after, limit, text)
        return text


def _text(row: Row, device: str | None) -> str:
    vehicle, lng, lat, course, speed_mps, motion, contact, at = row
    return json.dumps(
        {
            "vehicle": vehicle, "device": device, "at": to_rfc3339(at), "lat": lat, "lon": lng, "speed_mps": speed_mps,
            "course_deg": course, "contact": contact, "motion": motion,
        },
        separators=(",", ":"),
    )  # fmt: skip
