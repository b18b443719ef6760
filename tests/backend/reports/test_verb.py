"""`milepost judge`: files in, one JSON object or a summary out, exits 0, 1, 2 (docs/facts.md)."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from milepost.reports.summary import show
from milepost.reports.verb import judge
from milepost.web.i18n import translator

BY = {"role": "desk", "id": "d1", "branch": "A"}
ACCEPTED = {"kind": "order.accepted", "at": "2024-03-04T09:25:00+08:00", "by": BY, "order": "o1", "branch": "A"}


def run(*args: Any, stdin: bytes | None = None, **env: str) -> Result:
    return CliRunner().invoke(judge, [str(arg) for arg in args], input=stdin, env=env or None)


def lines(*facts: Any) -> bytes:
    return b"".join(fact if isinstance(fact, bytes) else json.dumps(fact).encode() + b"\n" for fact in facts)


def test_a_file_is_judged_into_one_object(examples: Path):
    result = run("--facts", examples / "consignment.facts.jsonl", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == ["until", "policy", "orders", "loose_clocks", "proposals", "kpi"]
    (order,) = found["orders"]
    wanted = {"order", "type", "state", "stage", "current", "outcome", "branch", "customer", "channel", "class", "d0",
              "stages", "tally", "lines", "units", "deliveries", "clocks", "counters", "exceptions", "flags",
              "notices"}  # fmt: skip
    assert wanted <= set(order)
    assert {"all", "by_branch", "by_region", "by_big_region", "by_channel", "by_period"} <= set(found["kpi"])
    assert found["until"] == "2024-03-09T02:00:00.000Z"  # the latest time in the file
    assert {"zh", "en"} == set(order["clocks"][0]["explanation"])
    assert not any(str(value).isdigit() and len(str(value)) == 13 for value in _leaves(found)), "a time left in ms"


def _leaves(value: Any) -> list[Any]:
    """Every value but those of `why`, the explanation's own steps."""
    if isinstance(value, dict):
        return [leaf for name, each in value.items() if name != "why" for leaf in _leaves(each)]
    return [leaf for each in value for leaf in _leaves(each)] if isinstance(value, list) else [value]


def test_stdin_and_any_order_of_lines_give_the_same_bytes(examples: Path):
    raw = (examples / "consignment.facts.jsonl").read_bytes()
    first = run("--facts", "-", "--json", stdin=raw)
    turned = b"\n".join(reversed(raw.splitlines()))
    assert first.exit_code == 0
    assert run("--facts", "-", "--json", stdin=turned).stdout == first.stdout
    assert run("--facts", "-", "--json", stdin=raw + b"\n" + raw).stdout == first.stdout


def test_until_hides_what_came_later(examples: Path):
    file = examples / "consignment.facts.jsonl"
    noon = json.loads(run("--facts", file, "--json", "--until", "2024-03-04T12:00:00+08:00").stdout)
    assert noon["until"] == "2024-03-04T04:00:00.000Z"
    assert noon["orders"][0]["current"] == "picked"
    early = json.loads(run("--facts", file, "--json", "--until", "2024-03-04T09:59:59.999+08:00").stdout)
    assert early["orders"] == [] and early["kpi"]["all"]["orders"] == 0


def test_another_policy_and_calendar_replay_the_month(examples: Path):
    file = examples / "consignment.facts.jsonl"
    plain = json.loads(run("--facts", file, "--json").stdout)
    wider = json.loads(run("--facts", file, "--json", "--policy", examples / "policy.json",
                           "--calendar", examples / "calendar.json").stdout)  # fmt: skip
    assert plain["kpi"]["all"]["ratios"]["timely"]["percent"] == 0.0
    assert wider["kpi"]["all"]["ratios"]["timely"]["percent"] == 100.0
    assert (len(plain["proposals"]), wider["proposals"]) == (3, [])
    assert {clock["policy"] for clock in wider["orders"][0]["clocks"]} == {"2024-03 web"}
    assert wider["policy"] == {"versions": ["2024-01", "2024-03 web"]}


def test_bad_lines_are_all_named_and_nothing_is_folded():
    bad = {**ACCEPTED, "by": {"role": "driver", "id": "x"}}
    naive = {**ACCEPTED, "at": "2024-03-04T09:25:00"}
    stdin = lines(ACCEPTED, bad, b"{\n", naive)
    result = run("--facts", "-", "--json", stdin=stdin)
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert not said["ok"] and [each["line"] for each in said["refused"]] == [2, 3, 4] and "orders" not in said
    for start in (
        "line 2: order.accepted: a driver may not author it",
        "line 3: no JSON",
        "line 4: order.accepted: at",
    ):
        assert start in result.stderr
    assert "3 lines refused, nothing was folded" in result.stderr
    plain = run("--facts", "-", stdin=stdin)
    assert (plain.exit_code, plain.stdout) == (1, "") and plain.stderr == result.stderr


def test_lenient_reports_and_skips():
    result = run("--facts", "-", "--json", "--lenient", stdin=lines(ACCEPTED, b"{\n"))
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["refused_count"] == 1
    assert found["refused"][0]["line"] == 2
    assert [order["order"] for order in found["orders"]] == ["o1"]
    summary = run("--facts", "-", "--lenient", stdin=lines(*[b"{\n"] * 150, ACCEPTED))
    assert summary.exit_code == 0 and "… and 50 more lines" in summary.stderr


def test_usage_is_exit_2_and_a_bad_file_exit_1(tmp_path: Path):
    policy, calendar = tmp_path / "p.json", tmp_path / "c.json"
    good = lines(ACCEPTED)
    assert run().exit_code == 2
    assert run("--facts", tmp_path / "none.jsonl").exit_code == 2
    assert run("--facts", "-", "--until", "tomorrow", stdin=good).exit_code == 2
    assert run("--facts", "-", "--until", "2024-03-04T09:00:00", stdin=good).exit_code == 2
    for text, says in (('{"accept.limit": "soon"}', "accept.limit"), ('{"no.key": 1}', "no.key"), ("[", "no JSON"),
                       ('{"accept.limit": "PT1M", "accept.limit": "PT2M"}', "twice"), ("[1]", "object")):  # fmt: skip
        policy.write_text(text)
        result = run("--facts", "-", "--policy", policy, "--json", stdin=good)
        assert result.exit_code == 1 and says in json.loads(result.stdout)["error"], text
    policy.write_bytes(b"\xff\xfe{\x00}\x00")
    assert "UTF-8" in run("--facts", "-", "--policy", policy, stdin=good).stderr
    calendar.write_text('{"calendars": {"x": {"holidays": ["2024-13-01"]}}}')
    result = run("--facts", "-", "--calendar", calendar, stdin=good)
    assert result.exit_code == 1 and "2024-13-01" in result.stderr


def test_an_empty_file_needs_until():
    empty = run("--facts", "-", "--json", stdin=b"\n\n")
    assert empty.exit_code == 1 and "no facts" in json.loads(empty.stdout)["error"]
    told = run("--facts", "-", "--json", "--until", "2024-03-04T24:00:00+08:00", stdin=b"")
    found = json.loads(told.stdout)
    assert told.exit_code == 0 and found["orders"] == []
    assert found["until"] == "2024-03-04T16:00:00.000Z"
    assert found["kpi"]["all"]["ratios"]["timely"]["percent"] is None


def test_the_summary_speaks_the_language_of_the_locale(examples: Path):
    file = examples / "consignment.facts.jsonl"
    zh = run("--facts", file, LC_ALL="zh_CN.UTF-8")
    en = run("--facts", file, LC_ALL="C.UTF-8")
    assert "订单处理及时率" in zh.stdout and "无数据" in zh.stdout and "已归档" in zh.stdout
    assert "timely, of accepted" in en.stdout and "no data" in en.stdout and "Filed" in en.stdout
    assert run("--facts", file, "--lang", "zh", LC_ALL="C.UTF-8").stdout == zh.stdout


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_summary_shows_markup_as_typed_and_long_lists_in_part(examples: Path, language: str):
    file = examples / "consignment.facts.jsonl"
    found = json.loads(run("--facts", file, "--json").stdout)
    found["orders"] = [{**found["orders"][0], "order": f"[red]{n}"} for n in range(60)]
    out = io.StringIO()
    show(found, language, translator(language), "2024-03-09 10:00:00", Console(file=out, width=160))
    assert "[red]0" in out.getvalue()
    assert ("… 20 more" if language == "en" else "另有 20 条") in out.getvalue()
