"""What the commands on goods take: units, picking, pickup, waybill, loading, delivery, papers, exceptions."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from milepost.numbers import Number
from milepost.orders.fields import Amount, Command, Id, Instant, Pieces, Short, Strict, Text, Units, storable
from milepost.times import parse_rfc3339


class UnitIn(Strict):
    """One handling unit; `epc` and `epcs` are written to its tags."""

    unit: Id | None = Field(None, description="its id; default: a new one", max_length=36)
    no: str | int | None = None
    epc: Id | None = None
    epcs: list[Annotated[str, StringConstraints(min_length=4, max_length=124)]] = Field(
        default_factory=list, max_length=8
    )
    line: Annotated[int, Field(ge=1, le=1000), Number] | None = None
    sku: Short | None = None
    pieces: Annotated[int, Field(ge=1, le=1_000_000), Number] = 1
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
    epc: Annotated[str, StringConstraints(min_length=4, max_length=124), AfterValidator(storable)]


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


class UnitSeen(Command):
    unit: Id
    site: Id


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
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), Number]
    lng: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), Number]
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
