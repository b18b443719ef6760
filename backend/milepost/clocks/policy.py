"""Policies: every number of the promises is a key of a version, per channel and customer class (C8). Pure.

The defaults are the sources' numbers (REQUIREMENTS B) with their resolutions (B9).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, cast

from milepost.clocks.calendar import DAY_MS
from milepost.errors import Invalid
from milepost.orders.model import Policy
from milepost.times import parse_rfc3339

Value = str | int | float | bool

# key | kind | default | rule. Kinds: duration (ISO 8601), time (HH:MM, 24:00 is the midnight that ends the day), window
# (two of them), days and count (whole numbers), workdays (15wd), amount (number), share (0…1), switch (true or
# false), or a/b one of these.
_TABLE = """
accept.limit                | duration | PT10M | N-01 N-13
accept.window               | window   | 08:00/20:00 | N-03
accept.remind               | duration | PT10M | N-07
accept.escalate             | duration | PT10M | N-17
assign.limit                | duration | PT10M | N-02
postpone.max_days           | days     | 3     | N-04
postpone.wake               | time     | 08:00 | T6
reroute.limit               | duration | PT5M  | N-05 N-08
edit.max                    | count    | 2     | N-06
print.limit                 | duration | PT30M | N-09
day.accept_cutoff           | time     | 23:00 | N-10
day.cancel_cutoff           | time     | 24:00 | N-11
unbilled.follow_pickup      | switch   | false | N-11
cancel.reason_by            | time     | 24:00 | N-12
offhours                    | window   | 18:00/08:00 | N-14
note.cutoff                 | time     | 23:00 | N-15
sanction.accept.dept        | duration | PT10M | N-18
sanction.accept.region      | duration | PT15M | N-16 N-19 X-1
pickup.target               | duration | PT2H  | N-20
pickup.rebook               | duration | PT1H  | N-21 N-26
pickup.cutoff               | time     | 17:00 | N-22 N-23
pickup.hard_same            | time     | 19:00 | N-22
pickup.hard_next            | time     | 12:00 | N-23
pickup.window               | window   | 09:00/19:00 | N-24
pickup.appt_tol             | duration | PT1H  | N-25
pickup.appt_close_gap       | duration | PT1H  | N-26
project.rebook_before       | duration | PT1H  | N-27
pickup.warn_before          | duration | PT15M | N-28
sanction.pickup.consecutive | count    | 2     | N-29
transit.track_every         | P1D      | P1D   | N-30
signoff.cutoff              | time     | 17:00 | N-31
signoff.same                | time     | 24:00 | N-31
signoff.next_day            | time     | 12:00 | N-32
project.handout             | days     | 1     | N-33
delivery.cut                | time     | 12:00 | N-34 C10
delivery.same               | time     | 20:30 | N-34
delivery.next               | time     | 12:00 | N-35
escort.kg                   | amount   | 25    | N-36 N-37
delivery.wait               | duration | PT30M | N-38
redelivery.free_attempts    | count    | 1     | N-39
receipt.days                | days     | 3     | N-40
success.limit               | duration | PT24H | N-44
success.event               | waybill.issued/order.confirmed/pickup.done | waybill.issued | N-44
target.ontime.express       | share    | 0.99  | N-46
enquiry.reply               | duration | PT15M | N-50
mail.reply                  | workdays | 1wd   | N-53
complaint.1                 | workdays | 15wd  | N-54
complaint.1.big             | workdays | 30wd  | N-55
complaint.1.big_from        | amount   | 10000 | N-55
complaint.2                 | workdays | 3wd   | N-57
complaint.other             | workdays | 7wd   | N-61
claim.small                 | amount   | 500   | N-58
claim.small_reply           | workdays | 3wd   | N-58
claim.low                   | workdays | 3wd   | N-59
claim.high                  | workdays | 7wd   | N-60
claim.high_from             | amount   | 10000 | N-60
pick.limit                  | days     | 1     | N-79
presence.margin             | duration | PT10M | EX-42
presence.radius_m           | amount   | 300   | EX-42
presence.silent_wait        | duration | PT24H | EX-42
"""
_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?|24:00(?::00)?")
_WORKDAYS = re.compile(r"([1-9]\d{0,2})wd")
_MAX_DAYS = 366
_MAX_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what kind of value it takes, its default, the rules that use it."""

    name: str
    kind: str
    default: Value
    rules: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its default as a policy file writes it."""
        return _written(self.default)


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(table: str) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    for line in table.strip().splitlines():
        name, kind, default, rules = (part.strip() for part in line.split("|"))
        value: Value = default
        if kind in ("days", "count"):
            value = int(default)
        elif kind in ("amount", "share"):
            value = float(default) if "." in default else int(default)
        elif kind == "switch":
            value = default == "true"
        keys[name] = Key(name, kind, value, tuple(rules.split()))
    return keys


KEYS: Mapping[str, Key] = _read(_TABLE)
DEFAULTS: Mapping[str, Value] = {name: key.default for name, key in KEYS.items()}


def parse_value(name: str, value: Any) -> Any:
    """What a value means: ms of a duration, ms of the day of a time, a pair of them, a number.

    Raises Invalid naming the key and the value.
    """
    key = KEYS.get(name)
    if key is None:
        raise Invalid(f"policy: {name!r} is no key; docs/clocks.md and GET /policies/effective list them")
    problem = f"policy: {name} = {value!r}"
    match key.kind:
        case "duration":
            return _duration(value, problem)
        case "time":
            return _time(value, problem)
        case "window":
            parts = value.split("/") if isinstance(value, str) else []
            if len(parts) != 2:
                raise Invalid(f"{problem} is no window; write it like 08:00/20:00")
            start, end = (_time(part, problem) for part in parts)
            if start == end or (start > end and name != "offhours"):
                raise Invalid(f"{problem} ends before it begins")
            return start, end
        case "workdays":
            found = _WORKDAYS.fullmatch(value) if isinstance(value, str) else None
            if found is None or int(found[1]) > _MAX_DAYS:
                raise Invalid(f"{problem} is no number of working days; write it like 3wd, at most {_MAX_DAYS}wd")
            return int(found[1])
        case "days" | "count":
            most = _MAX_DAYS if key.kind == "days" else _MAX_COUNT
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise Invalid(f"{problem} must be a whole number from 0 to {most}")
            return value
        case "amount" | "share":
            most = 1 if key.kind == "share" else 1e12
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise Invalid(f"{problem} must be a number from 0 to {most:g}")
            return value
        case "switch":
            if not isinstance(value, bool):
                raise Invalid(f"{problem} must be true or false")
            return value
        case _:
            if not isinstance(value, str) or value not in key.kind.split("/"):
                raise Invalid(f"{problem} is none of {', '.join(key.kind.split('/'))}")
            return value


def _duration(value: Any, problem: str) -> int:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not found or value in ("P", "PT") or not any(found.groups()):
        raise Invalid(f"{problem} is no ISO 8601 duration; write it like PT10M, PT2H or P1D")
    days, hours, minutes, seconds = parts
    ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    if ms > _MAX_DAYS * DAY_MS:
        raise Invalid(f"{problem} is longer than {_MAX_DAYS} days")
    return ms


def _time(value: Any, problem: str) -> int:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Invalid(f"{problem} is no time of day; write it like 08:00, the end of the day is 24:00")
    if found[1] is None:
        return DAY_MS
    return ((int(found[1]) * 60 + int(found[2])) * 60 + int(found[3] or 0)) * 1000


_MEANT: Mapping[str, Any] = {name: parse_value(name, value) for name, value in DEFAULTS.items()}


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """Values in force from an instant (UTC ms) for a channel, a customer class, both, or (None, None) for all."""

    id: str
    from_ms: int
    channel: str | None = None
    klass: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            parse_value(name, value)


class Resolved:
    """The values that hold for one channel and customer class at one instant; `id` names the deciding version."""

    __slots__ = ("_limits", "_meant", "id", "values")

    def __init__(self, id_: str, values: Mapping[str, Value]) -> None:
        self.id = id_
        self.values: Mapping[str, Value] = {**DEFAULTS, **values}
        self._meant: dict[str, Any] = {**_MEANT, **{name: parse_value(name, value) for name, value in values.items()}}
        self._limits: Policy | None = None

    def duration(self, key: str) -> int:
        """Milliseconds of a duration."""
        return self._meant[key]

    def time(self, key: str) -> int:
        """Milliseconds after local midnight, 0 … 86,400,000."""
        return self._meant[key]

    def window(self, key: str) -> tuple[int, int]:
        """Begin and end, half-open, in milliseconds after local midnight; the end may lie before the begin."""
        return self._meant[key]

    def number(self, key: str) -> int:
        """Days, working days or a count."""
        return self._meant[key]

    def amount(self, key: str) -> float:
        """Money, weight, metres or a share."""
        return self._meant[key]

    def text(self, key: str) -> str:
        """One of the words that the key takes."""
        return self._meant[key]

    def switch(self, key: str) -> bool:
        """Whether it is on."""
        return self._meant[key]

    def rule(self, *keys: str) -> str:
        """Keys with their values as they stand in the policy: `accept.limit=PT10M`."""
        return ", ".join(f"{key}={_written(self.values[key])}" for key in keys)

    def limits(self) -> Policy:
        """The limits that the fold of the orders needs."""
        if self._limits is None:
            self._limits = Policy(
                accept_from=_clock(self.window("accept.window")[0]),
                accept_until=_clock(self.window("accept.window")[1]),
                postpone_max_days=self.number("postpone.max_days"),
                wake_at=_clock(self.time("postpone.wake")),
                accept_cutoff=_clock(self.time("day.accept_cutoff")),
                edit_max=self.number("edit.max"),
                pickup_from=_clock(self.window("pickup.window")[0]),
                pickup_until=_clock(self.window("pickup.window")[1]),
                escort_kg=self.amount("escort.kg"),
                delivery_wait_ms=self.duration("delivery.wait"),
                free_attempts=self.number("redelivery.free_attempts"),
                presence_margin_ms=self.duration("presence.margin"),
                presence_radius_m=self.amount("presence.radius_m"),
                silent_wait_ms=self.duration("presence.silent_wait"),
            )
        return self._limits


def _clock(ms_of_day: int) -> time:
    """A time of day for the fold, which knows no 24:00: the last instant of the day stands for it."""
    if ms_of_day >= DAY_MS:
        return time.max
    seconds = ms_of_day // 1000
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)


class PolicySet:
    """All versions of a company's policies. It is the `orders.model.Limits` of the fold."""

    def __init__(self, versions: Iterable[PolicyVersion] = ()) -> None:
        self.versions = tuple(sorted(versions, key=lambda v: (v.from_ms, v.id)))
        self._scopes: dict[tuple[str | None, str | None], list[PolicyVersion]] = {}
        for version in self.versions:
            self._scopes.setdefault((version.channel, version.klass), []).append(version)
        self._known: dict[tuple[int, ...], Resolved] = {}
        self._plain = Resolved("default", {})

    def at(self, channel: str | None, klass: str | None, at: int) -> Resolved:
        """The values for a channel and a customer class (None: unknown) at an instant (UTC ms).

        The most specific version in force decides: (channel, class), then class, channel, all. A key it does not give
        is taken from the next less specific one, at last from the defaults.
        """
        if not self.versions:
            return self._plain
        chosen: list[PolicyVersion] = []
        for scope in dict.fromkeys(((channel, klass), (None, klass), (channel, None), (None, None))):
            chosen += next(([v] for v in reversed(self._scopes.get(scope, ())) if v.from_ms <= at), [])
        key = tuple(map(id, chosen))  # the versions live as long as this set
        known = self._known.get(key)
        if known is None:
            values: dict[str, Value] = {}
            for version in reversed(chosen):
                values.update(version.values)
            known = self._known[key] = Resolved(chosen[0].id, values) if chosen else self._plain
        return known

    def limits(self, channel: str | None, klass: str | None, at: int) -> Policy:
        """The fold's limits for a channel and a customer class at an instant (UTC ms)."""
        return self.at(channel, klass, at).limits()


def parse_policy(obj: Any) -> PolicySet:
    """Policies from a JSON file.

    Either a flat {key: value}, which is one version "file" for all time, or {"versions": [{"id", "from" (RFC 3339),
    "channel"?, "class"?, "values"}]}.

    Raises Invalid naming the version, the key and the value that are wrong.
    """
    top = _object(obj, "policy")
    if "versions" not in top:
        return PolicySet([PolicyVersion("file", -(2**53), values=cast(dict[str, Value], top))])
    given: Any = top["versions"]
    if not isinstance(given, list) or len(top) > 1:
        raise Invalid('policy: write either {key: value} or {"versions": [...]} and nothing beside it')
    return PolicySet(_version(n, each) for n, each in enumerate(cast(list[Any], given), 1))


def _version(n: int, given: Any) -> PolicyVersion:
    where = f"policy: version {n}"
    item = _object(given, where)
    if unknown := sorted(item.keys() - {"id", "from", "channel", "class", "values"}):
        raise Invalid(f"{where}: {unknown[0]!r} is not known; use id, from, channel, class, values")
    for name in ("id", "from"):
        if not isinstance(item.get(name), str) or not item[name]:
            raise Invalid(f"{where}: {name!r} is missing or no text")
    for name in ("channel", "class"):
        if not isinstance(item.get(name), str | None):
            raise Invalid(f"{where}: {name!r} must be a text")
    values = _object(item.get("values"), f"{where}: values")
    from_ms = parse_rfc3339(item["from"], f"{where}: from")
    try:
        return PolicyVersion(item["id"], from_ms, item.get("channel"), item.get("class"), values)
    except Invalid as problem:
        raise Invalid(f"{where} ({item['id']}): {problem.message}") from None


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where}: must be an object, not {type(value).__name__}")
    return cast(dict[str, Any], value)
