"""Bench `query`: what the service answers, and how fast, over real HTTP from a process of its own.

10,000 vehicles with a last position each, one of them with thirty days at 1 Hz (2.6 million fixes). Wall-clock times
of a client on the same machine, connection kept, body read to its end.
"""

import json
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from milepost.times import now_ms, to_rfc3339
from milepost_tools.bench import query_data
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.house import House
from milepost_tools.demo.client import Client, at

_TRUCKS = 10_000
_DAYS = 30
_ASKED = 100
_ROUNDS = 5
_HOUR_MS = 3_600_000
_EVERY_ONE = 10_000_000


def timed(http: httpx.Client, path: str, **query: Any) -> tuple[float, float, bytes]:
    """One GET: ms to the first byte of the body, ms to the last one, and the body. Raises httpx.HTTPError."""
    start = time.perf_counter()
    with http.stream("GET", f"/api/v1{path}", params=query, timeout=timedelta(minutes=1).total_seconds()) as answer:
        answer.raise_for_status()
        pieces, first = [], 0.0
        for piece in answer.iter_raw():
            first = first or time.perf_counter() - start
            pieces.append(piece)
    return first * 1000, (time.perf_counter() - start) * 1000, b"".join(pieces)


def _positions(http: httpx.Client, trucks: int, asked: int) -> list[float]:
    """ms of each whole answer, after checking that one has everybody in it."""
    _, _, body = timed(http, "/positions", limit=trucks)
    found = len(json.loads(body)["items"])
    if found != trucks:
        raise AssertionError(f"{found} of {trucks} vehicles have a position")
    return [timed(http, "/positions", limit=trucks)[1] for _ in range(asked)]


def _tracks(http: httpx.Client, vehicle: str, end_ms: int, days: int, rounds: int) -> dict[str, float]:
    """Medians of asking for the last day, all of it and simplified, and for all days."""
    path, to = f"/vehicles/{vehicle}/track", to_rfc3339(end_ms)
    day = {"from": to_rfc3339(end_ms - query_data.DAY_S * 1000), "to": to}
    month = {"from": to_rfc3339(end_ms - days * query_data.DAY_S * 1000), "to": to}
    _, _, body = timed(http, path, **day, max_points=_EVERY_ONE)
    points = json.loads(body)["properties"]["points"]
    if points != query_data.DAY_S:
        raise AssertionError(f"the day has {points} good fixes, not {query_data.DAY_S}")
    return {
        "day_first_byte_ms": statistics.median(
            timed(http, path, **day, max_points=_EVERY_ONE)[0] for _ in range(rounds)
        ),
        "day_simplified_ms": statistics.median(timed(http, path, **day)[1] for _ in range(rounds)),
        "month_simplified_ms": statistics.median(timed(http, path, **month)[1] for _ in range(rounds)),
    }


def measure(trucks: int = _TRUCKS, days: int = _DAYS, asked: int = _ASKED, rounds: int = _ROUNDS) -> dict[str, float]:
    """Build the data, run the service on it, ask, end it, start it again and ask once more."""
    folder = Path(tempfile.mkdtemp(prefix="milepost-bench-"))
    house = House(folder)
    try:
        house.register(trucks)
        end_ms = now_ms() // _HOUR_MS * _HOUR_MS
        found = {"bytes_per_fix": query_data.fill(house.data / "telemetry.db", trucks, days, end_ms)}
        house.start()
        with closing(_signed_in(house)) as http:
            times = sorted(_positions(http, trucks, asked))
            found["last_10k_vehicles_p99_ms"] = times[round(0.99 * (len(times) - 1))]
            found["last_10k_vehicles_median_ms"] = statistics.median(times)
            found |= _tracks(http, _vehicle(http), end_ms, days, rounds)
            token = http.headers["Authorization"]
        house.end()
        start = time.perf_counter()
        house.start()
        with closing(at(house.url)) as http:
            http.headers["Authorization"] = token
            found["restarted_ms"] = (time.perf_counter() - start) * 1000
            start = time.perf_counter()
            _positions(http, trucks, 0)
            found["first_positions_ms"] = (time.perf_counter() - start) * 1000
        return found
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _signed_in(house: House) -> httpx.Client:
    http = at(house.url)
    Client(http, fleet.LOGIN, fleet.PASSWORD)
    return http


def _vehicle(http: httpx.Client) -> str:
    """The vehicle of truck 0."""
    bindings = http.get("/api/v1/bindings", params={"device": fleet.name(0)}).raise_for_status().json()
    return bindings[0]["target_id"]


def run() -> list[dict]:
    """Measure everything."""
    units = {"bytes_per_fix": "B"}
    return [
        {"metric": name, "value": round(value, 1), "unit": units.get(name, "ms"), "baseline": None}
        for name, value in measure().items()
    ]
