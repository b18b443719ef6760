"""What the endpoints of the history ask for and how they answer: span, zone, format, a store that may be away."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from milepost.access.deps import running
from milepost.errors import Invalid, Unavailable
from milepost.telemetry import track_text
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.spans import Asked, span_of
from milepost.telemetry.tracks import Track

_LONGEST_MS = 31 * 86_400_000
_GEOJSON = "application/geo+json"
_NO_NAME = re.compile(r"[^A-Za-z0-9-]")

TzName = Annotated[
    str | None, Query(alias="tz", max_length=64, description="IANA zone of days and of answered times; default: UTC")
]
Format = Literal["geojson", "csv"]
MaxPoints = Annotated[
    int, Query(ge=2, le=10_000_000, description="most good fixes to answer with; a large number brings every one")
]
TRACK_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "GeoJSON (RFC 7946) or CSV (RFC 4180); docs/history.md says what is in it",
        "content": {
            _GEOJSON: {
                "schema": {
                    "type": "object",
                    "required": ["type", "properties", "features"],
                    "properties": {
                        "type": {"const": "FeatureCollection"},
                        "properties": {"type": "object"},
                        "features": {"type": "array", "items": {"type": "object"}},
                    },
                }
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


def _asked(
    from_: Annotated[
        str | None, Query(alias="from", description="RFC 3339, or a day of `tz`; default: 24 h before `to`")
    ] = None,
    to: Annotated[str | None, Query(description="RFC 3339, or a day of `tz`; not included; default: now")] = None,
    tz: TzName = None,
) -> Asked:
    return span_of(from_, to, tz)


def _short(asked: Annotated[Asked, Depends(_asked)]) -> Asked:
    if asked.to_ms - asked.from_ms > _LONGEST_MS:
        raise Invalid("from must lie before to, and the two at most 31 days apart")
    return asked


def _store(request: Request) -> TelemetryStore:
    return running(request, "telemetry")


Span = Annotated[Asked, Depends(_asked)]
ShortSpan = Annotated[Asked, Depends(_short)]
Store = Annotated[TelemetryStore, Depends(_store)]


@contextmanager
def reached() -> Iterator[None]:
    """Turns a store that cannot be reached into an answer that says so (503)."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the store of readings cannot be reached ({error}); nothing is lost meanwhile, try again in a while"
        ) from None


def track_answer(track: Track, asked: Asked, format_: Format, name: str, extra: dict[str, Any]) -> StreamingResponse:
    """A track as a stream. `name`: of the file that a browser keeps; `extra`: joins the properties of the GeoJSON."""
    if format_ == "csv":
        plain = _NO_NAME.sub("_", name)[:80]  # a device id of the address may be anything
        headers = {"Content-Disposition": f'attachment; filename="{plain}.csv"'}
        return StreamingResponse(track_text.csv(track, asked.zone), media_type="text/csv", headers=headers)
    return StreamingResponse(track_text.geojson(track, asked.zone, asked.plain() | extra), media_type=_GEOJSON)
