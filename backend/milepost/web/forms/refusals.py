"""Why a command was refused, in the person's language, with what is possible instead. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost.errors import Conflict, Forbidden, IllegalStep, Invalid, MilepostError
from milepost.orders.transitions import DERIVED_STATES, STEPS
from milepost.times import parse_rfc3339
from milepost.web.texts import TEXTS

Translate = Callable[..., str]


def told(
    command: str,
    error: MilepostError,
    detail: Mapping[str, Any],
    t: Translate,
    clock: Callable[[int], str],
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """{title, text, may: [commands], exact}: what happened, what to do now. `exact`: the service's own words.

    `detail`: the order as it is now; `clock`: how the page writes an instant (UTC ms); `names`: of people by id.
    """
    act = _word(t, "act", command)
    made: dict[str, Any] = {"title": _title(error, t), "may": [], "exact": error.message, "text": error.message}
    if isinstance(error, Conflict):
        return made | {"text": _changed(error, t, clock, names or {}), "exact": ""}
    if isinstance(error, IllegalStep):
        states = STEPS[command].states if command in STEPS else DERIVED_STATES.get(command, (detail["state"],))
        by_state = detail["state"] not in states
        state = _word(t, "ostate", detail["state"])
        text = (
            t("refused.illegal", state=state, act=act) if by_state else t("refused.guard", act=act, why=_why(error, t))
        )
        return made | {
            "text": text,
            "may": [name for name in detail["allowed"] if name != command],
            "exact": _exact(error),
        }
    if isinstance(error, Forbidden) and command in STEPS:
        between = "、" if t("form.yes") == "是" else ", "
        roles = between.join(_word(t, "role", role) for role in sorted(STEPS[command].roles - {"admin"}))
        return made | {"text": t("refused.forbidden", act=act, roles=roles)}
    if isinstance(error, Invalid):
        return made
    return made


def done(command: str, warned: str, t: Translate) -> str:
    """What was done, and what the command was warned of; empty for a command that there is not.

    `warned`: codes with commas between, as the address carries them.
    """
    if f"act.{command}" not in TEXTS:
        return ""
    told = [t("done.act", act=t(f"act.{command}"))]
    told += [t("done.but", text=t(f"warn.{code}")) for code in warned.split(",") if f"warn.{code}" in TEXTS]
    return ("" if t("form.yes") == "是" else " ").join(told)


def _exact(error: IllegalStep) -> str:
    """The service's own words, without the list of what is allowed, which the page shows as links."""
    return error.message.partition("; allowed now:")[0]


def _title(error: MilepostError, t: Translate) -> str:
    key = f"error.{error.status}"
    return t(key) if key in TEXTS else t("error.title")


def _why(error: IllegalStep, t: Translate) -> str:
    """The reason of a guard: its text, else its own words without the command before and the list behind."""
    key = f"guard.{error.extra.get('guard')}"
    if key in TEXTS:
        return t(key)
    return error.message.partition(": ")[2].partition("; allowed now:")[0] or error.message


def _changed(error: Conflict, t: Translate, clock: Callable[[int], str], names: Mapping[str, str]) -> str:
    changed = error.extra.get("changed")
    if not isinstance(changed, dict):
        return t("refused.running") if changed == "key" else error.message
    by = changed.get("by") or {}
    at = by.get("at")
    role = _word(t, "role", by["role"]) if by.get("role") else t("refused.somebody")
    return t(
        "refused.changed",
        who=names.get(by.get("id", ""), role),
        at=clock(at if isinstance(at, int) else parse_rfc3339(at)) if at is not None else "–",
        what=_word(t, "fact", by.get("kind")),
        state=_word(t, "ostate", changed.get("state")),
    )


def _word(t: Translate, prefix: str, name: str | None) -> str:
    key = f"{prefix}.{name}"
    return t(key) if key in TEXTS else (name or "–")
