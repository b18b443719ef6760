"""What the API answers about orders. Times are RFC 3339 in UTC with ms."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Partial(BaseModel):
    """How many of the counting units have reached a stage that not all have."""

    done: int
    total: int


class StageBrief(BaseModel):
    n: int
    key: str
    done: bool
    at: str | None = Field(description="when it was reached, whole")
    since: str | None = Field(description="of in_transit: when the last vehicle left; `at` is the end of the journey")
    grade: str | None = Field(description="A-D, see docs/facts.md")
    inferred: bool
    partial: Partial | None


class Stage(StageBrief):
    """One of the nine mileposts with the facts it rests on."""

    recorded_at: str | None
    source: str | None
    facts: list[str]


class LineOut(BaseModel):
    """Ordered, picked, loaded, delivered (OD-2)."""

    model_config = ConfigDict(extra="allow")

    line: str
    ordered: float | None
    short: float
    picked: float
    loaded: float
    delivered: float


class UnitOut(BaseModel):
    id: str
    no: str
    line: str | None
    pieces: int
    kg: float | None
    epcs: list[str]
    state: str
    at: str | None
    vehicle: str | None
    trip: str | None
    site: str | None
    counts: bool
    released: str | None
    wrong_truck: bool
    frozen: bool
    attempt: int


class Delivery(BaseModel):
    trip: str | None
    attempt: int
    units: int
    outcome: str | None
    at: str | None


class TroubleOut(BaseModel):
    """An exception: open while `closed_at` is null."""

    kind: str
    ex: str | None
    key: str
    cause: str
    opened_at: str
    closed_at: str | None
    facts: list[str]
    data: dict[str, Any]


class Summary(BaseModel):
    id: str
    number: str
    type: str | None
    waybill: str | None
    customer: str | None
    channel: str | None
    customer_class: str | None
    phone: str | None
    ship_on: str | None
    branch: str | None
    site: str | None
    carrier: str | None
    vehicle: str | None
    trip: str | None
    state: str
    stage: int
    current: str | None
    outcome: str | None
    open_exceptions: int
    version: int
    created_at: str
    updated_at: str
    tally: dict[str, int]
    stages: list[StageBrief]
    flags: list[str]


class Page(BaseModel):
    items: list[Summary]
    next: str | None = Field(description="cursor of the next page, null on the last")


class Warned(BaseModel):
    """What the command did all the same, and somebody should look at."""

    code: str
    detail: str


class Counters(BaseModel):
    """What is counted for fees, escorts and blame (N-06, N-36, N-37, N-39)."""

    reroutes: int
    edits: int = Field(description="re-routings and staff edits since the first acceptance")
    liability: str | None = Field(description="the branch that is liable for too many changes")
    attempts: int
    charged_attempts: int
    escorts: int | None
    max_piece_kg: float | None
    weighed_kg: float | None


class LinkOut(BaseModel):
    other: str
    relation: str
    at: str


class Slip(BaseModel):
    """The return receipt: who holds it, since when; when it came back."""

    slip: str | None
    holder: str | None
    at: str
    returned_at: str | None


class OrderOut(BaseModel):
    """An order whole."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    number: str
    state: str
    stage: int
    current: str | None = Field(description="lowest stage not done; null when all are")
    outcome: str | None
    type: str | None
    customer: str | None
    channel: str | None
    customer_class: str | None
    branch: str | None
    waybill: str | None
    d0: str | None
    mode: str | None
    trip: str | None
    trip_number: str | None
    vehicle: str | None
    plate: str | None
    site: str | None
    from_site: str | None
    to_site: str | None
    from_: dict[str, Any] | None = Field(alias="from")
    to: dict[str, Any] | None
    contact: dict[str, Any] | None
    dates: dict[str, Any] | None
    payment_term: str | None
    currency: str | None
    pickup: str | None
    remark: str | None
    carrier: str | None
    stages: list[Stage]
    tally: dict[str, int]
    lines: list[LineOut]
    units: list[UnitOut]
    deliveries: list[Delivery]
    exceptions: list[TroubleOut]
    flags: list[str]
    disposition: str | None
    open_claims: list[str]
    counters: Counters
    acts: dict[str, str] = Field(description="acts that guards ask for, with the time of the latest")
    links: list[LinkOut]
    slip: Slip | None
    payment: str | None
    next_due: str | None
    created_at: str
    updated_at: str
    version: int
    allowed: list[str] = Field(description="commands you may give now, guards counted that the order itself decides")
    warnings: list[Warned] = Field(default_factory=list, description="of the command just given")


class Author(BaseModel):
    role: str
    id: str
    name: str | None = Field(description="of a person with an account")
    branch: str | None


class Subject(BaseModel):
    kind: str
    id: str
    text: str


class FactOut(BaseModel):
    """One fact of the evidence log."""

    id: str
    rev: int
    kind: str
    at: str
    recorded_at: str
    received_at: str
    clock: str
    by: Author
    source: str
    subjects: list[Subject]
    body: dict[str, Any]
    confidence: float
    grade: str | None
    inputs: list[str]
    snapshot: dict[str, Any] | None
    rule: str | None
    stages: list[str] = Field(description="the stages of this order that rest on it")


class TripOrder(BaseModel):
    id: str
    number: str
    state: str


class TripStep(BaseModel):
    trip: str
    fact: str
    orders: list[TripOrder]
    warnings: list[Warned]


class SplitOut(BaseModel):
    """The order with what is left in it, and the orders made of its parts."""

    order: OrderOut
    parts: list[OrderOut]
