"""The files of a day as docs/correlate.md has them, with clocks off, lines doubled, late and out of order."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from milepost_tools.sim.otherdock.beams import edges
from milepost_tools.sim.otherdock.gen2 import Reads, listen
from milepost_tools.sim.otherdock.world import Day


def write(day: Day, folder: Path) -> dict[str, int]:
    """Write reads.jsonl, gates.jsonl, sessions.json, orders.json and truth.json; how many entries each has.

    folder: made if it is not there. Raises OSError when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([day.seed, 0x11E5])
    heard = listen(day, rng)
    orders = _orders(day)
    truth = _completed(day.truth, heard, orders)
    reads = [line for own in heard for line in _read_lines(day, own, rng)]
    gates: list[tuple[float, str]] = []
    for t, door, gate, state in edges(day, rng):
        line = json.dumps({"t": round(t + door.gate_clock_s, 3), "door": door.door, "gate": gate, "state": state})
        gates.append((t, line))
    counts = {
        "reads": _arrive(folder / "reads.jsonl", reads, day, rng),
        "gates": _arrive(folder / "gates.jsonl", gates, day, rng),
    }
    for name, entries in (("sessions", _sessions(day)), ("orders", orders), ("truth", truth)):
        (folder / f"{name}.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
        counts[name] = len(entries)
    return counts


def _completed(
    truth: list[dict[str, object]], heard: list[Reads], orders: list[dict[str, Any]]
) -> list[dict[str, object]]:  # fmt: skip
    """The truth with what only the files tell.

    heard: how often the unit's tags were read at the door within four seconds of its `at`; known: some list names it.
    """
    known = [unit["unit"] for order in orders for unit in order["units"]]
    times: dict[tuple[str, str], list[np.ndarray]] = {}
    for own in heard:
        for number in np.unique(own.epc):
            times.setdefault((repr(own.door.door), own.epcs[number]), []).append(own.t[own.epc == number])
    told: list[dict[str, object]] = []
    for entry in truth:
        at, epcs = entry["at"], entry["epcs"]
        count = 0
        if isinstance(at, float) and isinstance(epcs, list):
            near = [t for epc in set(epcs) for t in times.get((repr(entry["door"]), epc), [])]
            count = sum(int((np.abs(t - at) < 4).sum()) for t in near)
        told.append({**entry, "heard": count, "known": entry["unit"] in known})
    return told


def _read_lines(day: Day, heard: Reads, rng: np.random.Generator) -> list[tuple[float, str]]:
    """Arrival and text of each read of a reader."""
    reader = heard.reader
    stamped = heard.t + reader.clock_s + (heard.t - day.start_t) * reader.drift
    arrival = heard.t.copy()
    if len(heard.t) and rng.random() < day.site.faults.held:  # minutes of lines arrive together
        start = rng.uniform(day.start_t, day.end_t)
        end = start + rng.uniform(60, 1200)
        arrival = np.where((arrival > start) & (arrival < end), end, arrival)
    door = json.dumps(heard.door.door)
    ants = [json.dumps(antenna.ant) for antenna in heard.door.antennas]
    phases = None if heard.phase_rad is None else heard.phase_rad.tolist()
    columns = zip(
        arrival.tolist(),
        stamped.tolist(),
        heard.antenna.tolist(),
        heard.epc.tolist(),
        heard.rssi_dbm.tolist(),
        heard.channel.tolist(),
        strict=True,
    )
    lines: list[tuple[float, str]] = []
    for seq, (when, t, a, epc, rssi, channel) in enumerate(columns, 1):
        more = "" if phases is None else f', "phase": {phases[seq - 1]:.3f}'
        text = f'{{"t": {t:.3f}, "door": {door}, "ant": {ants[a]}, "epc": "{heard.epcs[epc]}", "rssi": {rssi:g}'
        lines.append((when, f'{text}{more}, "ch": {channel}, "seq": {seq}}}'))
    return lines


def _arrive(path: Path, lines: list[tuple[float, str]], day: Day, rng: np.random.Generator) -> int:
    """Write lines in the order in which they arrive: some twice, some late."""
    faults = day.site.faults
    when = np.array([arrival for arrival, _ in lines])
    late = np.where(rng.random(len(lines)) < 0.05, rng.uniform(0, faults.late_s, len(lines)), 0.0)
    again = np.flatnonzero(rng.random(len(lines)) < faults.doubled)
    moments = np.concatenate([when + late, when[again] + rng.uniform(0, faults.late_s, len(again))])
    which = np.concatenate([np.arange(len(lines)), again])[np.argsort(moments, kind="stable")]
    with path.open("w", encoding="utf-8") as out:
        out.writelines(f"{lines[int(index)][1]}\n" for index in which)
    return len(which)


def _sessions(day: Day) -> list[dict[str, object]]:
    return [
        {
            "session": visit.session,
            "door": visit.door.door,
            "vehicle": f"truck {visit.index + 1}",
            "trip": visit.trip,
            "from": round(visit.from_t, 3),
            "to": round(visit.to_t, 3),
            "direction": visit.direction,
            "antennas": [{"ant": antenna.ant, "role": antenna.role} for antenna in visit.door.antennas],
        }
        for visit in day.visits
    ]


def _orders(day: Day) -> list[dict[str, Any]]:
    """The lists of the trucks, each in two orders, and those of later days."""
    found: list[dict[str, Any]] = []
    trips = [(visit.trip, [*visit.units, *visit.lent]) for visit in day.visits]
    trips += [(f"later {index + 1}", units) for index, units in enumerate(day.others)]
    for trip, things in trips:
        units = [{"unit": thing.name, "epcs": thing.epcs} for thing in things]
        half = len(units) // 2
        for number, part in enumerate((units[:half], units[half:]), 1):
            found.append({"trip": trip, "order": f"{trip}-{number}", "units": part})
    return found
