"""Service and oracle agree on random histories; the comparison sees a planted error; a counterexample can be rerun."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from milepost.evidence.model import Fact
from milepost.orders.vocabulary import validate
from milepost_tools.bench import clocks
from milepost_tools.bench.clocks.compare import Table, as_lines, by_oracle, by_service, differences, shrink, told
from milepost_tools.bench.clocks.histories import History, history
from milepost_tools.bench.verb import bench

SEEDS = range(1_000_000, 1_000_400)


@pytest.mark.parametrize("block", range(4))
def test_service_and_oracle_agree_on_random_histories(block: int) -> None:
    seeds = SEEDS[block * 100 : (block + 1) * 100]
    wrong = [seed for seed in seeds if clocks.differs(seed)]
    assert not wrong, clocks.counterexample(wrong[0])


def test_a_history_is_the_same_every_time_and_made_of_good_facts() -> None:
    for seed in SEEDS[:50]:
        assert history(seed) == history(seed)
        for fact in history(seed).facts:
            validate(fact)


def test_histories_reach_every_clock_and_verdict() -> None:
    """What is never drawn is never compared."""
    seen: set[tuple[str, str]] = set()
    for seed in range(1500):
        case = history(seed)
        table = by_oracle(case.facts, case.order, case.until)
        seen |= {(clock, values[4]) for (clock, _, _), values in table.items()}
    numbers = [1, 2, 4, 5, 7, 9, 10, 11, 12, 15, 17, *range(19, 24), *range(25, 29), 30, 31, 32, 33, 34, 35, 38, 40,
               44, 50, 53, 54, 55, 57, 58, 59, 60, 61, 79]  # fmt: skip
    assert {clock for clock, _ in seen} == {f"N-{n:02}" for n in numbers}
    assert {verdict for _, verdict in seen} == {"open", "met", "early", "late", "lapsed", "void", "excused"}
    for clock in ("N-01", "N-09", "N-11", "N-15", "N-20", "N-22", "N-23", "N-25", "N-34", "N-35", "N-40", "N-44"):
        assert {(clock, "met"), (clock, "late")} <= seen


def _changed(values: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    """The values of a clock with one of them wrong."""
    value = values[place]
    if isinstance(value, bool):
        other: Any = not value
    elif isinstance(value, str):
        other = "late" if value == "met" else "met"
    else:
        other = 1 if value is None else value + 1
    return (*values[:place], other, *values[place + 1 :])


@pytest.mark.parametrize("place", range(7))
def test_the_comparison_sees_one_wrong_value(place: int) -> None:
    """One ms, one word, one mark is enough."""
    for seed in SEEDS[:20]:
        case = history(seed)
        right = by_oracle(case.facts, case.order, case.until)
        for key in right:
            wrong = {**right, key: _changed(right[key], place)}
            found = differences(case.facts, case.order, case.until, lambda *_, table=wrong: table, by_oracle)
            assert [d.key for d in found] == [key]
            assert key[0] in told(found[0])


def test_the_comparison_sees_a_clock_that_is_lost_or_invented() -> None:
    case = next(h for h in map(history, SEEDS) if by_oracle(h.facts, h.order, h.until))
    right = by_oracle(case.facts, case.order, case.until)
    key = sorted(right)[0]
    less = {k: v for k, v in right.items() if k != key}
    lost = differences(case.facts, case.order, case.until, lambda *_: less, by_oracle)
    assert [(d.key, d.service) for d in lost] == [(key, None)] and "only the oracle" in told(lost[0])
    invented = differences(case.facts, case.order, case.until, by_oracle, lambda *_: less)
    assert [(d.key, d.oracle) for d in invented] == [(key, None)] and "only the service" in told(invented[0])


def _strict_about_ten_minutes(facts: Sequence[Fact], order: str, until: int) -> Table:
    """A service with a planted error: exactly ten minutes are late."""
    table = by_oracle(facts, order, until)
    for key, (start, due, late_from, end, verdict, breached, excusable) in table.items():
        if key[0] == "N-01" and verdict == "met" and end == due:
            table[key] = (start, due, late_from, end, "late", breached, excusable)
    return table


def test_a_planted_error_is_found_and_shrunk_to_what_matters() -> None:
    found: list[History] = []
    for seed in range(4000):
        case = history(seed)
        if differences(case.facts, case.order, case.until, _strict_about_ten_minutes):
            found.append(case)
            break
    assert found, "the histories never come to exactly ten minutes"
    small = shrink(found[0], _strict_about_ten_minutes)
    assert len(small.facts) <= 3
    assert {f.kind for f in small.facts} >= {"order.accepted"}
    lines = [json.loads(line) for line in as_lines(small.facts).splitlines()]
    assert [line["id"] for line in lines] == [f.id for f in small.facts]


def test_shrinking_keeps_the_difference() -> None:
    case = history(SEEDS[0])
    first = next(iter(sorted(by_oracle(case.facts, case.order, case.until))))

    def without(facts: Sequence[Fact], order: str, until: int) -> Table:
        return {k: v for k, v in by_oracle(facts, order, until).items() if k[0] != first[0]}

    small = shrink(replace(case), without)
    assert len(small.facts) < len(case.facts)
    assert {d.key[0] for d in differences(small.facts, small.order, small.until, without)} >= {first[0]}


def test_two_processes_give_what_one_gives() -> None:
    said: list[str] = []
    assert clocks.compare_many(40, 1_000_000, said.append, processes=2) == (40, [])
    assert said[-1].startswith("40 of 40")


def test_the_service_knows_no_order_without_facts() -> None:
    assert by_service([], "o1", 0) == {} == by_oracle([], "o1", 0)


def test_only_a_bench_that_takes_them_has_options() -> None:
    asked = CliRunner().invoke(bench, ["fold", "--histories", "10"])
    assert asked.exit_code == 2 and "--histories" in asked.output
