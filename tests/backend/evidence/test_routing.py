"""The router port: OSRM and Valhalla as they speak, and what happens when they do not (local HTTP doubles)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from milepost.errors import Invalid
from milepost.evidence.routers import Osrm, Valhalla
from milepost.evidence.routing import DETOUR, Guess, NoRoute, Stretch, router_of
from milepost.telemetry.legs import metres

A, B, C = (31.2304, 121.4737), (31.3, 121.5), (31.4, 121.6)


@contextmanager
def served(answer: Any, status: int = 200) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that gives one answer; yields its address and what it was asked."""
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def _give(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.path, body))
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _give

        def log_message(self, format: str, *args: Any) -> None:
            """Tests speak for themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


OSRM = {
    "code": "Ok",
    "routes": [
        {
            "legs": [
                {"steps": [], "weight": 900.1, "distance": 9876.5, "summary": "", "duration": 801.2},
                {"steps": [], "weight": 1000, "distance": 15000, "summary": "", "duration": 1200},
            ],
            "weight_name": "routability",
            "weight": 1900.1,
            "distance": 24876.5,
            "duration": 2001.2,
        }
    ],
    "waypoints": [{"hint": "x", "distance": 4.1, "location": [121.4737, 31.2304], "name": ""}] * 3,
}
VALHALLA = {
    "trip": {
        "status": 0,
        "units": "kilometers",
        "legs": [
            {"summary": {"length": 9.8765, "time": 801.2}, "shape": "x"},
            {"summary": {"length": 15, "time": 1200}},
        ],
    }
}
WAY = [Stretch(9876.5, 801.2), Stretch(15000.0, 1200.0)]


def test_osrm_is_asked_longitude_first_and_answers_metres_and_seconds():
    with served(OSRM) as (url, asked):
        assert Osrm(url).route([A, B, C]) == WAY
    ((path, _),) = asked
    assert path.startswith("/route/v1/driving/121.473700,31.230400;121.500000,31.300000;121.600000,31.400000")


def test_valhalla_is_asked_for_a_truck_and_answers_kilometres():
    with served(VALHALLA) as (url, asked):
        found = Valhalla(url + "/").route([A, B, C])
    assert [round(each.distance_m, 1) for each in found] == [9876.5, 15000.0]
    assert [each.duration_s for each in found] == [801.2, 1200.0]
    ((path, body),) = asked
    assert path == "/route"
    assert json.loads(body)["costing"] == "truck"
    assert json.loads(body)["locations"][0] == {"lat": 31.2304, "lon": 121.4737}


@pytest.mark.parametrize(
    ("router", "answer", "status"),
    [
        (Osrm, {"code": "NoRoute", "message": "Impossible route between points"}, 400),
        (Osrm, {"code": "Ok", "routes": []}, 200),
        (Osrm, {"code": "Ok", "routes": [{"legs": []}]}, 200),
        (Osrm, b"<html>busy</html>", 502),
        (Valhalla, {"error_code": 442, "error": "No path could be found for input", "status_code": 400}, 400),
        (Valhalla, {"trip": {}}, 200),
    ],
)
def test_what_is_no_way_is_said(router, answer, status):
    with served(answer, status) as (url, _), pytest.raises(NoRoute):
        router(url).route([A, B, C])


def test_a_router_that_is_not_there_is_no_route():
    with pytest.raises(NoRoute, match="127"):
        Osrm("http://127.0.0.1:9").route([A, B])


def test_the_guess_lengthens_the_straight_way():
    (found,) = Guess().route([A, B])
    assert found.distance_m == pytest.approx(DETOUR * metres(*A, *B))


def test_an_address_names_the_router():
    assert router_of(None).name == "guess"
    assert router_of("osrm+http://h:5000").name == "osrm"
    assert router_of("valhalla+https://h").name == "valhalla"
    with pytest.raises(Invalid, match="osrm"):
        router_of("http://h")
