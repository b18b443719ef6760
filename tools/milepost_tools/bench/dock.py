"""Bench `dock`: the dock-door decision over simulated days that nothing was tuned on (odd seeds).

Days are played and judged until enough loads were seen. Latency is by event time: from the crossing of the door's line
to the instant whose data the decision needed. Speed is CPU time of the whole of `milepost correlate`'s work on lines.
"""

import io
import json
import random
import time
from collections.abc import Iterator

from milepost.evidence.dock import files
from milepost.evidence.dock.correlate import correlate, in_order, rows
from milepost.evidence.dock.engine import Correlator
from milepost_tools.bench.dock_score import Inputs, Tally, inputs
from milepost_tools.sim.dock import simulate

_UNITS = {
    "auto_precision": "ratio", "auto_recall": "ratio", "silent_rate": "ratio", "silent_listed": "count",
    "review_rate": "ratio", "wrong_truck": "count", "shipments_untouched": "ratio", "shorts_shown": "ratio",
    "decision_first_p95_s": "s", "decision_final_p90_s": "s", "calibration_error": "ratio",
}  # fmt: skip
_LOADS, _QUICK_LOADS = 4_000, 150
_MIXES, _QUICK_MIXES = 10_000, 100
_LINES = 600_000


def run(seed: int = 1, quick: bool = False) -> list[dict]:
    """Measure all of it. seed: the first day's, odd; quick: some hundred loads, which proves nothing."""
    loads = _QUICK_LOADS if quick else _LOADS
    best, weak = judged(seed, "recommended", loads), judged(seed, "weak", loads // 2)
    found, poor = best.figures(), weak.figures()
    measured = [(name, found[name], unit) for name, unit in _UNITS.items()]
    measured += [
        ("weak_hardware_precision", poor["auto_precision"], "ratio"),
        ("weak_hardware_review", poor["review_rate"], "ratio"),
        ("permutation_differences", permutation_differences(_QUICK_MIXES if quick else _MIXES), "bytes"),
        ("correlate_reads_per_s", reads_per_s(_LINES // 10 if quick else _LINES), "1/s"),
        ("loads", found["loads"], "count"),
        ("weak_loads", poor["loads"], "count"),
        ("weak_recall", poor["auto_recall"], "ratio"),
    ]
    return [
        {"metric": name, "value": round(value, 5), "unit": unit, "baseline": None} for name, value, unit in measured
    ]


def judged(seed: int, profile: str, loads: int) -> Tally:
    """Days from an odd seed on, every second one, until so many loads were seen. Raises ValueError for an even seed."""
    if seed % 2 == 0:
        raise ValueError(f"seed {seed} is even, and even seeds are for tuning; give an odd one")
    tally = Tally()
    while tally.count["loads"] < loads:
        scene = simulate(seed, profile)
        given = inputs(scene)
        tally.add(scene, *correlate(given.sessions, given.orders, given.reads, given.edges))
        seed += 2
    return tally


def permutation_differences(mixes: int, seed: int = 7) -> int:
    """Bytes that differ when a small day's lines come in another order, doubled, or in portions of time."""
    given = _few(inputs(simulate(3, "weak", doors=2, hours=0.2)))
    wanted = _bytes(given, given.reads, given.edges, None)
    luck, different = random.Random(seed), 0
    for n in range(mixes):
        reads, edges = list(given.reads), list(given.edges)
        reads += luck.sample(reads, luck.randint(0, len(reads) // 2))
        edges += luck.sample(edges, luck.randint(0, len(edges)))
        luck.shuffle(reads)
        luck.shuffle(edges)
        found = _bytes(given, reads, edges, luck if n % 2 else None)
        different += abs(len(found) - len(wanted)) + sum(a != b for a, b in zip(found, wanted, strict=False))
    return different


def _few(given: Inputs) -> Inputs:
    """Half a minute of traffic: enough to say something, small enough to be judged ten thousand times."""
    start = min((each.from_s for each in given.sessions), default=0.0) + 90
    return Inputs(
        given.sessions[:2],
        given.orders,
        [row for row in given.reads if start <= row[0] < start + 30],
        [row for row in given.edges if start <= row[0] < start + 30],
    )


def _bytes(given: Inputs, reads: list[files.Read], edges: list[files.Edge], portions: random.Random | None) -> bytes:
    """The output for these lines; with `portions`, fed bit by bit in order of time."""
    if portions is None:
        return "".join(files.as_lines(rows(*correlate(given.sessions, given.orders, reads, edges)))).encode()
    engine = Correlator(given.sessions, given.orders)
    decisions, verdicts = [], []
    times = [row[0] for row in reads] or [0.0]
    cuts = sorted(portions.uniform(min(times), max(times)) for _ in range(4))
    for since, until in zip([float("-inf"), *cuts], [*cuts, float("inf")], strict=True):
        engine.feed([r for r in reads if since <= r[0] < until], [e for e in edges if since <= e[0] < until])
        if until < float("inf"):
            decisions += engine.advance(until)
            verdicts += engine.verdicts()
    decisions += engine.finish()
    verdicts += engine.verdicts()
    order = {session.session: n for n, session in enumerate(engine.roster.sessions)}
    verdicts.sort(key=lambda each: order[each.session])
    return "".join(files.as_lines(rows(in_order(decisions), verdicts))).encode()


def reads_per_s(lines: int) -> float:
    """Lines of a simulated day read, judged and written per second of CPU time."""
    scene = simulate(5, "recommended", hours=1.0)
    given = inputs(scene)
    texts = [(json.dumps(row) + "\n").encode() for row in _some(iter(scene.reads), lines)]
    source = io.BytesIO(b"".join(texts))
    began = time.process_time()
    reads = files.read_reads(source, "reads", files.Wrong())
    said = "".join(files.as_lines(rows(*correlate(given.sessions, given.orders, reads, given.edges))))
    spent = time.process_time() - began
    if not said:
        raise AssertionError("nothing was decided")
    return len(texts) / spent


def _some(every: Iterator[dict], most: int) -> Iterator[dict]:
    for _, row in zip(range(most), every, strict=False):
        yield row
