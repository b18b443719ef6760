"""The files of `milepost correlate`: reads, gates, sessions and orders in, decisions out (docs/correlate.md).

A line or entry that is wrong is named by file, line and reason and costs nothing else. Nothing is guessed.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from milepost.errors import Invalid
from milepost.evidence.dock.model import IN, INNER, OUT, OUTER, Id, Order, Session, Unit, epc_key, id_key

MAX_LINE = 65_536  # bytes; a longer one is not a reading
MAX_NAMED = 50  # wrong lines named; all are counted
_LATEST_S = 32_503_680_000.0  # the year 3000
_MOST_INT = 2**63
_BOM = b"\xef\xbb\xbf"

Read = tuple[float, Id, Id, Id, float]  # t, door, ant, epc, rssi
Edge = tuple[float, Id, int, int]  # t, door, side, state


@dataclass(slots=True)
class Wrong:
    """What was refused: the first MAX_NAMED by name, all by number."""

    named: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, why: str) -> None:
        """Note one refusal. where: file and line; why: what was wrong."""
        self.count += 1
        if len(self.named) < MAX_NAMED:
            self.named.append(f"{where}: {why}")


def read_reads(source: BinaryIO, name: str, wrong: Wrong) -> list[Read]:
    """Tag reads of a JSON-lines file. name: how messages call it; wrong: takes what is refused."""
    found: list[Read] = []
    keep = found.append
    for number, line in _lines(source, name, wrong):
        try:
            row = _object(line)
            t, rssi = row["t"], row["rssi"]
            door, ant, epc = row["door"], row["ant"], row["epc"]
            # The plain case first, for a day's file has millions of lines.
            if type(t) is float and type(rssi) in (int, float) and type(epc) is str and 0 < len(epc) <= 128:
                if not (0 <= t < _LATEST_S):
                    raise ValueError(f"t is {t}; it must be seconds since 1970")
                if not -200 <= rssi <= 50:
                    raise ValueError(f"rssi is {rssi}; it must be dBm")
                _id(door, "door")
                _id(ant, "ant")
                keep((t, door, ant, epc, rssi))
            else:
                keep((_time(t, "t"), _id(door, "door"), _id(ant, "ant"), _id(epc, "epc"), _level(rssi)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            wrong.add(f"{name} line {number}", _why(error))
    return found


def read_gates(source: BinaryIO, name: str, wrong: Wrong) -> list[Edge]:
    """Edges of light gates of a JSON-lines file; it may be empty."""
    found: list[Edge] = []
    for number, line in _lines(source, name, wrong):
        try:
            row = _object(line)
            state = row["state"]
            if state not in (0, 1):
                raise ValueError(f"state is {state!r}; it must be 1 (interrupted) or 0 (free)")
            found.append((_time(row["t"], "t"), _id(row["door"], "door"), _side(row["gate"], "gate"), int(state)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            wrong.add(f"{name} line {number}", _why(error))
    return found


def read_sessions(source: BinaryIO, name: str, wrong: Wrong) -> list[Session]:
    """Dock sessions. Raises Invalid when the file is no JSON list."""
    found: dict[Id, Session] = {}
    for number, row in _entries(source, name):
        try:
            session = _session(row)
            if found.get(session.session, session) != session:
                raise ValueError(f"session {session.session!r} stands here twice with different words")
            found[session.session] = session
        except (ValueError, KeyError, TypeError) as error:
            wrong.add(f"{name} entry {number}", _why(error))
    return sorted(found.values(), key=lambda each: (each.from_s, id_key(each.session)))


def read_orders(source: BinaryIO, name: str, wrong: Wrong) -> list[Order]:
    """Orders with their units. Raises Invalid when the file is no JSON list. An EPC on two units is refused there."""
    found: list[Order] = []
    owner: dict[Id, Id] = {}
    for number, row in _entries(source, name):
        try:
            if not isinstance(row, dict):
                raise ValueError("an entry must be an object")
            trip, order = _id(row["trip"], "trip"), _id(row["order"], "order")
            listed = row.get("units") or []
            if not isinstance(listed, list):
                raise ValueError("units must be a list")
        except (ValueError, KeyError, TypeError) as error:
            wrong.add(f"{name} entry {number}", _why(error))
            continue
        units: list[Unit] = []
        for place, each in enumerate(listed, start=1):
            try:
                units.append(_unit(each, trip, order, owner))
            except (ValueError, KeyError, TypeError) as error:
                wrong.add(f"{name} entry {number} unit {place}", _why(error))
        found.append(Order(trip, order, tuple(units)))
    return found


def as_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One JSON line each, the same bytes for the same rows."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _unit(row: Any, trip: Id, order: Id, owner: dict[Id, Id]) -> Unit:
    if not isinstance(row, dict):
        raise ValueError("a unit must be an object")
    unit, epcs = _id(row["unit"], "unit"), row.get("epcs") or []
    if not isinstance(epcs, list):
        raise ValueError("epcs must be a list")
    codes = tuple(dict.fromkeys(_id(epc, "epc") for epc in epcs))
    for epc in codes:
        if owner.get(epc_key(epc), unit) != unit:
            raise ValueError(f"EPC {epc!r} is on unit {owner[epc_key(epc)]!r} too; a tag can be on one unit only")
    owner.update((epc_key(epc), unit) for epc in codes)
    return Unit(unit, trip, order, codes)


def _session(row: Any) -> Session:
    if not isinstance(row, dict):
        raise ValueError("an entry must be an object")
    directions = {"load": OUT, "unload": IN}
    direction = row["direction"]
    if direction not in directions:
        raise ValueError(f"direction is {direction!r}; it must be load or unload")
    from_s, to_s = _time(row["from"], "from"), row.get("to")
    to_s = None if to_s is None else _time(to_s, "to")
    if to_s is not None and to_s <= from_s:
        raise ValueError("to must lie behind from")
    antennas = row.get("antennas") or []
    if not isinstance(antennas, list):
        raise ValueError("antennas must be a list")
    roles = {_id(each["ant"], "ant"): _side(each["role"], "role") for each in antennas}
    vehicle, trip = row.get("vehicle"), row.get("trip")
    return Session(
        _id(row["session"], "session"),
        _id(row["door"], "door"),
        None if vehicle is None else _id(vehicle, "vehicle"),
        None if trip is None else _id(trip, "trip"),
        from_s,
        to_s,
        directions[direction],
        tuple(sorted(roles.items(), key=lambda each: id_key(each[0]))),
    )


def _lines(source: BinaryIO, name: str, wrong: Wrong) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank, without the byte order mark, none longer than MAX_LINE."""
    number, skipping = 0, False
    while line := source.readline(MAX_LINE):
        whole = line.endswith(b"\n")
        if skipping:
            skipping = not whole
            continue
        number += 1
        if not whole and len(line) == MAX_LINE:
            wrong.add(f"{name} line {number}", f"longer than {MAX_LINE} bytes")
            skipping = True
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield number, line


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if type(row) is not dict:
        raise ValueError("must be a JSON object")
    return row


def _entries(source: BinaryIO, name: str) -> Iterator[tuple[int, Any]]:
    try:
        rows = json.loads(source.read().removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name} is no JSON: {error}; see docs/correlate.md for its form") from None
    if not isinstance(rows, list):
        raise Invalid(f"{name} must be a JSON list; see docs/correlate.md for its form")
    yield from enumerate(rows, start=1)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg} at column {error.colno}"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)


def _id(value: Any, what: str) -> Id:
    if isinstance(value, str) and 0 < len(value) <= 128:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{what} holds half a surrogate pair, which UTF-8 cannot write") from None
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -_MOST_INT <= value < _MOST_INT:
        return value
    raise ValueError(f"{what} must be a text of 1 to 128 characters or a whole number")


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{what} must be a number")
    return value


def _time(value: Any, what: str) -> float:
    if not 0 <= _number(value, what) < _LATEST_S:
        raise ValueError(f"{what} is {value}; it must be seconds since 1970")
    return float(value)


def _level(value: Any) -> float:
    if not -200 <= _number(value, "rssi") <= 50:
        raise ValueError(f"rssi is {value}; it must be dBm")
    return float(value)


def _side(value: Any, what: str) -> int:
    sides = {"inner": INNER, "outer": OUTER}
    if not isinstance(value, str) or value not in sides:
        raise ValueError(f"{what} is {value!r}; it must be inner (hall side) or outer (truck side)")
    return sides[value]
