"""People: who has an account, which roles they hold over what; an account is locked or opened again."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access import service as access
from milepost.access.deps import Reader, database
from milepost.access.model import ROLES, Principal
from milepost.errors import MilepostError, NotFound
from milepost.masterdata import service as masterdata
from milepost.web import orders_view
from milepost.web.forms import offers
from milepost.web.i18n import translator
from milepost.web.pages.settings.index import Admin, show, told
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 100


@router.get("/settings/people", response_class=HTMLResponse)
def people(
    request: Request, me: Admin, conn: Reader, q: str = "", role: str = "", locked: str = "", after: str = "",
    done: str = "",
) -> Response:  # fmt: skip
    """Accounts by login."""
    return _show(request, me, conn, q, role, locked, after, done, None)


@router.post("/settings/people/{person_id}/{step}", response_class=HTMLResponse)
async def change(person_id: str, step: str, request: Request, me: Admin) -> Response:
    """Lock an account, which ends its sessions, or open it again."""
    return await run_in_threadpool(_change, request, me, person_id, step)


def _change(request: Request, me: Principal, person_id: str, step: str) -> Response:
    t = translator(language_of(request))
    if step not in ("lock", "open"):
        raise NotFound(t("people.gone"))
    try:
        with database(request).tx() as conn:
            access.edit_person(conn, person_id, disabled=step == "lock")
    except NotFound:
        raise NotFound(t("people.gone")) from None
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, "", "", "", "", "", error)
    return RedirectResponse(f"/settings/people?done={quote(step)}", status_code=303)


def _show(
    request: Request, me: Principal, conn: Connection, q: str, role: str, locked: str, after: str, done: str,
    error: MilepostError | None,
) -> Response:  # fmt: skip
    language = language_of(request)
    t = translator(language)
    found = access.people(
        conn, q=q.replace("\x00", "")[:80] or None, role=role if role in ROLES else None,
        disabled=locked == "1" if locked else None, after=after.replace("\x00", "")[:64] or None, limit=_PAGE + 1,
    )  # fmt: skip
    branches = {row["id"]: offers.branch_name(row, language) for row in masterdata.branches(conn, active_only=False)}
    rows = [
        {**row, "held": [(orders_view.word(t, "role", grant.role), _over(grant.scope_kind, grant.scope_id, branches))
                         for grant in row["grants"]]}
        for row in found[:_PAGE]
    ]  # fmt: skip
    return show(
        request, me, conn, "people.html", "people", status=error.status if error else 200, rows=rows,
        more=rows[-1]["login"] if len(found) > _PAGE else "", wanted={"q": q, "role": role, "locked": locked},
        roles=[(name, orders_view.word(t, "role", name)) for name in ROLES], problem=told(request, error),
        done=t(f"people.done.{done}") if done in ("lock", "open") else "",
    )  # fmt: skip


def _over(kind: str, scope_id: str, branches: dict[str, str]) -> str:
    """What a role is held over, in words."""
    if kind == "company":
        return ""
    return branches.get(scope_id, scope_id) if kind == "branch" else scope_id
