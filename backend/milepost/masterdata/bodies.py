"""What the registers take and show over HTTP: typed and bounded."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from milepost.numbers import Number
from milepost.times import to_rfc3339


def _storable(text: str) -> str:
    """Refuse what no database can keep."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds a NUL character or half a surrogate pair")
    return text


_Plain = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_storable)]
Code32 = Annotated[_Plain, Field(max_length=32)]
Code64 = Annotated[_Plain, Field(max_length=64)]
Sku = Annotated[_Plain, Field(max_length=80)]
Name80 = Annotated[_Plain, Field(max_length=80)]
Name120 = Annotated[_Plain, Field(max_length=120)]
Note = Annotated[_Plain, Field(max_length=1000)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), Number]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), Number]


class Strict(BaseModel):
    """Unknown fields are refused: a misspelt one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid")


class Changes(Strict):
    """Fields that are left out stay as they are; null empties a field that may be empty."""

    def given(self) -> dict[str, Any]:
        """What the client said, no more."""
        return self.model_dump(exclude_unset=True)

    @model_validator(mode="after")
    def _kept(self) -> Self:
        empty = [name for name in self.model_fields_set & _NEVER_EMPTY if getattr(self, name) is None]
        if empty:
            raise ValueError(f"{', '.join(sorted(empty))}: may not be null; leave it out to keep it as it is")
        return self


_NEVER_EMPTY = frozenset(
    {"name_zh", "name_en", "name", "region", "big_region", "calendar", "vip", "parties", "aliases", "active"}
)


class BranchChanges(Changes):
    name_zh: Name80 | None = None
    name_en: Name80 | None = None
    region: Code64 | None = Field(None, description="区域")
    big_region: Code64 | None = Field(None, description="大区")
    calendar: Code64 | None = Field(None, description="name of its business calendar")
    lat: Latitude | None = None
    lng: Longitude | None = None
    phone: Code32 | None = None
    active: bool | None = None


class NewBranch(Strict):
    id: Code32
    name_zh: Name80
    name_en: Name80
    region: Code64
    big_region: Code64
    calendar: Code64 = "default"
    lat: Latitude | None = None
    lng: Longitude | None = None
    phone: Code32 | None = None


class CustomerChanges(Changes):
    name: Name120 | None = None
    customer_class: Sku | None = Field(None, description="GET /vocabulary lists the usual ones; others are taken")
    channel: Sku | None = Field(None, description="where its orders come from when they do not say so")
    tier: Code32 | None = Field(None, description="KA-1: economic, group, strategic, important")
    vip: bool | None = None
    branch: Code64 | None = Field(None, description="the branch that looks after it")
    contact: Name80 | None = None
    phone: Code32 | None = None
    email: Name120 | None = None
    address: Note | None = None
    payment_term: Sku | None = None
    currency: Currency | None = None
    remark: Note | None = None
    parties: list[Code32] | None = Field(
        None, max_length=5, description="customer, receiver, object, supplier, carrier: any of them (LI-3)"
    )
    active: bool | None = None


class NewCustomer(CustomerChanges):
    id: Code64
    name: Name120  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class GoodsChanges(Changes):
    name_zh: Name120 | None = None
    name_en: Name120 | None = None
    unit: Code32 | None = None
    aliases: list[Name120] | None = Field(None, max_length=100, description="regional names (方言)")
    price: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Number] | None = None
    currency: Currency | None = None
    remark: Note | None = None
    active: bool | None = None


class NewGoods(GoodsChanges):
    sku: Sku
    name_zh: Name120  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    name_en: Name120  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class Entry(BaseModel):
    """What every register says of an entry."""

    active: bool = Field(description="false: kept for the orders that refer to it, no longer offered")
    version: int
    updated_at: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """An entry from its row."""
        return cls(**{**row, "updated_at": to_rfc3339(row["updated_at"])})


class BranchOut(Entry):
    id: str
    name_zh: str
    name_en: str
    region: str
    big_region: str
    calendar: str
    lat: float | None
    lng: float | None
    phone: str | None


class CustomerOut(Entry):
    id: str
    name: str
    customer_class: str | None
    channel: str | None
    tier: str | None
    vip: bool
    branch: str | None
    contact: str | None
    phone: str | None
    email: str | None
    address: str | None
    payment_term: str | None
    currency: str | None
    remark: str | None
    parties: list[str]
    provisional: bool = Field(description="made by an order that came first; to be completed")


class GoodsOut(Entry):
    sku: str
    name_zh: str
    name_en: str
    unit: str | None
    aliases: list[str]
    price: float | None
    currency: str | None
    remark: str | None
    provisional: bool = Field(description="made by an order that came first; to be completed")


class BranchPage(BaseModel):
    items: list[BranchOut]
    next: str | None = Field(description="cursor of the next page, null on the last")


class CustomerPage(BaseModel):
    items: list[CustomerOut]
    next: str | None


class GoodsPage(BaseModel):
    items: list[GoodsOut]
    next: str | None


class Region(BaseModel):
    region: str
    big_region: str
    branches: list[str]


class WordOut(BaseModel):
    code: str
    zh: str
    en: str
    online: bool = Field(description="of channels: their orders count as online orders")


class Vocabulary(BaseModel):
    """Codes with their names. Other codes of channels and classes are taken as they come."""

    channels: list[WordOut]
    classes: list[WordOut]
    tiers: list[WordOut]
    parties: list[WordOut]


class BranchNear(BaseModel):
    """A branch that an order could be given to."""

    branch: BranchOut
    distance_m: int | None = Field(description="from the pickup address; null where one of the two is not known")
    waiting: int = Field(description="orders that wait there for acceptance")
