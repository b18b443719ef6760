"""Readings as flat rows, for tables that leave the house and come back: one form for CSV and Parquet."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from milepost.errors import Invalid
from milepost.ingest.completeness_account import Account
from milepost.ingest.reading import Body, EventBody, FixBody, GateBody, HealthBody, Reading, TagBody
from milepost.telemetry.model import CLOCKS, Judged, TelemetryStore
from milepost.telemetry.tracks import Track
from milepost.telemetry.ways import Span

# Columns and their kinds: int (64 bits), float, text, time (UTC ms).
READING_COLUMNS = {
    "device": "text", "stream": "int", "seq": "int", "kind": "text", "at": "time", "clock": "text",
    "received_at": "time", "quality": "text", "lat": "float", "lon": "float", "alt_m": "float", "speed_mps": "float",
    "course_deg": "float", "sats": "int", "hdop": "float", "source": "int", "body": "text",
}  # fmt: skip
_COUNTS = ("received", "missing", "dropped", "late", "unreadable", "pending")
HOUR_COLUMNS = {"device": "text", "hour": "time", **dict.fromkeys(_COUNTS, "int"), "verdict": "text"}
TRACK_COLUMNS = {
    "at": "time", "lat": "float", "lon": "float", "speed_mps": "float", "course_deg": "float", "clock": "text",
    "device": "text", "piece": "int", "quality": "text",
}  # fmt: skip
_FIX = ("lat", "lon", "alt_m", "speed_mps", "course_deg", "sats", "hdop", "source")
_BODIES: dict[str, type[Body]] = {"tag": TagBody, "gate": GateBody, "event": EventBody, "health": HealthBody}
_PAGE = 20_000
_LARGEST = 2**30 - 1  # of numbers on the wire (docs/wire.md)
_MOST_SOURCE = 255  # docs/wire.md, Fix
_MOST_DEG = 1_073.0  # 2^30 millionths of a degree

Row = dict[str, Any]


def of_readings(store: TelemetryStore, spans: Sequence[Span], kind: str | None) -> Iterator[list[Row]]:
    """All readings of some spans in pages, span by span, each by time. `kind`: only that one (None: all)."""
    for device, start, end in spans:
        cursor: str | None = ""
        while cursor is not None:
            page, cursor = store.judged(device, start, end, kind=kind, limit=_PAGE, after=cursor)
            yield [to_row(each) for each in page]


def to_row(judged: Judged) -> Row:
    """A reading as values of READING_COLUMNS; what has no value is None."""
    reading, body = judged.reading, judged.reading.body
    row: Row = dict.fromkeys(READING_COLUMNS)
    row |= {name: getattr(reading, name) for name in ("device", "stream", "seq", "kind", "at", "clock", "received_at")}
    row["quality"] = judged.reason
    if isinstance(body, FixBody):
        row |= {name: _finite(getattr(body, name)) for name in _FIX}
    else:
        row["body"] = json.dumps(asdict(body), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return row


def from_row(row: Mapping[str, Any]) -> Judged:
    """The reading of a row. Raises Invalid where it is none."""
    try:
        if row["clock"] not in CLOCKS:
            raise ValueError(f"clock {row['clock']!r}")
        if row["kind"] == "fix":
            values = {name: row[name] for name in _FIX}
            for name in ("lat", "lon"):
                values[name] = math.nan if values[name] is None else values[name]
            body: Body = FixBody(**values)
        else:
            body = _BODIES[row["kind"]](**json.loads(row["body"]))
        names = ("device", "stream", "seq", "kind", "at", "clock", "received_at")
        if any(row[name] is None for name in names):
            raise ValueError("an empty cell where there must be a value")
        if not (0 < row["stream"] <= _LARGEST and 0 <= row["seq"] <= _LARGEST):
            raise ValueError("stream or seq lies outside of what devices count to")
        if isinstance(body, FixBody) and max(abs(body.lat), abs(body.lon)) > _MOST_DEG:
            raise ValueError(f"no receiver says {body.lat}, {body.lon}")
        if isinstance(body, FixBody) and not 0 <= body.source <= _MOST_SOURCE:
            raise ValueError(f"source {body.source} lies outside 0 … {_MOST_SOURCE}")
        return Judged(Reading(**{name: row[name] for name in names}, body=body), row["quality"])
    except (KeyError, TypeError, ValueError) as error:
        where = "/".join(str(row.get(name)) for name in ("device", "stream", "seq"))
        raise Invalid(f"reading {where}: {error}; use a file that `milepost export readings` made") from None


def of_account(account: Account) -> list[Row]:
    """Completeness by the hour as rows."""
    return [
        {"device": account.device, "hour": hour, "verdict": each.verdict}
        | {name: getattr(each, name) for name in _COUNTS}
        for hour, each in sorted(account.hours.items())
    ]


def of_track(track: Track) -> Iterator[list[Row]]:
    """Drawn and quarantined fixes of a track as rows: the good ones by time, then the others."""
    way = track.way
    for number, piece in enumerate(track.pieces, 1):
        for start in range(0, len(piece), _PAGE):
            part = piece[start : start + _PAGE]
            columns = (way.at[part], way.lat[part], way.lon[part], way.speed_mps[part], way.course_deg[part])
            rows = zip(*(column.tolist() for column in columns), way.clock[part].tolist(), way.device[part].tolist(),
                       strict=True)  # fmt: skip
            yield [
                {
                    "at": at, "lat": lat, "lon": lon, "speed_mps": _finite(speed), "course_deg": _finite(course),
                    "clock": CLOCKS[clock], "device": way.devices[device], "piece": number, "quality": None,
                }
                for at, lat, lon, speed, course, clock, device in rows
            ]  # fmt: skip
    if track.quarantined:
        names = ("at", "lat", "lon", "speed_mps", "course_deg", "clock", "device", "quality")
        rows_bad = [to_row(each) for each in track.quarantined]
        yield [{**{name: row[name] for name in names}, "piece": None} for row in rows_bad]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
