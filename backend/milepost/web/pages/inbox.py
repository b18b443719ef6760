"""The inbox: what needs a person, by urgency; one item with its evidence, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.alerts import answers
from milepost.alerts import service as alerts
from milepost.alerts.service import Filter
from milepost.errors import Conflict, Forbidden, IllegalStep, Invalid, MilepostError, NotFound
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.times import now_ms
from milepost.web import inbox_view, orders_view
from milepost.web.forms import offers
from milepost.web.forms.reading import Texts, first, local_text
from milepost.web.i18n import translator
from milepost.web.moments import instant_of
from milepost.web.pages.house import inside
from milepost.web.pages.order_acts import key_of, version_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Staff = Annotated[Principal, Depends(require(*alerts.STAFF, "auditor"))]
Actor = Annotated[Principal, Depends(require(*alerts.STAFF))]
STEPS = ("acknowledge", "assign", "snooze", "resolve", "answer")
_STATE = {"acknowledge": "acknowledged", "assign": "assigned", "snooze": "snoozed"}


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that came back: its step, what was typed, and why."""

    step: str
    error: MilepostError
    given: Texts = field(default_factory=FormData)


@router.get("/inbox", response_class=HTMLResponse)
def inbox(
    request: Request, me: Staff, conn: Reader, show: str = "open", branch: str = "", since: str = "", item: str = "",
    after: str = "", done: str = "",
) -> Response:  # fmt: skip
    """The list; which part of it, and which item stands beside it, is the address."""
    return _show(request, me, conn, show, branch, since, item, after, done if done in STEPS else "", None)


@router.post("/inbox/{alert_id}/{step}", response_class=HTMLResponse)
async def act(alert_id: str, step: str, request: Request, me: Actor) -> Response:
    """Take a step; a refused one comes back with the reason and what was typed, nothing changed."""
    given = await request.form()
    return await run_in_threadpool(_act, request, me, alert_id, step, given)


def _act(request: Request, me: Principal, alert_id: str, step: str, given: Texts) -> Response:
    t = translator(language_of(request))
    if step not in STEPS:
        raise NotFound(t("inbox.gone"))
    back = inside(first(given, "back") or "/inbox")
    back = back if back.startswith(("/inbox", "/doors/")) else "/inbox"
    try:
        if step == "answer":
            _answer(request, me, alert_id, given, t)
            return RedirectResponse(_after(back, alert_id, step), status_code=303)
        do = _step(request, me, alert_id, step, given, t)
        with database(request).tx() as conn:
            body = {name: first(given, name) for name in ("to", "until", "quick", "word")}
            once(conn, me, key_of(given), f"POST /inbox/{alert_id}/{step}", body, lambda: do(conn))
    except NotFound:
        raise NotFound(t("inbox.gone")) from None
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, "open", "", "", alert_id, "", "", Refused(step, error, given))
    return RedirectResponse(_after(back, alert_id, step), status_code=303)


def _after(back: str, alert_id: str, step: str) -> str:
    """Where a step leads to: the list with the item beside it, or the door where it was taken."""
    if back.startswith("/doors/"):
        return back
    return f"{back}{'&' if '?' in back else '?'}item={quote(alert_id, safe='')}&done={step}"


def _answer(request: Request, me: Principal, alert_id: str, given: Texts, t: Callable[..., str]) -> None:
    """Record what somebody sees at a door (alerts/answers)."""
    word = first(given, "word")
    if len(word) > 500 or "\x00" in word:
        raise Invalid(t("inbox.word.needed"))
    said = answers.Said(
        first(given, "answer"), first(given, "unit") or None, first(given, "vehicle") or None,
        word or t("inbox.said.not_ours"),
    )  # fmt: skip
    try:
        answers.answer(database(request), me, alert_id, said, version=version_of(given), key=key_of(given))
    except Invalid as error:
        field = error.message.partition(":")[0]
        raise Invalid(t(f"inbox.refused.{field}" if field in ("unit", "vehicle") else "inbox.refused.other")) from None


def _step(
    request: Request, me: Principal, alert_id: str, step: str, given: Texts, t: Callable[..., str]
) -> Callable[[Connection], dict[str, Any]]:
    """The step as something to do in a transaction. Raises Invalid for what the form lacks."""
    version = version_of(given)
    if step == "resolve":
        word = first(given, "word")
        if not word or len(word) > 500 or "\x00" in word:
            raise Invalid(t("inbox.word.needed"))
        return lambda conn: alerts.resolve(conn, me, alert_id, word, version=version, key=key_of(given))
    more: dict[str, Any] = {}
    if step == "assign":
        more["to"] = first(given, "to")
        if not more["to"]:
            raise Invalid(t("inbox.to.needed"))
    if step == "snooze":
        more["until_ms"] = _until(request, given)
        if more["until_ms"] is None:
            raise Invalid(t("inbox.until.needed"))
    return lambda conn: alerts.take_on(
        conn, me, alert_id, _STATE[step], version=version, key=key_of(given), **more
    )  # fmt: skip


def _until(request: Request, given: Texts) -> int | None:
    """When a snooze ends: as typed, else as the button that was pressed says."""
    zone = ZoneInfo(request.app.state.settings.time_zone)
    if (quick := first(given, "quick")) and quick.isdigit() and len(quick) < 16:
        return int(quick)
    return instant_of(first(given, "until"), zone)


def _show(
    request: Request, me: Principal, conn: Connection, show: str, branch: str, since: str, item: str, after: str,
    done: str, refused: Refused | None,
) -> Response:  # fmt: skip
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    show = show if show in inbox_view.SHOWS else "open"
    from_ms = now - inbox_view.SINCE[since] if since in inbox_view.SINCE else None
    groups, more = inbox_view.groups(conn, me, show, branch or None, from_ms, now, after or None)
    chosen = inbox_view.one(conn, me, item, language, t) if item else None
    branches = masterdata.branches(conn, active_only=False)
    seen = branches if me.sees_all else [row for row in branches if row["id"] in me.scope_ids("branch")]
    return page(
        request,
        me,
        "inbox.html",
        status=refused.error.status if refused else 200,
        section="inbox",
        groups=groups,
        more=more,
        counts=alerts.counts(conn, me, Filter(branch=branch or None)),
        show=show,
        wanted={"branch": branch, "since": since},
        since_named=[(name, t(f"inbox.since.{name}")) for name in inbox_view.SINCE],
        branches={row["id"]: offers.branch_name(row, language) for row in branches},
        branch_choices=[(row["id"], offers.branch_name(row, language)) for row in seen],
        side=chosen,
        chosen=item,
        gone=bool(item) and chosen is None,
        wake=inbox_view.wake_times(now, zone),
        wake_start=local_text(now + inbox_view.HOUR_MS, zone),
        done=done,
        refused=refused,
        problem=_problem(refused.error, refused.step, t) if refused else "",
        typed=(lambda name: first(refused.given, name)) if refused else (lambda name: ""),
        may_act=me.has(*alerts.STAFF),
        key=new_id(),
        back=_back(request),
        **bar(conn, me),
    )


def _back(request: Request) -> str:
    """Where a form comes back to: this list, without what the form itself will say."""
    if request.method != "GET":
        return "/inbox"
    query = [
        (name, value) for name, value in request.query_params.multi_items() if name not in ("item", "done", "lang")
    ]
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    return "/inbox" + (f"?{text}" if text else "")


def _problem(error: MilepostError, step: str, t: Callable[..., str]) -> str:
    """Why a step was refused, and what to do now."""
    state = error.extra.get("state")
    changed = error.extra.get("changed")
    if isinstance(error, Conflict) and isinstance(changed, dict):
        who = changed.get("by") or t("inbox.somebody")
        return t("inbox.refused.changed", who=who, state=t(f"inbox.state.{changed['state']}"))
    if isinstance(error, IllegalStep) and step == "answer" and state != "resolved":
        return t("inbox.refused.step", state=orders_view.word(t, "ostate", state))
    if isinstance(error, IllegalStep):
        return t("inbox.refused.resolved") if state == "resolved" else t("inbox.refused.facts")
    return t("inbox.refused.forbidden") if isinstance(error, Forbidden) else error.message
