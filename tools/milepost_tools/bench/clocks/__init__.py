"""Bench `clocks`: random order histories against a slow oracle written independently; how soon and how often breaches
are raised under load, over restarts and with two workers."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from milepost_tools.bench.clocks.compare import as_lines, differences, shrink, stamp, told
from milepost_tools.bench.clocks.histories import history

HISTORIES = 100_000
SEED = 2024
_BLOCK = 500
_SHOWN = 5  # counterexamples printed
Progress = Callable[[str], None]


def run(histories: int = HISTORIES, seed: int = SEED) -> list[dict]:
    """Measure all of it.

    Args:
        histories: how many random histories are compared (from 1 on).
        seed: number of the first one; the same seeds give the same histories.
    """
    from milepost_tools.bench.clocks.kill import measure_kills  # noqa: PLC0415  (the comparison alone needs no server)
    from milepost_tools.bench.clocks.latency import measure_latency  # noqa: PLC0415

    progress = _progress()
    compared, bad = compare_many(histories, seed, progress)
    for number in bad[:_SHOWN]:
        progress(f"history {number} differs:\n{counterexample(number)}\n")
    return [
        _figure("oracle_mismatches", len(bad), "count"),
        _figure("histories", compared, "count"),
        _figure("breach_latency_p99_s", round(measure_latency(progress), 3), "s"),
        _figure("breaches_doubled_or_lost", measure_kills(progress), "count"),
    ]


def compare_many(histories: int, seed: int, progress: Progress, processes: int | None = None) -> tuple[int, list[int]]:
    """Compare `histories` histories from `seed` on; returns how many, and the numbers of those that differ."""
    blocks = [(n, min(n + _BLOCK, seed + histories)) for n in range(seed, seed + histories, _BLOCK)]
    done, bad = 0, []
    workers = processes or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers) as pool:
        for (begin, end), found in zip(blocks, pool.map(_differing, blocks), strict=True):
            done += end - begin
            bad += found
            progress(f"{done:,} of {histories:,} histories, {len(bad)} differ")
    return done, bad


def _differing(block: tuple[int, int]) -> list[int]:
    return [number for number in range(*block) if differs(number)]


def differs(number: int) -> bool:
    """True when service and oracle disagree on the history of that number, or one of them fails."""
    case = history(number)
    try:
        return bool(differences(case.facts, case.order, case.until))
    except Exception:
        return True


def counterexample(number: int) -> str:
    """A history shrunk to what matters: what differs, and its facts as lines for `milepost judge --facts`."""
    small = shrink(history(number))
    try:
        found = "\n".join(told(d) for d in differences(small.facts, small.order, small.until))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    return f"{found}\nmilepost judge --until {stamp(small.until)} --facts - <<'.'\n{as_lines(small.facts)}\n."


def _figure(metric: str, value: float, unit: str) -> dict:
    return {"metric": metric, "value": value, "unit": unit, "baseline": None}


def _progress() -> Progress:
    """Say how far it is, on a terminal; counterexamples always."""

    def tell(text: str) -> None:
        if "\n" in text:
            print(text, file=sys.stderr)
        elif sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    return tell
