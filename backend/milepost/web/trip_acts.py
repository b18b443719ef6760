"""What pages of trips do: commands on a trip, on its plan, on several of its orders; and how they read a form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from milepost.access.deps import require
from milepost.access.model import Principal
from milepost.errors import DuplicateKey, IllegalStep, MilepostError
from milepost.numbers import FORM
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
        return model.model_validate(values, context=FORM)
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
