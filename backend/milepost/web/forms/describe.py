"""What inputs a command's form has, derived from the body that the API takes: one truth for page and program. Pure."""

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from milepost.orders.bodies import Changes, Line, Position, UnitIn
from milepost.orders.bodies_desk import Part

# Left out of pages: what only devices and programs know.
_NOT_ASKED = frozenset({"source", "lat", "lng", "placed_at", "number"})
# Inputs that most people never need; they stand below a fold.
_RARE = frozenset({"at", "override_by", "online", "irregular"})
_RARE_OF = {("sign", "trip"), ("sign", "units"), ("sign-abnormal", "trip"), ("sign-abnormal", "units"),
            ("refuse", "trip"), ("refuse", "units"), ("delivery-failed", "trip"), ("disposition", "units"),
            ("load-override", "trip"), ("raise", "trip"), ("raise", "eta"), ("load", "door"), ("unload", "door"),
            ("pass-back", "door"), ("submit", "branch"), ("complaint-lodge", "complaint"), ("claim-lodge", "claim"),
            ("split-consented", "trip")}  # fmt: skip
# Whole parts of a form, or one field of them, that most people leave as they are.
_RARE_PARTS = {("append", "to"), ("append", "dates.order"), ("append", "dates.pickup"), ("append", "dates.pickup_to")}
_LONG = 200  # texts that may be longer get more than one row
_BY_NAME = {
    "branch": "branch", "to_branch": "branch", "site": "site", "terminal": "site", "warehouse": "site",
    "hubs": "sites", "vehicle": "vehicle", "unit": "unit", "units": "units", "trip": "trip", "door": "door",
    "customer": "customer", "carrier": "text", "at": "time", "can_receive_at": "time", "eta": "time",
    "ex": "ex", "stage": "stage", "class": "class", "channel": "channel", "pickup_to": "time",
    "complaint": "case", "claim": "case",
}  # fmt: skip
_BY_COMMAND = {
    ("cancel", "reason"): "reason",
    ("cancel-request", "reason"): "reason",
    ("cancel-reason", "reason"): "reason",
    ("cancel", "asked_by"): "asker",
    ("cancel-request", "asked_by"): "asker",
    ("postpone", "asked_by"): "asker",
    ("hold", "hold"): "hold",
    ("release", "hold"): "held",
    ("payment", "status"): "paid",
    ("confirm", "checked"): "must",
    ("link", "relation"): "relation",
    ("link", "other"): "order",
    ("picked", "line"): "line",
    ("line-short", "line"): "line",
    ("units", "units"): "units-made",
    ("pickup-agreed", "from"): "time",
    ("pickup-agreed", "to"): "time",
    ("delivery-agreed", "from"): "time",
    ("delivery-agreed", "to"): "time",
    ("complaint-lodge", "class"): "choice",
    ("complaint-lodge", "complaint"): "text",
    ("claim-lodge", "claim"): "text",
    ("close-exception", "cause"): "trouble",
    ("close-exception", "ex"): "hidden",
    ("retract", "target"): "fact",
    ("correct", "target"): "fact",
}

_TABLES: dict[Any, str] = {Line: "lines", Part: "parts", UnitIn: "units-made"}


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a form.

    `name` is flat (`contact.name`), `path` says where its value stands in the body. `widget`: text area int number yes
    yesno must date time list pairs lines units-made choice, or a kind of thing of the installation (branch, site,
    vehicle, unit …) that the page offers by name.
    """

    name: str
    path: tuple[str, ...]
    widget: str
    needed: bool
    rare: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    longest: int | None = None


def inputs_of(command: str, body: type[BaseModel]) -> tuple[Input, ...]:
    """The inputs of a command in the order in which a person fills them in: the needed ones first."""
    found = [each for each in _flat(command, body, (), True) if each.path[-1] not in _NOT_ASKED]
    found.sort(key=lambda each: (each.rare, not _leads(command, each)))
    return tuple(found)


def line_columns() -> tuple[Input, ...]:
    """The columns of a table of goods; `line` is counted by the page."""
    columns = [each for each in _flat("line", Line, (), True) if each.name != "line"]
    return tuple(replace(each, widget="text") if each.widget in ("area", "unit") else each for each in columns)


def _leads(command: str, each: Input) -> bool:
    """Forms of many parts keep the order of their parts; short ones begin with what must be there."""
    return each.needed or command in ("submit", "create", "edit")


def _flat(command: str, body: type[BaseModel], path: tuple[str, ...], needed: bool) -> Iterator[Input]:
    for python_name, field in body.model_fields.items():
        name = field.alias or python_name
        here = (*path, name)
        inner, optional = _unwrapped(field.annotation)
        must = needed and field.is_required() and not optional
        if inner is Position:
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            # An address or a contact that may be missing may be missing whole.
            yield from _flat(command, inner, here, must and inner is not Changes)
            continue
        yield _input(command, here, field, inner, must)


def _input(command: str, path: tuple[str, ...], field: FieldInfo, inner: Any, must: bool) -> Input:
    low, high, longest = _bounds(field)
    choices = tuple(str(each) for each in get_args(inner)) if get_origin(inner) is Literal else ()
    own = path[-1] if len(path) == 1 else ""
    appointment = path[-2:] == ("dates", "pickup")  # `pickup` alone says how the goods come to us
    widget = (
        "time"
        if appointment
        else _BY_COMMAND.get((command, own)) or _BY_NAME.get(path[-1]) or _widget(field, inner, choices, longest)
    )
    rare = path[-1] in _RARE or (command, own) in _RARE_OF
    rare = rare or (command, path[0]) in _RARE_PARTS or (command, ".".join(path)) in _RARE_PARTS
    if widget == "must":
        must = True
    return Input(".".join(path), path, widget, must, rare and not must, choices, low, high, longest)


def _widget(field: FieldInfo, inner: Any, choices: tuple[str, ...], longest: int | None) -> str:
    if choices:
        return "choice"
    if inner is bool:
        return "yesno" if field.default is True else "yes"
    if inner is int:
        return "int"
    if inner is float:
        return "number"
    if inner is date:
        return "date"
    origin = get_origin(inner)
    if origin is list:
        item = _unwrapped(get_args(inner)[0])[0]
        return _TABLES.get(item, "list")
    if origin is dict:
        return "pairs"
    return "area" if longest is not None and longest > _LONG else "text"


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """A type without its Annotated and its None: (type, whether None was among it). Of `str | int` the text stays."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _unwrapped(kinds[0])[0], len(kinds) < len(get_args(annotation))
    return annotation, False


def _bounds(field: FieldInfo) -> tuple[float | None, float | None, int | None]:
    low = high = longest = None
    for each in (*field.metadata, *_annotations(field.annotation)):
        if isinstance(each, Ge):
            low = float(each.ge)  # pyright: ignore[reportArgumentType]
        elif isinstance(each, Gt):
            low = float(each.gt)  # pyright: ignore[reportArgumentType]
        elif isinstance(each, Le):
            high = float(each.le)  # pyright: ignore[reportArgumentType]
        elif isinstance(each, MaxLen | StringConstraints):
            longest = each.max_length
    return low, high, longest


def _annotations(annotation: Any) -> Iterator[Any]:
    """What stands inside Annotated at any depth of a union, fields of FieldInfo included."""
    if get_origin(annotation) is Annotated:
        for each in get_args(annotation)[1:]:
            yield each
            if isinstance(each, FieldInfo):
                yield from each.metadata
        yield from _annotations(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for kind in get_args(annotation):
            yield from _annotations(kind)
