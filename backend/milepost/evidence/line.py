"""The good fixes of a vehicle in order of time: points that are there, and behind them a run, of which points are made
where somebody asks for one. Who drives far from every fence is judged by columns, and nobody asks. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import overload

from milepost.evidence.steady import Point
from milepost.ingest.run import Run
from milepost.telemetry.legs import Fix


class Line(Sequence[Point]):
    """Nobody changes it. A slice of it is a line, and costs no points."""

    __slots__ = ("_first", "_points", "_run", "at", "lat", "lon", "speed_mps")

    def __init__(self, points: Iterable[Point], run: Run | None = None) -> None:
        """`run`: fixes later than the points, good by themselves and beside each other (`telemetry.quality`)."""
        self._points = list(points)
        self._run = run
        self._first = 0  # place of the first of this line among the points and the run
        self.at: list[int] = [each.at for each in self._points]  # UTC ms
        self.lat: list[float] = [each.lat for each in self._points]  # degrees WGS-84
        self.lon: list[float] = [each.lon for each in self._points]
        self.speed_mps: list[float | None] = [each.speed_mps for each in self._points]
        if run is not None:
            self.at += run.at
            self.lat += [each / 1e6 for each in run.lat_e6]
            self.lon += [each / 1e6 for each in run.lon_e6]
            self.speed_mps += run.speed_mps

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[Point]:
        return iter(self._made(0, len(self)))

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> "Line": ...
    def __getitem__(self, place: int | slice) -> "Point | Line":
        if isinstance(place, slice):
            return self._piece(place)
        place = range(len(self))[place]
        return self._made(place, place + 1)[0]

    def fixes(self) -> Iterable[Fix]:
        """Each as the rule of legs takes it."""
        return zip(self.at, self.lat, self.lon, self.speed_mps, strict=True)

    def seams(self) -> list[Point]:
        """Those that are to be compared with the one before them: within the run that has been done."""
        return self._made(0, min(len(self), max(0, len(self._points) - self._first) + 1))

    def _piece(self, place: slice) -> "Line":
        first, _, step = place.indices(len(self))
        if step != 1:
            raise ValueError("a piece of a line is without holes")
        piece = Line.__new__(Line)
        piece._points, piece._run, piece._first = self._points, self._run, self._first + first
        piece.at, piece.lat, piece.lon = self.at[place], self.lat[place], self.lon[place]
        piece.speed_mps = self.speed_mps[place]
        return piece

    def _made(self, first: int, behind: int) -> list[Point]:
        """The points at some places of this line."""
        known = len(self._points) - self._first  # so many of this line are there
        there = self._points[self._first + first : self._first + behind] if first < known else []
        first = max(first, known)
        run = self._run
        if run is None or first >= behind:
            return there
        some = slice(self._first + first - len(self._points), self._first + behind - len(self._points))
        stream = f"{run.device}/{run.stream}/"  # as reading_id has it
        ids = [f"{stream}{run.first + n}" for n in range(len(run))[some]]
        lat, lon, speed_mps = (column[first:behind] for column in (self.lat, self.lon, self.speed_mps))
        return [*there, *map(Point, run.at[some], ids, lat, lon, speed_mps, repeat("gnss"), run.received_at[some])]
