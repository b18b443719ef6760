"""Clocks in plain words, in Chinese and English: due when, because of what, by which rule, and how it went."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from milepost.clocks.words import DUTY, OTHER_START, START, STEP, VERDICT, WEEKDAYS, Pair

if TYPE_CHECKING:  # the model shows itself with these words
    from milepost.clocks.model import ClockState

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS: tuple[Pair, ...] = (("天", " d"), ("小时", " h"), ("分钟", " min"), ("秒", " s"))


def explain(state: "ClockState", language: str, zone: str | None = None) -> str:
    """Why a clock is due when it is, by which rule, and how it went.

    `language`: "zh" or "en". `zone`: of the times in the text; by default the company's.
    """
    n = 0 if language == "zh" else 1
    at = _clock(zone or state.why["zone"])
    duty = DUTY[state.clock][n]
    steps = [text for step in state.why["steps"] for text in _step(step, n, at)]
    begun = START.get(state.why.get("kind", ""), OTHER_START)[n]
    start = f"{at(state.why['from'])} {begun}" if n == 0 else f"{begun} at {at(state.why['from'])}"
    rule = f"{state.clock}, {state.rule}" if state.rule else state.clock
    if n == 0:
        head = _due_zh(state, at, duty)
        text = f"{head}:{';'.join([start, *steps])}。规则 {rule}"
        return text + "".join(f"。{each}" for each in _outcome(state, n, at))
    head = _due_en(state, at, duty)
    text = f"{head}: {'; '.join([start, *steps])} (rule {rule})"
    return text + "".join(f"; {each}" for each in _outcome(state, n, at))


def _due_zh(state: "ClockState", at: Callable[[int], str], duty: str) -> str:
    if state.due is None:
        return f"{duty}:已暂停,暂无时限"
    due = _due(state, at)
    if state.klass == "limit":
        return f"{duty}最迟 {due}"
    return f"应于 {due} {'或之前' if state.inclusive else '前'}{duty}"


def _due_en(state: "ClockState", at: Callable[[int], str], duty: str) -> str:
    if state.due is None:
        return f"{duty}: paused, no due time"
    if state.klass == "limit":
        return f"{duty}: no later than {_due(state, at)}"
    return f"{duty}: due {'' if state.inclusive else 'before '}{_due(state, at)}"


def _due(state: "ClockState", at: Callable[[int], str]) -> str:
    """The due instant; the midnight before which something is due is the end of its day."""
    assert state.due is not None
    text = at(state.due)
    if state.inclusive or not text.endswith(" 00:00"):
        return text
    return at(state.due - 1)[:10] + " 24:00"


def _clock(zone: str) -> Callable[[int], str]:
    """Local times as short as they are exact: seconds and milliseconds only where there are any."""
    where = ZoneInfo(zone)

    def text(at_ms: int) -> str:
        seconds = min(max(at_ms // 1000, -62_135_500_000), 253_402_200_000)
        local = datetime.fromtimestamp(seconds, UTC).astimezone(where)
        exact = local.strftime("%Y-%m-%d %H:%M")
        if local.second or at_ms % 1000:
            exact += local.strftime(":%S")
        return exact + (f".{at_ms % 1000:03d}" if at_ms % 1000 else "")

    return text


def duration(value: str | int, n: int) -> str:
    """A length in words: an ISO 8601 duration, working days (3wd), or milliseconds. `n`: 0 中文, 1 English."""
    if isinstance(value, int):
        days, rest = divmod(value // 1000, 86_400)
        parts = [days, rest // 3600, rest // 60 % 60, rest % 60]
    elif value.endswith("wd"):
        count = value[:-2]
        return (f"{count} 个工作日", f"{count} working day{'' if count == '1' else 's'}")[n]
    else:
        found = _DURATION.fullmatch(value)
        parts = [int(part or 0) for part in found.groups()] if found else [0, 0, 0, 0]
    named = [
        f"{part} {unit[0]}" if n == 0 else f"{part}{unit[1]}" for part, unit in zip(parts, _UNITS, strict=True) if part
    ]
    return " ".join(named) or (f"{value} 毫秒" if n == 0 else f"{value} ms")


def _window(value: str) -> str:
    return value.replace("/", "–")


def _step(step: list[Any], n: int, at: Callable[[int], str]) -> list[str]:
    """One step in words; none for what needs no telling."""
    code, *given = step
    fields: Mapping[str, Any]
    match code:
        case "deferred":
            fields = {"at": at(given[0]), "start": at(given[1]), "window": _window(given[2])}
        case "not_before" | "held" | "resumed" | "odd_hours" | "agreed_to":
            fields = {"at": at(given[0])}
        case "within":
            fields = {"length": duration(given[1], n)}
        case "cutoff":
            key, value, day, why = given
            code = "cutoff_days" if isinstance(value, int) else f"cutoff_{why}"
            fields = {"time": value, "n": value, "day": day, "key": key}
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


def _outcome(state: "ClockState", n: int, at: Callable[[int], str]) -> list[str]:
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
        texts.append(VERDICT["late"][n].format(late=at(state.late_from)))
    if state.verdict == "excused":
        texts.append(VERDICT["excused"][n])
    if state.excusable:
        texts.append(VERDICT["excusable"][n])
    return texts
