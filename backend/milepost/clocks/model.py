"""What a clock is once it has been judged: plain data, no I/O (docs/clocks.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from milepost.clocks.explain import explain
from milepost.times import to_rfc3339

CLASSES = ("obligation", "limit", "conditional", "target", "reminder")
VERDICTS = ("open", "met", "early", "late", "lapsed", "void", "excused")
BREACHED = ("late", "excused")
CALL_CENTRE = "call_centre"
_TIMES = ("start", "due", "late_from", "end", "breached_at")


@dataclass(frozen=True, slots=True)
class ClockState:
    """One clock of one order. Times are UTC ms; the words are those of docs/clocks.md.

    `owner`: a branch id, or `call_centre`. `policy`: id of the version in force at its start; `rule`: the policy's
    keys and values behind it. `why`: {"zone", "from": ms, "steps": [[code, value, …], …]}, what `explain` tells.
    """

    order: str
    clock: str
    klass: str
    start_fact: str
    subject: str
    owner: str | None
    start: int
    due: int | None
    inclusive: bool
    late_from: int | None
    end: int | None
    end_fact: str | None
    verdict: str
    breached_at: int | None
    excusable: bool
    rejudged: bool
    paused_ms: int
    policy: str
    rule: str
    why: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What tells it from every other clock, over all refolds."""
        return f"{self.order}/{self.clock}/{self.start_fact}/{self.subject}"

    @property
    def next_at(self) -> int | None:
        """The instant (UTC ms) at which its verdict changes if nothing happens; None when nothing does."""
        return self.late_from if self.verdict == "open" else None

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {name: getattr(self, name) for name in _NAMES} | {"why": dict(self.why)}


_NAMES = tuple(field.name for field in fields(ClockState))


def shown(state: ClockState) -> dict[str, Any]:
    """A clock for people and programs outside: RFC 3339 times, its key, its explanation in both languages."""
    values = state.as_dict()
    values |= {name: to_rfc3339(values[name]) for name in _TIMES}
    values["why"]["from"] = to_rfc3339(state.why["from"])
    return {
        "key": state.key,
        **values,
        "explanation": {language: explain(state, language) for language in ("zh", "en")},
    }
