"""Single fixes of a way in pages: everything that was received, in one order over all its devices."""

import math
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from milepost.errors import Invalid
from milepost.telemetry.instants import written_one
from milepost.telemetry.model import FixBody, Judged, TelemetryStore, reading_id
from milepost.telemetry.ways import Span

_Key = tuple[int, str, int, int]  # at, device, stream, seq


def page_of(
    store: TelemetryStore, spans: Sequence[Span], after: str, limit: int
) -> tuple[Callable[[ZoneInfo | None], list[dict[str, Any]]], str | None]:
    """The next `limit` fixes behind the cursor `after` ("" begins): what writes them in a zone, and the next cursor.

    Raises Invalid for a cursor that is none.
    """
    behind = _key_of(after) if after else None
    found = list(islice(_fixes(store, spans, behind, limit + 1), limit + 1))
    page = found[:limit]
    cursor = "/".join(map(str, _key(page[-1]))) if len(found) > limit else None
    return lambda zone: [plain(each, zone) for each in page], cursor


def _fixes(store: TelemetryStore, spans: Sequence[Span], behind: _Key | None, at_once: int) -> Iterator[Judged]:
    """All fixes of the spans behind a key, by key."""
    return merge(*(_of_span(store, span, behind, at_once) for span in spans), key=_key)


def _of_span(store: TelemetryStore, span: Span, behind: _Key | None, at_once: int) -> Iterator[Judged]:
    device, start, end = span
    cursor: str | None = ""
    while cursor is not None:
        first = start if behind is None else max(start, behind[0])
        page, cursor = store.judged(device, first, end, kind="fix", limit=at_once, after=cursor)
        yield from (each for each in page if behind is None or _key(each) > behind)


def plain(judged: Judged, zone: ZoneInfo | None) -> dict[str, Any]:
    """A fix as JSON values."""
    reading, body = judged.reading, judged.reading.body
    assert isinstance(body, FixBody)
    values = {
        "lat": round(body.lat, 6),
        "lon": round(body.lon, 6),
        "alt_m": body.alt_m,
        "speed_mps": body.speed_mps,
        "course_deg": body.course_deg,
        "hdop": body.hdop,
    }
    return {
        "id": reading_id(reading),
        "at": written_one(reading.at, zone),
        **{name: value if value is not None and math.isfinite(value) else None for name, value in values.items()},
        "sats": body.sats,
        "clock": reading.clock,
        "received_at": written_one(reading.received_at, zone),
        "quality": judged.reason,
    }


def _key(judged: Judged) -> _Key:
    reading = judged.reading
    return reading.at, reading.device, reading.stream, reading.seq


def _key_of(text: str) -> _Key:
    try:
        at, device, stream, seq = text.split("/")
        return int(at), device, int(stream), int(seq)
    except ValueError:
        raise Invalid(f"after: {text!r} is no cursor; pass `next` of the last page as it came") from None
