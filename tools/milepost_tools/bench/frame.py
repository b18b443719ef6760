"""What every bench shares: the demands, the machine, the verdict (DESIGN: Benchmarks).

A bench is a module of this package with `run() -> list[dict]`, whose arguments (all with defaults) are options of the
verb; each dict has `metric`, `value`, `unit` and `baseline` (None, or {"name", "value"} of somebody else's figure on
the same input).
"""

import csv
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

Measure = Callable[..., list[dict]]

_OPS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": lambda value, demanded: value <= demanded,
    ">=": lambda value, demanded: value >= demanded,
    "==": lambda value, demanded: value == demanded,
}


class BenchError(ValueError):
    """A bench that is unknown, or that reports what the frame cannot judge."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One row of demands.csv: what a metric must reach, and the best figure known elsewhere."""

    part: str
    bench: str
    metric: str
    op: str
    value: float
    unit: str
    best_known: str


def parse_demands(text: str) -> list[Demand]:
    """Read demands.csv. Raises BenchError naming the line of an unknown operator or a bad value."""
    rows: list[Demand] = []
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        if row["op"] not in _OPS:
            raise BenchError(f"demands.csv line {number}: operator {row['op']!r}; use one of {', '.join(_OPS)}")
        try:
            value = float(row["value"])
        except ValueError:
            raise BenchError(f"demands.csv line {number}: value {row['value']!r} is no number") from None
        rows.append(Demand(**{**row, "value": value}))  # pyright: ignore[reportArgumentType]
    return rows


@cache
def demands() -> tuple[Demand, ...]:
    """The rows of demands.csv beside this module."""
    return tuple(parse_demands(files("milepost_tools.bench").joinpath("demands.csv").read_text("utf-8")))


def names() -> list[str]:
    """Every bench that a demand names, in the order of demands.csv."""
    return list(dict.fromkeys(row.bench for row in demands()))


def measure_of(name: str) -> Measure | None:
    """The `run` of a bench, None where nobody wrote it yet. Raises BenchError for an unknown name."""
    if name not in names():
        raise BenchError(f"no bench {name!r}; choose one of {', '.join(names())}")
    module = f"{__package__}.{name}"
    return import_module(module).run if find_spec(module) else None


def judge(name: str, measured: Iterable[Mapping], wanted: Iterable[Demand] | None = None) -> dict:
    """Lay measured figures against the demands of a bench and return the JSON object of DESIGN.md §3.

    A demanded metric that was not measured stands with value None and ok False. A figure without a demand is
    kept, with no operator, and judges nothing. Raises BenchError for a figure given twice or in a wrong unit.
    """
    rows = [row for row in (demands() if wanted is None else wanted) if row.bench == name]
    figures: dict[str, Mapping] = {}
    for figure in measured:
        if figure["metric"] in figures:
            raise BenchError(f"bench {name}: metric {figure['metric']!r} was reported twice")
        figures[figure["metric"]] = figure
    results = [_result(name, row, figures.pop(row.metric, None)) for row in rows]
    results += [
        {
            "metric": figure["metric"],
            "value": figure["value"],
            "unit": figure["unit"],
            "op": None,
            "demanded": None,
            "ok": True,
            "baseline": figure.get("baseline"),
        }
        for figure in figures.values()
    ]
    return {
        "bench": name,
        "ok": bool(rows) and all(result["ok"] for result in results),
        "machine": machine(),
        "results": results,
    }


def _result(name: str, row: Demand, figure: Mapping | None) -> dict:
    if figure is not None and figure["unit"] != row.unit:
        raise BenchError(f"bench {name}: {row.metric} is demanded in {row.unit!r}, reported in {figure['unit']!r}")
    value = None if figure is None else figure["value"]
    return {
        "metric": row.metric,
        "value": value,
        "unit": row.unit,
        "op": row.op,
        "demanded": row.value,
        "ok": value is not None and _OPS[row.op](value, row.value),
        "baseline": None if figure is None else figure.get("baseline"),
        "best_known": row.best_known,
    }


def machine() -> dict:
    """Facts that figures depend on: cores this process may use, memory, processor, kernel, Python."""
    memory_kb = _proc_value("/proc/meminfo", "MemTotal")
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _proc_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "memory_mb": int(memory_kb.split()[0]) // 1024 if memory_kb else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _proc_value(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None
