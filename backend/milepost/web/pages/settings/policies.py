"""Policies: every version that was ever put in force, what holds now, and a form for the next version."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.clocks import editing
from milepost.clocks.key_words import value_in_words
from milepost.clocks.policy import KEYS, parse_value
from milepost.errors import Invalid, MilepostError
from milepost.masterdata.model import CHANNELS, CLASSES
from milepost.notify.repository import names_of
from milepost.times import now_ms
from milepost.web.forms import offers
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.moments import instant_of
from milepost.web.pages.order_acts import key_of
from milepost.web.pages.settings.index import Admin, show, told
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LONGEST = 80


@router.get("/settings/policies", response_class=HTMLResponse)
def policies(request: Request, me: Admin, conn: Reader, channel: str = "", done: str = "") -> Response:
    """What holds now for a channel and a customer class, and every version, the newest first."""
    language = language_of(request)
    t = translator(language)
    klass = request.query_params.get("class", "")
    found = editing.policies(conn)
    people = names_of(conn, {row["author"] for row in found})
    return show(
        request, me, conn, "policies.html", "policies",
        rows=[{**row, "author": people.get(row["author"], row["author"]), "for": _for(row, language, t),
               "values": {key: _said(value) for key, value in row["values"].items()}}
              for row in found],
        keys=_keys(conn, channel or None, klass or None), wanted={"channel": channel, "class": klass},
        done=t("policy.done") if done else "", **_choices(language),
    )  # fmt: skip


@router.get("/settings/policies/new", response_class=HTMLResponse)
def new(request: Request, me: Admin, conn: Reader, channel: str = "") -> Response:
    """The form for a new version: only what is filled in changes."""
    start = {"channel": channel, "class": request.query_params.get("class", "")}
    return _form(request, me, conn, lambda name: start.get(name, ""), {}, None)


@router.post("/settings/policies", response_class=HTMLResponse)
async def add(request: Request, me: Admin) -> Response:
    """Put values in force; running clocks keep the version of their start."""
    given = await request.form()
    return await run_in_threadpool(_add, request, me, given)


def _add(request: Request, me: Principal, given: Texts) -> Response:
    zone = ZoneInfo(request.app.state.settings.time_zone)
    t = translator(language_of(request))
    values, faults = _values(given, t)
    why, from_text = first(given, "why"), first(given, "from")
    channel, klass = first(given, "channel") or None, first(given, "class") or None
    start = instant_of(from_text, zone) if from_text else None
    if not why or len(why) > 1000 or "\x00" in why:
        faults["why"] = t("policy.why.needed")
    if from_text and (start is None or start < now_ms()):
        faults["from"] = t("policy.from.past")
    if any(len(text or "") > _LONGEST or "\x00" in (text or "") for text in (channel, klass)):
        faults["channel"] = t("report.no_such")
    error: MilepostError | None = None
    if not values and not faults:
        error = Invalid(t("policy.values.needed"))
    if error is None and not faults:
        body = {"from": from_text, "channel": channel, "class": klass, "values": values, "why": why}
        try:
            with database(request).tx() as conn:
                once(
                    conn, me, key_of(given), "POST /policies", body,
                    lambda: editing.add_policy(conn, me, values, why, from_ms=start, channel=channel, klass=klass),
                )  # fmt: skip
            return RedirectResponse("/settings/policies?done=1", status_code=303)
        except MilepostError as refused:
            error = refused
    with database(request).read() as conn:
        return _form(request, me, conn, lambda name: first(given, name), faults, error)


def _form(
    request: Request, me: Principal, conn: Connection, typed: Any, faults: dict[str, str], error: MilepostError | None
) -> Response:
    language = language_of(request)
    return show(
        request, me, conn, "policy_new.html", "policies", status=422 if faults else error.status if error else 200,
        keys=_keys(conn, typed("channel") or None, typed("class") or None), typed=typed, faults=faults,
        problem=told(request, error),
        **_choices(language),
    )  # fmt: skip


def _values(given: Texts, t: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What was filled in, each value as its key takes it; and what is wrong, by key."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, key in KEYS.items():
        text = first(given, name)
        if not text:
            continue
        value: Any = text
        try:
            if key.kind in ("days", "count"):
                value = int(text)
            elif key.kind in ("amount", "share"):
                value = float(text)
            elif key.kind == "switch":
                value = {"yes": True, "no": False}[text]
            parse_value(name, value)
        except (KeyError, ValueError, Invalid):
            faults[name] = t(f"policy.fault.{key.kind if key.kind in _KINDS else 'choice'}")
        else:
            values[name] = value
    return values, faults


_KINDS = ("duration", "time", "window", "days", "count", "workdays", "amount", "share")


def _keys(conn: Connection, channel: str | None, klass: str | None) -> list[dict[str, Any]]:
    """Every key with what holds now, its default, its kind and the choices where it is one of several words."""
    return [
        {
            **each,
            "known": each["kind"] in _KINDS,
            "options": _options(each["kind"]),
            "differs": each["value"] != each["default"],
            "value": _said(each["value"]),
            "default": _said(each["default"]),
        }
        for each in editing.effective(conn, channel, klass)["keys"]
    ]


def _options(kind: str) -> tuple[str, ...]:
    """What a value is chosen from; empty where it is typed."""
    if kind in _KINDS:
        return ()
    return ("yes", "no") if kind == "switch" else tuple(kind.split("/"))


def _said(value: Any) -> str:
    """A value as the form takes it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _for(row: dict[str, Any], language: str, t: Any) -> str:
    parts = [offers.channel_text(row["channel"], language)] if row["channel"] else []
    parts += [offers.class_text(row["class"], language)] if row["class"] else []
    return " · ".join(parts) or t("policy.for_all")


def _choices(language: str) -> dict[str, Any]:
    return {
        "channels": [(word.code, offers.in_language(word, language)) for word in CHANNELS],
        "classes": [(word.code, offers.in_language(word, language)) for word in CLASSES],
        "value_words": lambda value: value_in_words(str(value), int(language == "en")),
    }
