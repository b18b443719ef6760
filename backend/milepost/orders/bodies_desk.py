"""What the commands of the desk take: asking, accepting, changing, cancelling, complaining."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from milepost.numbers import Number
from milepost.orders.fields import (
    Amount,
    Command,
    Contact,
    Currency,
    Dates,
    Id,
    Instant,
    Line,
    Place,
    Short,
    Strict,
    Text,
)


class Request(Command):
    """An order as it is asked for. What is missing may come with `submit`."""

    number: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$", description="default: SO-YYMMDD-NNNN"
    )
    type: Literal["goods", "consignment"]
    customer: Id
    class_: Short | None = Field(None, alias="class")
    channel: Short | None = None
    online: bool | None = None
    lines: list[Line] = Field(default_factory=list, max_length=1000)
    from_: Place | None = Field(None, alias="from")
    to: Place | None = None
    contact: Contact | None = None
    dates: Dates | None = None
    pickup: Literal["none", "asap", "appointment"] | None = None
    branch: Id | None = None
    payment_term: Short | None = None
    currency: Currency | None = None
    placed_at: Instant | None = Field(None, description="when the platform took it")


class Submit(Command):
    class_: Short | None = Field(None, alias="class")
    channel: Short | None = None
    online: bool | None = None
    lines: list[Line] | None = Field(None, min_length=1, max_length=1000)
    from_: Place | None = Field(None, alias="from")
    to: Place | None = None
    contact: Contact | None = None
    dates: Dates | None = None
    pickup: Literal["none", "asap", "appointment"] | None = None
    branch: Id | None = None
    payment_term: Short | None = None
    currency: Currency | None = None


class Branch(Command):
    branch: Id


class Talk(Strict):
    """What was said with the customer; carried by a command that needs it, it is logged first."""

    with_: Short = Field(alias="with")
    about: Text
    result: Text


class Accept(Command):
    branch: Id | None = Field(None, description="default: the branch that has the order")
    contact: Talk | None = Field(None, description="the talk with the customer that comes before (EO-1)")


class Reroute(Command):
    to_branch: Id
    override_by: Short | None = Field(None, description="who allows a third change after the acceptance (N-06)")


class Changes(Strict):
    """Everything that may change before the lock (X-6); what is left out stays."""

    lines: list[Line] | None = Field(None, min_length=1, max_length=1000)
    contact: Contact | None = None
    from_: Place | None = Field(None, alias="from")
    to: Place | None = None
    dates: Dates | None = None
    pickup: Literal["none", "asap", "appointment"] | None = None
    class_: Short | None = Field(None, alias="class")
    channel: Short | None = None
    remark: Text | None = None


class Edit(Command):
    changes: Changes
    override_by: Short | None = Field(None, description="who allows a third change after the acceptance (N-06)")


class Hold(Command):
    hold: Short = Field(description="why it stands: data, payment, ...")
    reason: Text


class Payment(Command):
    status: Short


class Price(Command):
    amount: Amount
    by: Short


class NotePrinted(Command):
    paper: Short
    branch: Id


class Remark(Command):
    remark: Literal["accept", "bill", "track"]
    text: Text
    filed: bool | None = None


class Exempt(Command):
    cause: Text


class ContactLogged(Command):
    with_: Short = Field(alias="with")
    about: Text
    result: Text
    can_receive_at: Instant | None = None


class Confirm(Command):
    checked: Literal[True] = Field(True, description="quantities and units have been checked (T5)")


class Postpone(Command):
    to: date
    asked_by: Short


class CancelRequest(Command):
    asked_by: Short
    reason: Text | None = None


class Cancel(CancelRequest):
    asked_by: Short = Field(description="`customer`, or the department that asked by cancel-request (X-17)")
    contact: Talk | None = Field(None, description="the talk in which the customer said so")


class Reason(Command):
    reason: Text


class LinkTo(Command):
    other: Id = Field(description="id or number of the other order")
    relation: Short = Field(description="what the other is to this one: supplementary, split, replacement, …")


class PartLine(Strict):
    line: Id = Field(description="`line` of the order's own line")
    qty: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False), Number]


class Part(Strict):
    """Goods that go into an order of their own."""

    lines: list[PartLine] = Field(min_length=1, max_length=1000)
    to: Place | None = Field(None, description="default: as the whole order")
    dates: Dates | None = None


class Split(Command):
    parts: list[Part] = Field(min_length=1, max_length=50)
    override_by: Short | None = Field(None, description="who allows a third change after the acceptance (N-06)")


class Append(Command):
    """A supplementary order for the same customer and addresses (补货, OD-3)."""

    lines: list[Line] = Field(min_length=1, max_length=1000)
    dates: Dates | None = None
    to: Place | None = None
    reason: Text | None = None


class Lodge(Command):
    complaint: Id | None = Field(None, description="its id; default: a new one")
    class_: Literal["1", "2", "3", "mail", "change", "other"] = Field(alias="class")
    about: Text


class Complaint(Command):
    complaint: Id


class Substantiate(Complaint):
    points: Short = Field(description="row of the table of points, PT-…")
    region: Id


class LodgeClaim(Command):
    claim: Id | None = Field(None, description="its id; default: a new one")
    amount: Amount
    declared: Amount


class Claim(Command):
    claim: Id


class ClaimAmount(Claim):
    amount: Amount


class Located(Command):
    answer: Text | None = Field(None, description="what the customer was told")
