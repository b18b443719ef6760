"""What pages of trips do: commands on a trip, on its plan, on several of its orders; and how they read a form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlalchemy import Connection

from milepost.access.deps import require
from milepost.access.model import Principal
from milepost.db import Database
from milepost.errors import Conflict, DuplicateKey, IllegalStep, MilepostError
from milepost.orders import service as orders
from milepost.orders.bodies import Command
from milepost.web import orders_view
from milepost.web.forms.describe import Input
from milepost.web.forms.reading import Texts, Wrong, first
from milepost.web.forms.view import label_of, placed
from milepost.web.texts import TEXTS

Row = dict[str, Any]
Translate = Callable[..., str]
SEES = ("dispatcher", "keeper", "driver", "carrier", "desk", "call_centre", "branch_manager", "regional_manager",
        "auditor")  # fmt: skip
Staff = Annotated[Principal, Depends(require(*SEES))]


@dataclass(frozen=True, slots=True)
class Back:
    """A form of a trip that came back: its name, what was typed, what was wrong with it or why it was refused."""

    name: str
    given: Texts
    wrong: Wrong | None = None
    error: MilepostError | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the page on which it stands."""
        return self.error.status if self.error else 422


def on_trip(
    db: Database,
    me: Principal,
    trip_id: str,
    name: str,
    body: Command,
    key: str | None,
    before: Callable[[Connection], object] | None = None,
) -> Row:
    """A command on a trip (`load-sign`, `load-check`, `transfer`) in one transaction, once per key.

    `before`: what is done in the same transaction ahead of it. What was refused is kept by its orders, as the API does.
    Raises what `orders.service.trip_command` raises.
    """
    asked = orders.Asked(body.fields(), body.at, key, body.source)
    what = f"POST /trips/{trip_id}/{name}"
    try:
        with db.tx() as conn:
            if before:
                before(conn)
            return orders.once(
                conn, me, key, what, body.model_dump(mode="json"),
                lambda: orders.trip_command(conn, me, trip_id, name, asked),
            )  # fmt: skip
    except (IllegalStep, Conflict) as error:
        with db.tx() as conn:
            orders.record_trip_refusal(conn, me, trip_id, name, asked, error.problem())
        raise


def on_orders(db: Database, me: Principal, name: str, bodies: Mapping[str, Command], key: str | None) -> list[Row]:
    """The same command on several orders (id → body): all of them, or none when one is refused.

    Raises what `orders.service.command` raises.
    """
    last: tuple[str, orders.Asked] | None = None
    made = []
    try:
        with db.tx() as conn:
            for n, (order_id, body) in enumerate(sorted(bodies.items())):
                own = f"{key}-{n}" if key else None
                asked = orders.Asked(body.fields(), body.at, own, body.source)
                last = order_id, asked
                made.append(_once(conn, me, order_id, name, body, asked))
    except (IllegalStep, Conflict) as error:
        if last:
            with db.tx() as conn:
                orders.record_refusal(conn, me, last[0], name, last[1], error.problem())
        raise
    return made


def _once(conn: Connection, me: Principal, order_id: str, name: str, body: Command, asked: orders.Asked) -> Row:
    what = f"POST /orders/{order_id}/{name}"
    return orders.once(
        conn, me, asked.key, what, body.model_dump(mode="json"),
        lambda: orders.command(conn, me, order_id, name, asked),
    )  # fmt: skip


def described(
    name: str,
    inputs: Sequence[Input],
    choices: Mapping[str, Sequence[tuple[str, str]]],
    t: Translate,
    *,
    start: Mapping[str, str] | None = None,
    back: Back | None = None,
) -> Row:
    """Inputs of a form that is no command of an order, as the templates draw them: {inputs: by name, general, faults}.

    `choices`: what there is to choose from, by widget; an input with choices becomes a menu.
    """
    mine = back if back and back.name == name else None
    faults, general = placed(mine.wrong if mine else None, tuple(inputs), t)
    drawn = {}
    for each in inputs:
        value = first(mine.given, each.name) if mine else (start or {}).get(each.name, "")
        offered = list(choices.get(each.widget, ()))
        if each.widget == "choice":
            offered = [(code, t(f"opt.{name}.{each.name}.{code}")) for code in each.choices]
        elif value and offered and all(value != code for code, _ in offered):
            offered.append((value, value))
        drawn[each.name] = {
            "name": each.name, "id": f"{name}-{each.name}".replace(".", "-"), "label": label_of(name, each.name, t),
            "widget": "select" if offered else {"list": "area"}.get(each.widget, each.widget), "needed": each.needed,
            "value": value, "choices": offered, "list": "", "longest": each.longest, "low": each.low,
            "high": each.high, "fault": faults.get(each.name, ""), "hint": "", "rare": False,
        }  # fmt: skip
    return {"inputs": drawn, "general": general, "faults": len(faults) + len(general), "open": mine is not None}


def told(back: Back | None, t: Translate) -> Row | None:
    """Why a form was refused, in words; None when it was not. Faults beside inputs are not repeated here."""
    if back is None or back.error is None:
        return None
    error = back.error
    title = f"error.{error.status}"
    text = error.message
    if isinstance(error, IllegalStep) and (state := error.extra.get("state")):
        guard = f"guard.{error.extra.get('guard')}"
        act = orders_view.word(t, "act", back.name)
        text = t("refused.guard", act=act, why=t(guard)) if guard in TEXTS else t(
            "refused.illegal", state=orders_view.word(t, "ostate", state), act=act)  # fmt: skip
    elif isinstance(error, DuplicateKey):
        text = t("trip.twice")
    return {"title": t(title) if title in TEXTS else t("error.title"), "text": text, "exact": error.message}


def read(model: Any, **values: Any) -> Any:
    """The body of a command from values that stand for themselves. Raises Wrong."""
    from pydantic import ValidationError  # noqa: PLC0415  (only a wrong form needs it)

    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Wrong([(str(each["loc"][0]), "other", {"text": each["msg"]}) for each in error.errors()]) from None


def zone_of(request: Request) -> ZoneInfo:
    """The zone of the company."""
    return ZoneInfo(request.app.state.settings.time_zone)


def done(name: str, warned: str, t: Translate) -> str:
    """What was done with a trip, and what it was warned of; empty for what there is not."""
    if f"done.{name}" not in TEXTS:
        return ""
    said = [t(f"done.{name}")]
    said += [t("done.but", text=t(f"warn.{code}")) for code in warned.split(",") if f"warn.{code}" in TEXTS]
    return ("" if t("form.yes") == "是" else " ").join(said)
