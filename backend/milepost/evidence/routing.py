"""How far it is by road: a port, and a guess for who has no router (those that are asked: `routers`).

`router_of` reads one address: `osrm+http://host:5000`, `valhalla+http://host:8002`, or None for the guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from milepost.errors import Invalid
from milepost.telemetry.legs import metres

Place = tuple[float, float]  # degrees WGS-84
DETOUR = 1.3  # roads against the crow; measured between 1.2 and 1.4 in most countries
GUESS_MPS = 12.5  # 45 km/h, what a truck makes over a day of streets and roads


class NoRoute(Exception):
    """The router cannot be reached or knows no way; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The way from one place to the next."""

    distance_m: float
    duration_s: float


class Router(Protocol):
    """Says how far and how long it is by road."""

    name: str
    sure: bool  # it knows the roads

    def route(self, places: Sequence[Place]) -> list[Stretch]:
        """The stretches between at least two places, in order. Raises NoRoute."""
        ...


class Guess:
    """Straight lines, lengthened as roads usually are. Never fails, and is not to be believed much."""

    name = "guess"
    sure = False

    def route(self, places: Sequence[Place]) -> list[Stretch]:
        """As Router.route."""
        ways = [metres(*one, *other) * DETOUR for one, other in pairwise(places)]
        return [Stretch(way, way / GUESS_MPS) for way in ways]


def router_of(address: str | None) -> Router:
    """The router that an address names. Raises Invalid."""
    if not address:
        return Guess()
    from milepost.evidence.routers import Osrm, Valhalla  # noqa: PLC0415  (its client costs start time)

    for prefix, made in (("osrm+", Osrm), ("valhalla+", Valhalla)):
        if address.startswith(prefix + "http"):
            return made(address.removeprefix(prefix))
    raise Invalid(f"router {address!r}: write osrm+http://host:5000 or valhalla+http://host:8002")
