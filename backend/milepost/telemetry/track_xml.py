"""A track as GPX 1.1 or KML 2.2, piece by piece. Times in UTC, as both demand or expect."""

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np

from milepost.telemetry.instants import written, written_one
from milepost.telemetry.model import FixBody
from milepost.telemetry.track_text import cells
from milepost.telemetry.tracks import Track

_BLOCK = 4_000
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_POINT_EXTENSION = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"


def gpx(track: Track, name: str) -> Iterator[str]:
    """GPX 1.1: a track with a segment per unbroken piece, quarantined fixes as waypoints of type `quarantined`.

    Speed (m/s) and course (°) in the TrackPointExtension v2 that navigation programs read. `name`: of the track.
    """
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="Milepost"'
        f' xmlns="http://www.topografix.com/GPX/1/1" xmlns:tpx="{_POINT_EXTENSION}">\n'
    )
    for judged in track.quarantined:
        body = judged.reading.body
        assert isinstance(body, FixBody)
        if judged.reason != "range":
            yield (
                f'<wpt lat="{body.lat:.6f}" lon="{body.lon:.6f}"><time>{written_one(judged.reading.at, None)}</time>'
                f"<desc>{_xml(judged.reason or '')}</desc><type>quarantined</type></wpt>\n"
            )
    yield f"<trk><name>{_xml(name)}</name>\n"
    for piece in track.pieces:
        yield "<trkseg>\n"
        for start in range(0, len(piece), _BLOCK):
            yield _points(track, piece[start : start + _BLOCK])
        yield "</trkseg>\n"
    yield "</trk>\n</gpx>\n"


def _points(track: Track, part: np.ndarray) -> str:
    way = track.way
    rows = zip(
        way.lat[part].tolist(), way.lon[part].tolist(), written(way.at[part], None), cells(way.speed_mps[part]),
        cells(way.course_deg[part]), strict=True,
    )  # fmt: skip
    return "".join(
        f'<trkpt lat="{lat:.6f}" lon="{lon:.6f}"><time>{time}</time>{_motion(speed, course)}</trkpt>\n'
        for lat, lon, time, speed, course in rows
    )


def _motion(speed: str, course: str) -> str:
    told = (f"<tpx:speed>{speed}</tpx:speed>" if speed else "") + (
        f"<tpx:course>{course}</tpx:course>" if course else ""
    )
    return f"<extensions><tpx:TrackPointExtension>{told}</tpx:TrackPointExtension></extensions>" if told else ""


def kml(track: Track, name: str) -> Iterator[str]:
    """KML 2.2: a line with its time span per unbroken piece, a point per stop; coordinates are longitude, latitude."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<name>{_xml(name)}</name>\n"
    )
    way = track.way
    for number, piece in enumerate(track.pieces, 1):
        yield f"<Placemark><name>{number}</name>{_time_span(int(way.at[piece[0]]), int(way.at[piece[-1]]))}"
        yield "<LineString><tessellate>1</tessellate><coordinates>\n"
        drawn = piece if len(piece) > 1 else np.repeat(piece, 2)  # a line has two ends
        for start in range(0, len(drawn), _BLOCK):
            part = drawn[start : start + _BLOCK]
            places = zip(way.lon[part].tolist(), way.lat[part].tolist(), strict=True)
            yield "".join(f"{lon:.6f},{lat:.6f}\n" for lon, lat in places)
        yield "</coordinates></LineString></Placemark>\n"
    for stop in track.stops:
        minutes = round((stop.to_ms - stop.from_ms) / 60_000)
        yield f"<Placemark><name>{minutes} min</name>{_time_span(stop.from_ms, stop.to_ms)}"
        yield f"<Point><coordinates>{stop.lon:.6f},{stop.lat:.6f}</coordinates></Point></Placemark>\n"
    yield "</Document></kml>\n"


def _time_span(start: int, end: int) -> str:
    return f"<TimeSpan><begin>{written_one(start, None)}</begin><end>{written_one(end, None)}</end></TimeSpan>"


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
