"""What each command takes over HTTP: typed and bounded. Field names are those of the vocabulary (docs/facts.md)."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from milepost.times import parse_rfc3339


def _storable(text: str) -> str:
    """Refuse what no database can keep."""
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds half a surrogate pair")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_storable)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_storable)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_storable)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Pieces = Annotated[int, Field(ge=0, le=1_000_000)]
Instant = Annotated[str, Field(description="RFC 3339 with an offset", max_length=40)]
Units = Annotated[list[Id], Field(min_length=1, max_length=5000)]


class Strict(BaseModel):
    """Unknown fields are refused: a misspelt one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Command(Strict):
    """What every command may say beside its own fields."""

    at: Instant | None = Field(None, description="when it happened, RFC 3339; default: now")
    source: Literal["person", "scan", "phone"] = Field("person", description="by hand, by scanner, by phone app")

    def fields(self) -> dict[str, Any]:
        """The fact's fields: names of the vocabulary, instants as UTC ms, dates as text."""
        given = self.model_dump(by_alias=True, exclude_none=True, exclude={"at", "source"}, mode="json")
        for name in _INSTANTS & given.keys():
            if isinstance(given[name], str):
                given[name] = parse_rfc3339(given[name], name)
        return given


# Fields of commands that are instants; `from` and `to` of an order are places, `to` of postpone is a date.
_INSTANTS = frozenset({"can_receive_at", "eta", "placed_at"})


class Line(Strict):
    """One line of goods."""

    line: str | int | None = None
    sku: Short | None = None
    item: Short | None = None
    name: Short | None = None
    qty: float = Field(gt=0, le=1e9, allow_inf_nan=False)
    unit: Short | None = None
    unit_price: Amount | None = None
    batch: Short | None = None
    remark: Text | None = None


class Place(Strict):
    """Where from, where to: a site of ours or an address."""

    site: Id | None = None
    name: Short | None = None
    address: Text | None = None
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    lng: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    phone: Short | None = None


class Contact(Strict):
    name: Short
    phone: Short | None = None
    email: Short | None = None
    remark: Text | None = None


class Dates(Strict):
    """Days of the order as agreed with the customer (OT-2)."""

    order: date | None = None
    ship: date | None = None
    required: date | None = None


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


class Branch(Command):
    branch: Id


class Reroute(Command):
    to_branch: Id


class Changes(Strict):
    lines: list[Line] | None = Field(None, min_length=1, max_length=1000)
    contact: Contact | None = None
    to: Place | None = None
    remark: Text | None = None


class Edit(Command):
    changes: Changes
    override_by: Short | None = None


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
    checked: bool = True


class Postpone(Command):
    to: date
    asked_by: Short


class Cancel(Command):
    asked_by: Short
    reason: Text | None = None


class Reason(Command):
    reason: Text


class LinkTo(Command):
    other: Id
    relation: Short


class UnitIn(Strict):
    """One handling unit; `epc` and `epcs` are written to its tags."""

    unit: Id | None = Field(None, description="its id; default: a new one", max_length=36)
    no: str | int | None = None
    epc: Id | None = None
    epcs: list[Annotated[str, StringConstraints(min_length=4, max_length=124)]] = Field(
        default_factory=list, max_length=8
    )
    line: int | None = Field(None, ge=1, le=1000)
    sku: Short | None = None
    pieces: int = Field(1, ge=1, le=1_000_000)
    kg: Amount | None = None


class UnitList(Command):
    units: list[UnitIn] = Field(min_length=1, max_length=5000)

    def fields(self) -> dict[str, Any]:
        """Units with all their EPCs in one list."""
        given = super().fields()
        for unit in given["units"]:
            epc = unit.pop("epc", None)
            unit["epcs"] = ([epc] if epc else []) + unit["epcs"]
        return given


class UnitEpc(Command):
    unit: Id
    epc: Annotated[str, StringConstraints(min_length=4, max_length=124), AfterValidator(_storable)]


class Route(Command):
    mode: Literal["own", "direct", "handout", "collect"]
    terminal: Id | None = None
    hubs: list[Id] | None = Field(None, max_length=50)


class PickList(Command):
    list_: Short = Field(alias="list")


class Picked(Command):
    unit: Id | None = None
    line: Id | None = None
    qty: Amount | None = None


class LineShort(Command):
    line: Id
    qty: Amount


class Window(Command):
    from_: Instant = Field(alias="from")
    to: Instant

    def fields(self) -> dict[str, Any]:
        """The window in UTC ms."""
        given = super().fields()
        return given | {name: parse_rfc3339(given[name], name) for name in ("from", "to")}


class PickupDone(Command):
    pieces: Pieces
    packing: Short
    signers: list[Short] = Field(min_length=2, max_length=2)


class HandedIn(Command):
    branch: Id
    pieces: Pieces


class Weighed(Command):
    kg: Amount
    max_piece_kg: Amount
    upstairs: bool | None = None


class Waybill(Command):
    waybill: Id
    pieces: Pieces
    kg: Amount
    irregular: bool | None = None


class UnitAt(Command):
    unit: Id
    site: Id
    vehicle: Id | None = None
    door: Id | None = None


class UnitOnto(UnitAt):
    vehicle: Id  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class UnitsReason(Command):
    units: Units
    reason: Text
    trip: Id | None = None


class Handout(Command):
    carrier: Id
    phone: Short
    outside_no: Short


class Track(Command):
    text: Text
    place: Short | None = None


class Position(Strict):
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lng: float = Field(ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: Amount | None = None


class Sign(Command):
    signer: Short
    pieces: Pieces
    trip: Id | None = None
    pos: Position | None = None
    units: Units | None = None


class SignAbnormal(Sign):
    note: Text
    photo: Id = Field(description="id of the stored picture")
    short: Pieces = 0
    damaged: Pieces = 0


class Refuse(Command):
    reason: Text
    pieces: Pieces | None = None
    trip: Id | None = None
    pos: Position | None = None
    units: Units | None = None


class Failed(Command):
    cause: Text
    contact: Text = Field(description="whom one tried to reach, and how")
    trip: Id | None = None


class Disposition(Command):
    decision: Literal["redeliver", "return", "dispose", "lost"]
    units: Units | None = None


class SlipMoved(Command):
    slip: Id
    holder: Short


class Receipt(Command):
    slip: Id
    qualified: bool = True


class Trouble(Command):
    ex: Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
    cause: Id
    stage: Short = "in_transit"
    unit: Id | None = None
    trip: Id | None = None
    eta: Instant | None = None


class Settled(Command):
    ex: Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
    cause: Id = Field(description="the `key` of the exception")


class Retract(Command):
    target: Id
    why: Text


class Correct(Retract):
    fields_: dict[str, Any] = Field(alias="fields", max_length=20)


class LoadSign(Command):
    pieces: Pieces
    cautions: list[Text] = Field(default_factory=list, max_length=50)


class LoadCheck(Command):
    pieces: Pieces
    order: Id | None = None


class Transfer(Command):
    from_: Id = Field(alias="from")
    to: Id
    units: Units


class Plain(Command):
    """A command without fields of its own."""


BODIES: dict[str, type[Command]] = {
    "submit": Submit,
    "assign": Branch,
    "accept": Branch,
    "reroute": Reroute,
    "edit": Edit,
    "hold": Hold,
    "release": Hold,
    "payment": Payment,
    "price": Price,
    "note-printed": NotePrinted,
    "remark": Remark,
    "exempt": Exempt,
    "contact": ContactLogged,
    "confirm": Confirm,
    "postpone": Postpone,
    "cancel-request": Cancel,
    "cancel": Cancel,
    "cancel-reason": Reason,
    "link": LinkTo,
    "units": UnitList,
    "bind-unit": UnitEpc,
    "unbind-unit": UnitEpc,
    "route": Route,
    "pick-list": PickList,
    "picked": Picked,
    "line-short": LineShort,
    "ready": Reason,
    "pickup-agreed": Window,
    "pickup-done": PickupDone,
    "handed-in": HandedIn,
    "weighed": Weighed,
    "waybill": Waybill,
    "load": UnitOnto,
    "pass-back": UnitOnto,
    "unload": UnitAt,
    "load-override": UnitsReason,
    "split-consented": UnitsReason,
    "handout": Handout,
    "track": Track,
    "delivery-agreed": Window,
    "sign": Sign,
    "sign-abnormal": SignAbnormal,
    "refuse": Refuse,
    "delivery-failed": Failed,
    "disposition": Disposition,
    "receipt-moved": SlipMoved,
    "receipt-lost": SlipMoved,
    "receipt": Receipt,
    "archive": Plain,
    "raise": Trouble,
    "close-exception": Settled,
    "retract": Retract,
    "correct": Correct,
}
TRIP_BODIES: dict[str, type[Command]] = {"load-sign": LoadSign, "load-check": LoadCheck, "transfer": Transfer}
