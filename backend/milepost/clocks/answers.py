"""What the API answers about clocks. Times are RFC 3339 in UTC with ms."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Verdict = Literal["open", "met", "early", "late", "lapsed", "void", "excused"]
Klass = Literal["obligation", "limit", "conditional", "target", "reminder"]


class Explanation(BaseModel):
    """Why it is due when it is, in both languages."""

    zh: str
    en: str


class Judgement(BaseModel):
    """One clock as it was judged."""

    order: str
    clock: str = Field(description="the rule, as N-01")
    klass: Klass
    start_fact: str
    subject: str
    owner: str | None = Field(description="branch, or call_centre")
    start: str
    due: str | None = Field(description="null while it is paused")
    inclusive: bool
    late_from: str | None = Field(description="not ended before this instant, it is late")
    end: str | None
    end_fact: str | None
    verdict: Verdict
    breached_at: str | None
    excusable: bool
    rejudged: bool = Field(description="by the facts received up to `late_from` the verdict was another one")
    paused_ms: int
    policy: str
    rule: str
    why: dict[str, Any]


class ClockOut(Judgement):
    """One clock of an order."""

    key: str
    to_do: str = Field(description="what ends it")
    waiting: bool = Field(description="somebody still has to act because of it")
    explanation: Explanation


class AuditOut(BaseModel):
    """A clock that was judged anew; `after` is null where its start was no longer true."""

    at: str
    clock: str
    start_fact: str
    subject: str
    cause: Literal["fact", "calendar"]
    facts: list[str]
    calendars: str | None = Field(description="version of the calendar that moved it")
    why: str
    before: Judgement
    after: Judgement | None


class DeskRow(BaseModel):
    """An order that somebody has to act upon, with the clock that presses most."""

    order_id: str
    number: str
    customer: str | None
    channel: str | None
    customer_class: str | None
    branch: str | None
    from_: str | None = Field(alias="from")
    to: str | None
    pieces: int | None
    kg: float | None
    clock: str
    klass: Klass
    verdict: Verdict
    start: str
    due: str | None
    late_from: str | None
    to_do: str
    owner: str | None
    state: str
    version: int
    more: int = Field(description="how many more clocks of this order wait")


class Kept(BaseModel):
    """Of the promises that started that day: how many of those that are over were kept, how many still run."""

    on_time: int
    of: int
    open: int


class Cancelled(BaseModel):
    with_reason: int
    without_reason: int


class Hour(BaseModel):
    hour: int = Field(ge=0, le=23)
    received: int
    accepted: int


class Figures(BaseModel):
    """The strip above the desk."""

    day: str
    from_: str = Field(alias="from")
    to: str
    accepted: Kept
    assigned: Kept
    median_accept_ms: int | None
    rerouted: int
    postponed: int
    cancelled: Cancelled
    waiting: int = Field(description="orders that somebody has to act upon now")
    late: int = Field(description="of those, the ones with a clock that is late")
    hours: list[Hour]


Value = str | int | float | bool


class PolicyOut(BaseModel):
    """One version of the policies. It is never edited."""

    id: str
    from_: str = Field(alias="from")
    channel: str | None
    class_: str | None = Field(alias="class")
    values: dict[str, Value]
    why: str
    author: str
    created_at: str


class EffectiveKey(BaseModel):
    key: str
    value: Value
    default: Value
    kind: str
    rules: list[str]


class EffectiveOut(BaseModel):
    """What holds for a channel and a customer class at an instant; `id` is the deciding version."""

    id: str
    at: str
    channel: str | None
    class_: str | None = Field(alias="class")
    keys: list[EffectiveKey]


class CalendarOut(BaseModel):
    """A business calendar: its days off and its make-up working days beside the seeded ones."""

    name: str
    version: str = Field(description="send it back as `version` with a change")
    zone: str
    default: bool = Field(description="kept by every branch whose own calendar is not known")
    branches: list[str]
    seeded: bool = Field(description="with the public holidays and make-up days that are known")
    holidays: list[str]
    workdays: list[str]
    hours: list[str]
    why: str | None
    author: str | None
    created_at: str | None


class CalendarVersion(BaseModel):
    id: str
    why: str
    author: str
    created_at: str
    days: dict[str, Any]


class Day(BaseModel):
    date: str
    workday: bool
