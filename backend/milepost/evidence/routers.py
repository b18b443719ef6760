"""Routers that are asked over HTTP: OSRM and Valhalla."""

from collections.abc import Sequence
from typing import Any

import httpx

from milepost.evidence.routing import NoRoute, Place, Stretch

TIMEOUT_S = 3.0


class _Http:
    sure = True

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=TIMEOUT_S)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, self._url + path, **more)
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NoRoute(f"{self._url}{path[:40]}: {error or type(error).__name__}") from error


class Osrm(_Http):
    """OSRM's route service, v1 (project-osrm.org/docs, Route service)."""

    name = "osrm"

    def route(self, places: Sequence[Place]) -> list[Stretch]:
        """As Router.route."""
        path = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in places)
        found = self._ask("GET", f"/route/v1/driving/{path}", params={"overview": "false"})
        if found.get("code") != "Ok":
            raise NoRoute(f"osrm: {found.get('code')} {found.get('message', '')}".strip())
        try:
            legs = found["routes"][0]["legs"]
            return _stretches(places, [(leg["distance"], leg["duration"]) for leg in legs])
        except (KeyError, IndexError, TypeError) as error:
            raise NoRoute(f"osrm answered without {error}") from error


class Valhalla(_Http):
    """Valhalla's turn-by-turn service, for trucks (valhalla.github.io, Route service)."""

    name = "valhalla"

    def route(self, places: Sequence[Place]) -> list[Stretch]:
        """As Router.route."""
        asked = {
            "locations": [{"lat": round(lat, 6), "lon": round(lon, 6)} for lat, lon in places],
            "costing": "truck",
            "units": "kilometers",
            "directions_type": "none",
        }
        found = self._ask("POST", "/route", json=asked)
        if "error" in found:
            raise NoRoute(f"valhalla: {found.get('error_code', '')} {found['error']}".strip())
        try:
            summaries = [leg["summary"] for leg in found["trip"]["legs"]]
            return _stretches(places, [(each["length"] * 1000, each["time"]) for each in summaries])
        except (KeyError, TypeError) as error:
            raise NoRoute(f"valhalla answered without {error}") from error


def _stretches(places: Sequence[Place], found: Sequence[tuple[float, float]]) -> list[Stretch]:
    if len(found) != len(places) - 1:
        raise NoRoute(f"{len(places)} places, but {len(found)} stretches in the answer")
    return [Stretch(float(distance_m), float(duration_s)) for distance_m, duration_s in found]
