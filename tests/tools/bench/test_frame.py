"""The bench frame: measured figures against demands.csv (DESIGN: Benchmarks)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from milepost_tools.bench import frame
from milepost_tools.bench.verb import bench

ROOT = Path(__file__).parents[3]
WANTED = [
    frame.Demand("p", "b", "bytes", "<=", 7.0, "B", "-"),
    frame.Demand("p", "b", "rate", ">=", 100.0, "1/s", "-"),
    frame.Demand("p", "b", "lost", "==", 0.0, "records", "-"),
]


def figure(metric: str, value: float, unit: str) -> dict:
    return {"metric": metric, "value": value, "unit": unit, "baseline": None}


GOOD = [figure("bytes", 7.0, "B"), figure("rate", 100, "1/s"), figure("lost", 0, "records")]


@pytest.mark.corpus
def test_demands_equal_the_shared_page() -> None:
    shared = ROOT.parent / "shared" / "demands.csv"
    if not shared.exists():
        pytest.skip("no ../shared beside this checkout")
    assert (ROOT / "tools/milepost_tools/bench/demands.csv").read_bytes() == shared.read_bytes()


def test_a_figure_at_the_limit_meets_the_demand() -> None:
    report = frame.judge("b", GOOD, WANTED)
    assert report["ok"]
    assert [row["ok"] for row in report["results"]] == [True, True, True]


@pytest.mark.parametrize(
    ("metric", "value", "unit"), [("bytes", 7.1, "B"), ("rate", 99, "1/s"), ("lost", 1, "records")]
)
def test_one_missed_demand_fails_the_bench(metric: str, value: float, unit: str) -> None:
    figures = [row if row["metric"] != metric else figure(metric, value, unit) for row in GOOD]
    report = frame.judge("b", figures, WANTED)
    assert not report["ok"]
    assert [row["metric"] for row in report["results"] if not row["ok"]] == [metric]


def test_what_was_not_measured_is_said_and_fails() -> None:
    report = frame.judge("b", GOOD[:2], WANTED)
    assert not report["ok"]
    assert report["results"][2]["value"] is None
    assert report["results"][2]["ok"] is False


def test_a_bench_without_demands_is_never_ok() -> None:
    assert not frame.judge("other", GOOD, WANTED)["ok"]


def test_a_figure_without_a_demand_is_kept_and_judges_nothing() -> None:
    report = frame.judge("b", [*GOOD, figure("extra", 5, "s")], WANTED)
    assert report["ok"]
    assert report["results"][-1]["metric"] == "extra"
    assert report["results"][-1]["op"] is None


def test_a_wrong_unit_is_refused() -> None:
    with pytest.raises(frame.BenchError, match="demanded in 'B', reported in 'kB'"):
        frame.judge("b", [figure("bytes", 1, "kB")], WANTED)


def test_a_metric_given_twice_is_refused() -> None:
    with pytest.raises(frame.BenchError, match="twice"):
        frame.judge("b", [*GOOD, GOOD[0]], WANTED)


@pytest.mark.parametrize("row", ["p,b,m,<,1,B,-", "p,b,m,<=,fast,B,-"])
def test_a_bad_row_of_demands_names_its_line(row: str) -> None:
    with pytest.raises(frame.BenchError, match="line 2"):
        frame.parse_demands("part,bench,metric,op,value,unit,best_known\n" + row)


def test_every_demand_belongs_to_one_metric_of_one_bench() -> None:
    keys = [(row.bench, row.metric) for row in frame.demands()]
    assert len(keys) == len(set(keys))


def test_the_verb_lists_the_benches() -> None:
    done = CliRunner().invoke(bench, ["--json"])
    assert done.exit_code == 0
    assert [row["bench"] for row in json.loads(done.stdout)] == frame.names()


def test_the_verb_ends_with_the_json_line_and_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "measure_of", lambda _name: None)
    done = CliRunner().invoke(bench, ["wire", "--json"])
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 1
    assert report["bench"] == "wire"
    assert report["ok"] is False
    assert set(report) == {"bench", "ok", "machine", "results"}


def test_an_unknown_bench_is_a_usage_error() -> None:
    done = CliRunner().invoke(bench, ["nonsense"])
    assert done.exit_code == 2
    assert "choose one of" in done.stderr
