"""Bench `gnss`: cost of a fix in the device's NMEA parser and its behaviour under mutants, in MicroPython."""

import json
import os
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from milepost_tools.device_python import run_script

_BOARD = Path(__file__).parent / "board"
_MUTANTS = 10_000_000
_RMC = "RMC,{t},A,{lat},{ns},{lon},{ew},{speed},{course},{date},{mv},{mve},{mode}"
_GGA = "GGA,{t},{lat},{ns},{lon},{ew},{quality},{sats},{hdop},{alt},M,{sep},M,{age},{station}"


def bodies(seed: int, number: int) -> list[str]:
    """Return seeded sentence bodies for the mutator: good ones, and ones of broken structure.

    Every second one is a valid RMC or GGA of any talker; of the rest fields are emptied, doubled, left
    out, exchanged or overlong.
    """
    rng = random.Random(seed)
    result = []
    for _ in range(number):
        values = {
            "t": f"{rng.randrange(24):02}{rng.randrange(60):02}{rng.randrange(60):02}{rng.choice(['', '.00', '.123'])}",
            "lat": f"{rng.randrange(90):02}{rng.uniform(0, 60):0{rng.choice([7, 8, 10])}.{rng.choice([3, 5, 7])}f}",
            "lon": f"{rng.randrange(180):03}{rng.uniform(0, 60):08.5f}",
            "ns": rng.choice("NS"),
            "ew": rng.choice("EW"),
            "speed": rng.choice(["", "0.0", f"{rng.uniform(0, 80):.3f}"]),
            "course": rng.choice(["", f"{rng.uniform(0, 360):.2f}"]),
            "date": rng.choice(["", f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}{rng.randrange(100):02}"]),
            "mv": "",
            "mve": "",
            "mode": rng.choice("ADEN"),
            "quality": rng.randrange(7),
            "sats": f"{rng.randrange(30):02}",
            "hdop": rng.choice(["", "0.9", "99.99"]),
            "alt": rng.choice(["", f"{rng.uniform(-400, 9000):.1f}"]),
            "sep": "8.1",
            "age": "",
            "station": "",
        }
        body = rng.choice(["GN", "GP", "GL", "BD", "GB", "GA"]) + rng.choice([_RMC, _GGA]).format(**values)
        if rng.random() < 0.5:
            fields = body.split(",")
            at = rng.randrange(1, len(fields))
            change = rng.randrange(5)
            if change == 0:
                fields[at] = ""
            elif change == 1:
                fields.insert(at, fields[at])
            elif change == 2:
                del fields[at]
            elif change == 3:
                other = rng.randrange(1, len(fields))
                fields[at], fields[other] = fields[other], fields[at]
            else:
                fields[at] += rng.choice(["0" * 20, "9" * 12, ".", "-", "1e9", " "])
            body = ",".join(fields)
        result.append(body[:180])
    return result


def mutants(number: int, seed: int = 1, timeout_s: float = 1800) -> dict[str, int]:
    """Run `number` mutants with right checksums through the parser under MicroPython and return the counts.

    The counts: mutants, epochs, valid, uncaught, out_of_range and the parser's own. Uses every core.
    """
    workers = os.cpu_count() or 1
    share = -(-number // workers)

    def work(index: int) -> dict[str, int]:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(bodies(seed * 1000 + index, 4000)))
            file.flush()
            args = [file.name, str(share), str(seed * 1000 + index)]
            printed = run_script(_BOARD / "nmea_mutants.py", args, timeout_s=timeout_s)
        return json.loads(printed.splitlines()[-1])

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(work, range(workers)))
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def cost(fixes: int = 200) -> dict[str, float]:
    """Return us_per_fix (best of 20 rounds) and garbage_bytes_per_fix (worst) under MicroPython."""
    return json.loads(run_script(_BOARD / "nmea_cost.py", [str(fixes)]))


def run(number: int = _MUTANTS) -> list[dict]:
    """Measure and return the results of this bench: {metric, value, unit, baseline} each."""
    spent = cost()
    counts = mutants(number)
    rows = (
        ("parse_us_per_fix", round(spent["us_per_fix"], 1), "us"),
        ("garbage_bytes_per_fix", spent["garbage_bytes_per_fix"], "B"),
        ("mutants", counts["mutants"], "sentences"),
        ("uncaught", counts["uncaught"], "count"),
        ("out_of_range_kept", counts["out_of_range"], "count"),
    )
    return [{"metric": metric, "value": value, "unit": unit, "baseline": None} for metric, value, unit in rows]
