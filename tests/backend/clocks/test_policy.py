"""Policies: versions, scopes, values, errors (C8)."""

from dataclasses import fields
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from milepost.clocks.policy import DEFAULTS, KEYS, PolicySet, PolicyVersion, parse_policy, parse_value
from milepost.errors import Invalid
from milepost.orders.model import Policy

Tale = Any
requirement = pytest.mark.requirement


def test_the_defaults_are_the_limits_of_the_fold() -> None:
    assert PolicySet().limits(None, None, 0) == Policy()


def test_every_limit_of_the_fold_is_a_key_of_the_policy() -> None:
    given = parse_policy(
        {
            "accept.window": "07:00/24:00",
            "postpone.max_days": 4,
            "postpone.wake": "07:30",
            "day.accept_cutoff": "22:00",
            "edit.max": 3,
            "pickup.window": "10:00/18:00",
            "escort.kg": 30,
            "delivery.wait": "PT40M",
            "redelivery.free_attempts": 2,
            "presence.margin": "PT5M",
            "presence.radius_m": 100,
            "presence.silent_wait": "PT12H",
        }
    ).limits(None, None, 0)
    assert given.accept_until == time.max, "24:00 closes with the day"
    changed = {field.name for field in fields(Policy) if getattr(given, field.name) != getattr(Policy(), field.name)}
    assert changed == {field.name for field in fields(Policy)}


@requirement("C8")
def test_C8_the_most_specific_version_in_force_decides_and_the_rest_is_taken_from_the_next() -> None:
    policies = PolicySet(
        [
            PolicyVersion("all", 0, values={"accept.limit": "PT11M", "print.limit": "PT31M", "reroute.limit": "PT6M"}),
            PolicyVersion("web", 0, "web", values={"accept.limit": "PT12M", "print.limit": "PT32M"}),
            PolicyVersion("vip", 0, None, "vip", {"accept.limit": "PT13M"}),
            PolicyVersion("webvip", 100, "web", "vip", {"accept.limit": "PT14M"}),
        ]
    )

    def minutes(channel: str | None, klass: str | None, at: int) -> tuple[str, list[int]]:
        found = policies.at(channel, klass, at)
        keys = ("accept.limit", "print.limit", "reroute.limit", "assign.limit")
        return found.id, [found.duration(key) // 60_000 for key in keys]

    assert minutes("web", "vip", 100) == ("webvip", [14, 32, 6, 10])
    assert minutes("web", "vip", 99) == ("vip", [13, 32, 6, 10])
    assert minutes("web", "std", 100) == ("web", [12, 32, 6, 10])
    assert minutes("phone", None, 100) == ("all", [11, 31, 6, 10])
    assert minutes("web", "vip", -1) == ("default", [10, 30, 5, 10])


@requirement("C8")
def test_C8_a_started_clock_keeps_the_version_of_its_start_instant(tale: Tale) -> None:
    tale.policies = PolicySet([PolicyVersion("v2", tale.ms("10:05"), values={"accept.limit": "PT20M"})])
    tale.submit("10:04:59.999")
    first = tale.clock("N-01", "11:00")
    assert (first.policy, first.due, first.rule) == ("default", tale.ms("10:14:59.999"), "accept.limit=PT10M")
    other = type(tale)()
    other.policies = tale.policies
    other.submit("10:05:00.000")
    second = other.clock("N-01", "11:00")
    assert (second.policy, second.due, second.rule) == ("v2", tale.ms("10:25"), "accept.limit=PT20M")


@requirement("C8")
def test_C8_a_deferred_start_takes_the_version_of_the_morning(tale: Tale) -> None:
    tale.policies = PolicySet([PolicyVersion("v2", tale.ms("2024-03-05 00:00"), values={"accept.limit": "PT20M"})])
    tale.submit("23:00")
    assert tale.clock("N-01", "23:30").due == tale.ms("2024-03-05 08:20")


@requirement("C8")
def test_C8_by_channel_and_customer_class(tale: Tale) -> None:
    tale.policies = parse_policy(
        {"versions": [{"id": "p", "from": "2024-01-01T00:00:00+08:00", "class": "project",
                       "values": {"receipt.days": 5, "accept.window": "09:00/18:00"}}]}
    )  # fmt: skip
    tale.submit("18:00", class_="project")
    assert tale.clock("N-01").start == tale.ms("2024-03-05 09:00")
    assert tale.judged().story.state.d0 == "2024-03-05", "the fold and the clocks use one policy"
    other = type(tale)()
    other.policies = tale.policies
    other.submit("18:00")
    assert other.clock("N-01").start == tale.ms("18:00")


def test_a_flat_file_is_one_version_for_all_time() -> None:
    found = parse_policy({"accept.limit": "PT1H"}).at("any", "any", -(10**12))
    assert (found.id, found.duration("accept.limit"), found.rule("accept.limit")) == (
        "file", 3_600_000, "accept.limit=PT1H",
    )  # fmt: skip
    assert parse_policy({}).at(None, None, 0).values == DEFAULTS


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("accept.limit", "P1DT2H3M4S", 93_784_000),
        ("day.cancel_cutoff", "24:00", 86_400_000),
        ("note.cutoff", "23:59:59", 86_399_000),
        ("offhours", "18:00/08:00", (64_800_000, 28_800_000)),
        ("complaint.1", "15wd", 15),
        ("escort.kg", 24.9, 24.9),
        ("success.event", "order.confirmed", "order.confirmed"),
    ],
)
def test_values_mean_what_they_say(key: str, value: Any, meant: Any) -> None:
    assert parse_value(key, value) == meant


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("accept.limit", ["", "P", "PT", "10m", "PT-1M", "PT1.5M", 600, None, "P400D", "PT10M ", "P1Y"]),
        ("note.cutoff", ["24:01", "8:00", "25:00", 23, None, "23:60"]),
        ("accept.window", ["08:00", "08:00/08:00", "20:00/08:00", "08:00-20:00", 8]),
        ("postpone.max_days", [-1, 3.0, "3", True, 367]),
        ("complaint.1", [15, "0wd", "15", "15WD", "367wd"]),
        ("claim.small", [-1, "500", float("nan"), float("inf"), True]),
        ("target.ontime.express", [1.01, -0.1]),
        ("success.event", ["order.signed", None]),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_value(key: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(Invalid) as error:
            parse_policy({key: value})
        assert key in error.value.message and repr(value) in error.value.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "must be an object"),
        ({"nope": 1}, "'nope' is no key"),
        ({"versions": [], "accept.limit": "PT1M"}, "nothing beside it"),
        ({"versions": {}}, "versions"),
        ({"versions": [{"id": "a", "values": {}}]}, "version 1: 'from' is missing"),
        ({"versions": [{"id": "a", "from": "2024-01-01T00:00:00", "values": {}}]}, "no offset"),
        ({"versions": [{"id": "a", "from": "2024-01-01T00:00:00Z", "values": {"x": 1}}]}, "version 1 (a): policy: 'x'"),
        ({"versions": [{"id": "a", "from": "2024-01-01T00:00:00Z", "values": {}, "kls": 1}]}, "'kls' is not known"),
        ({"versions": [{"id": "a", "from": "2024-01-01T00:00:00Z", "values": {}, "class": 1}]}, "must be a text"),
        ({"versions": [7]}, "version 1: must be an object"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(given: Any, said: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_policy(given)
    assert said in error.value.message


def test_the_docs_list_every_key_with_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs" / "clocks.md").read_text()
    for key in KEYS.values():
        kind = key.kind.replace("/", " / ")
        assert f"| `{key.name}` | {kind} | {key.text} | {', '.join(key.rules)} |" in page


def test_every_key_names_its_rules() -> None:
    assert all(key.rules for key in KEYS.values()) and len(KEYS) == len(DEFAULTS) > 50
    assert PolicySet().limits(None, None, 0).accept_from == time(8)
