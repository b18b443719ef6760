"""What the bodies of commands are made of: bounded types, places, lines, dates, and what every command may say."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from milepost.errors import Invalid
from milepost.numbers import Number
from milepost.times import parse_rfc3339


def storable(text: str) -> str:
    """Refuse what no database can keep."""
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds half a surrogate pair")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(storable)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(storable)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(storable)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Number]
Pieces = Annotated[int, Field(ge=0, le=1_000_000), Number]
Instant = Annotated[str, Field(description="RFC 3339 with an offset", max_length=40)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
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
    """One line of goods (OD-13)."""

    line: str | int | None = None
    sku: Short | None = None
    item: Short | None = None
    name: Short | None = None
    qty: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False), Number]
    unit: Short | None = None
    unit_price: Amount | None = None
    batch: Short | None = None
    required: date | None = Field(None, description="day by which this line is wanted")
    ship: date | None = Field(None, description="day on which this line is to leave")
    deliver_to: Text | None = Field(None, description="delivery place, where it is not the order's")
    warehouse: Id | None = Field(None, description="site that ships it, where it is not the order's")
    remark: Text | None = None


class Place(Strict):
    """Where from, where to: a site of ours or an address."""

    site: Id | None = None
    name: Short | None = None
    address: Text | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), Number] | None = None
    lng: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), Number] | None = None
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
    pickup: Instant | None = Field(None, description="appointment at the shipper (PU-3)")
    pickup_to: Instant | None = Field(None, description="end of the appointment, where it is a window")

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        """Refuse here what serializing could not: an error there is a failure of ours."""
        try:
            self._appointment()
        except Invalid as error:
            raise ValueError(error.message) from None
        return self

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As the fact says it: the appointment in UTC ms, or {from, to} of them."""
        told = handler(self)
        for name in ("pickup", "pickup_to"):
            told.pop(name, None)
        appointment = self._appointment()
        return told if appointment is None else told | {"pickup": appointment}

    def _appointment(self) -> int | dict[str, int] | None:
        if self.pickup is None:
            if self.pickup_to is not None:
                raise Invalid("pickup_to: give pickup too, when it begins")
            return None
        begins = parse_rfc3339(self.pickup, "pickup")
        ends = begins if self.pickup_to is None else parse_rfc3339(self.pickup_to, "pickup_to")
        if ends < begins:
            raise Invalid("pickup_to: the appointment ends before it begins")
        return begins if ends == begins else {"from": begins, "to": ends}
