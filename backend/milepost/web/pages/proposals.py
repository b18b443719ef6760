"""What the rules propose (points, tiers, sanctions): each with its article and evidence, for a person to decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.errors import Conflict, Invalid, MilepostError, NotFound
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.notify.repository import names_of
from milepost.orders import service as orders
from milepost.reports import service as reports
from milepost.reports.proposals import STATUSES
from milepost.reports.texts import text
from milepost.times import now_ms, parse_rfc3339
from milepost.web import orders_view, report_view
from milepost.web.forms import offers
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.order_story import gist
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Leader = Annotated[Principal, Depends(require(*reports.LEADERS))]
Decider = Annotated[Principal, Depends(require(*reports.DECIDERS))]
VERDICTS = ("approved", "rejected")
Row = dict[str, Any]


@router.get("/reports/proposals", response_class=HTMLResponse)
def proposals(
    request: Request, me: Leader, conn: Reader, period: str = "", status: str = "", branch: str = "", id: str = "",
    done: str = "",
) -> Response:  # fmt: skip
    """A month's proposals and one of them with what it rests on."""
    return _show(request, me, conn, period, status, branch, id, done if done in VERDICTS else "", None, None)


@router.post("/reports/proposals/{proposal_id}/decide", response_class=HTMLResponse)
async def decide(proposal_id: str, request: Request, me: Decider) -> Response:
    """Approve or reject; nothing else follows by itself."""
    given = await request.form()
    return await run_in_threadpool(_decide, request, me, proposal_id, given)


def _decide(request: Request, me: Principal, proposal_id: str, given: Texts) -> Response:
    t = translator(language_of(request))
    verdict, why = first(given, "verdict"), first(given, "why")
    try:
        if verdict not in VERDICTS:
            raise Invalid(t("proposal.verdict.needed"))
        if not why or len(why) > 1000 or "\x00" in why:
            raise Invalid(t("proposal.why.needed"))
        key = key_of(given)

        def do(conn: Connection) -> Row:
            reports.decide(conn, me, proposal_id, verdict, why, key)
            return {"verdict": verdict}

        what = f"POST /reports/proposals/{proposal_id}/decide"
        with database(request).tx() as conn:
            once(conn, me, key, what, {"verdict": verdict, "why": why}, lambda: do(conn))
    except NotFound:
        raise NotFound(t("proposal.gone")) from None
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, proposal_id[:7], "", "", proposal_id, "", error, given)
    target = f"period={quote(proposal_id[:7])}&id={quote(proposal_id, safe='')}&done={verdict}"
    return RedirectResponse(f"/reports/proposals?{target}", status_code=303)


def _show(
    request: Request, me: Principal, conn: Connection, period: str, status: str, branch: str, chosen: str, done: str,
    error: MilepostError | None, given: Texts | None,
) -> Response:  # fmt: skip
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    months = report_view.months(datetime.fromtimestamp(now / 1000, zone).date())
    period = period or months[0]
    branches = masterdata.branches(conn, active_only=False)
    names = {row["id"]: offers.branch_name(row, language) for row in branches}
    status = status if status in STATUSES else ""
    found = [
        report_view.proposal(each, language, names)
        for each in reports.proposals(conn, me, period, branch=branch or None)
    ]
    side = next((row for row in found if row["id"] == chosen), None)
    if side is not None:
        side = {**side, **_evidence(conn, me, side, t)}
    query = [("period", period), ("branch", branch), ("lang", language)]
    return page(
        request,
        me,
        "proposals.html",
        status=error.status if error else 200,
        section="reports",
        rows=[row for row in found if not status or row["status"] == status],
        counts={each: sum(row["status"] == each for row in found) for each in STATUSES},
        total=len(found),
        statuses=[(each, text(f"status.{each}", language)) for each in STATUSES],
        wanted={"period": period, "status": status, "branch": branch},
        months=months if period in months else [period, *months],
        branch_choices=[(row["id"], offers.branch_name(row, language)) for row in branches
                        if me.sees_all or row["id"] in me.scope_ids("branch")],
        side=side,
        chosen=chosen,
        gone=bool(chosen) and side is None,
        done=t(f"proposal.done.{done}") if done else "",
        problem=_problem(error, t) if error else "",
        typed=(lambda name: first(given, name)) if given is not None else (lambda name: ""),
        may_decide=me.has(*reports.DECIDERS),
        key=new_id(),
        export="&".join(f"{name}={quote(value)}" for name, value in query if value),
        **bar(conn, me),
    )  # fmt: skip


def _evidence(conn: Connection, me: Principal, row: Row, t: Any) -> Row:
    """The facts a proposal rests on, those of its order in words; who decided."""
    facts: Sequence[Row] = ()
    number = None
    if row["order"] is not None:
        order = orders_view.by_number(conn, me, row["order"], t)
        if order is not None:
            number = order["number"]
            named = set(row["evidence"])
            facts = [
                {"at": parse_rfc3339(each["at"]), "name": orders_view.word(t, "fact", each["kind"]),
                 "gist": gist(each["kind"], each["body"], t), "grade": each["grade"], "source": each["source"],
                 "sign": orders_view.sign_of(each["source"]), "by": each["by"], "id": each["id"]}
                for each in orders.evidence_of(conn, me, order["id"])
                if each["id"] in named
            ]  # fmt: skip
    by = row["decided_by"]
    return {
        "number": number,
        "facts": sorted(facts, key=lambda each: each["at"]),
        "others": [each for each in row["evidence"] if each not in {fact["id"] for fact in facts}],
        "decided_name": names_of(conn, {by}).get(by, by) if by else None,
    }


def _problem(error: MilepostError, t: Any) -> str:
    """Why it was not decided, and what stands."""
    changed = error.extra.get("changed")
    if isinstance(error, Conflict):
        if isinstance(changed, dict):
            return t("proposal.refused.decided", verdict=t(f"proposal.{changed['verdict']}"))
        return t("proposal.refused.superseded") if changed != "verdict" else t("proposal.refused.just_now")
    return t("proposal.refused.above") if error.status == 403 else error.message
