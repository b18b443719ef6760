"""Clocks in plain words, in Chinese and English: due when, because of what, by which rule, and how it went."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from milepost.clocks.key_words import rule_in_words, value_in_words
from milepost.clocks.words import DUTY, OTHER_START, START, STEP, VERDICT, WEEKDAYS, Pair

if TYPE_CHECKING:  # the model shows itself with these words
    from milepost.clocks.model import ClockState

_UNITS: tuple[Pair, ...] = (("天", " d"), ("小时", " h"), ("分钟", " min"), ("秒", " s"))


def explain(state: "ClockState", language: str, zone: str | None = None) -> str:
    """Why a clock is due when it is, by which rule, and how it went.

    `language`: "zh" or "en". `zone`: of the times in the text; by default the company's. A time stands without its date
    on the day that is named first, and to the second where the milliseconds decide nothing.
    """
    n = 0 if language == "zh" else 1
    at = _Clock(zone or state.why["zone"], _close(state))
    duty = DUTY[state.clock][n]
    head = _due_zh(state, at, duty) if n == 0 else _due_en(state, at, duty)
    begun, since = START.get(state.why.get("kind", ""), OTHER_START)[n], state.why["from"]
    told = [f"{at(since)} {begun}" if n == 0 else f"{begun} at {at(since)}"]
    for step in state.why["steps"]:
        told += _step(step, n, at, since)
    rule = rule_in_words(state.rule, n) if state.rule else ""
    if n == 0:
        rule = f"{state.clock}（{rule}）" if rule else state.clock
        return f"{head}：{'；'.join(told)}。规则 {rule}" + "".join(f"。{each}" for each in _outcome(state, n, at))
    rule = f"{state.clock}, {rule}" if rule else state.clock
    return f"{head}: {'; '.join(told)} (rule {rule})" + "".join(f"; {each}" for each in _outcome(state, n, at))


def _due_zh(state: "ClockState", at: "_Clock", duty: str) -> str:
    if state.due is None:
        return f"{duty}：已暂停，暂无时限"
    due = _due(state, at)
    if state.klass == "limit":
        return f"{duty}最迟 {due}"
    return f"应于 {due} {'或之前' if state.inclusive else '前'}{duty}"


def _due_en(state: "ClockState", at: "_Clock", duty: str) -> str:
    if state.due is None:
        return f"{duty}: paused, no due time"
    if state.klass == "limit":
        return f"{duty}: no later than {_due(state, at)}"
    return f"{duty}: due {'' if state.inclusive else 'before '}{_due(state, at)}"


def _due(state: "ClockState", at: "_Clock") -> str:
    """The due instant; the midnight before which something is due is the end of its day."""
    assert state.due is not None
    return at(state.due) if state.inclusive else at.before(state.due)


def _close(state: "ClockState") -> bool:
    """True when it ended within a second of its limit: then the milliseconds tell the verdict."""
    limits = [limit for limit in (state.due, state.late_from) if limit is not None]
    return state.end is not None and any(abs(state.end - limit) < 1000 for limit in limits)


class _Clock:
    """Local times as short as they are clear.

    The date is left out on the day that was named first. Milliseconds are shown where `fine`, and in the first second
    of a minute, where hiding them would put a time on a limit that it lies behind (12:00:00.001 is no longer 12:00).
    """

    def __init__(self, zone: str, fine: bool) -> None:
        self._zone, self._fine = ZoneInfo(zone), fine
        self._day: str | None = None

    def __call__(self, at_ms: int) -> str:
        """An instant (UTC ms)."""
        local = self._local(at_ms)
        ms = at_ms % 1000 if self._fine or not local.second else 0
        exact = local.strftime("%H:%M:%S" if local.second or ms else "%H:%M")
        return self._dated(local, exact + (f".{ms:03d}" if ms else ""))

    def before(self, at_ms: int) -> str:
        """An instant before which something is due: a midnight is the 24:00 of the day that it ends."""
        local = self._local(at_ms)
        if (local.hour, local.minute, local.second, at_ms % 1000) != (0, 0, 0, 0):
            return self(at_ms)
        return self._dated(self._local(at_ms - 1), "24:00")

    def _local(self, at_ms: int) -> datetime:
        seconds = min(max(at_ms // 1000, -62_135_500_000), 253_402_200_000)
        return datetime.fromtimestamp(seconds, UTC).astimezone(self._zone)

    def _dated(self, local: datetime, clock: str) -> str:
        day = local.strftime("%Y-%m-%d")
        if self._day is None:
            self._day = day
        elif self._day == day:
            return clock
        return f"{day} {clock}"


def duration(value: str | int, n: int) -> str:
    """A length in words: a limit as the policy has it (`PT10M`, `3wd`: 10 minutes), or measured milliseconds, short
    (10 min). `n`: 0 中文, 1 English."""
    if isinstance(value, str):
        return value_in_words(value, n)
    days, rest = divmod(value // 1000, 86_400)
    parts = [days, rest // 3600, rest // 60 % 60, rest % 60]
    named = [
        f"{part} {unit[0]}" if n == 0 else f"{part}{unit[1]}" for part, unit in zip(parts, _UNITS, strict=True) if part
    ]
    return " ".join(named) or (f"{value} 毫秒" if n == 0 else f"{value} ms")


def _window(value: str) -> str:
    return value.replace("/", "–")


def _step(step: list[Any], n: int, at: _Clock, since: int) -> list[str]:
    """One step in words; none for what needs no telling. `since`: the instant that was named before it."""
    code, *given = step
    fields: Mapping[str, Any]
    match code:
        case "deferred":
            code = "deferred" if given[0] == since else "deferred_at"
            fields = {"at": at(given[0]), "start": at(given[1]), "window": _window(given[2])}
        case "not_before" | "held" | "resumed" | "odd_hours" | "agreed_to":
            fields = {"at": at(given[0])}
        case "within":
            fields = {"length": duration(given[1], n)}
        case "cutoff":
            key, value, day, why = given
            code = "cutoff_days" if isinstance(value, int) else f"cutoff_{why}"
            fields = {"time": value, "n": value, "day": day, "key": key}
        case "follow_pickup":
            fields = {"time": given[1], "day": given[2], "at": at(given[3])}
        case "days" | "days_after":
            fields = {"n": given[1], "day": given[2] if len(given) > 2 else ""}
        case "longer":
            fields = {"length": duration(given[0], n)}
        case "around" | "window":
            fields = {"at": at(given[0]), "to": at(given[1]), "length": duration(given[2], n)}
        case "ahead":
            if given[1] is None:
                return []
            fields = {"length": duration(given[0], n), "at": at(given[1])}
        case "each_day":
            fields = {"day": given[0]}
        case "workdays":
            return _workdays(given, n)
        case "or_target":
            fields = {}
        case _:
            fields = {"cut": given[0], "time": given[1]}
    return [STEP[code][n].format(**fields)]


def _workdays(given: list[Any], n: int) -> list[str]:
    """Working days, naming the make-up days that count and the holidays that do not."""
    _, value, calendar, special = given
    texts = [STEP["workdays"][n].format(length=duration(value, n), calendar=calendar)]
    for day, kind in special:
        if kind in ("make_up", "holiday"):
            weekday = WEEKDAYS[n].split()[date.fromisoformat(day).weekday()]
            texts.append(STEP[kind][n].format(day=day, weekday=weekday))
    return texts


def _outcome(state: "ClockState", n: int, at: _Clock) -> list[str]:
    """How it went; nothing while it runs."""
    end = "" if state.end is None else at(state.end)
    if state.verdict == "open":
        return []
    if state.verdict in ("met", "early", "void", "lapsed"):
        return [VERDICT[state.verdict][n].format(end=end)]
    texts: list[str] = []
    if state.end is not None and state.due is not None:
        texts.append(VERDICT["late_end"][n].format(end=end, by=duration(max(0, state.end - state.due), n)))
    elif state.late_from is not None:
        late = "late_after" if state.inclusive else "late"
        texts.append(VERDICT[late][n].format(late=at(state.late_from - state.inclusive)))
    if state.verdict == "excused":
        texts.append(VERDICT["excused"][n])
    if state.excusable:
        texts.append(VERDICT["excusable"][n])
    return texts
