"""What there is to set, and what each part's pages share."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from milepost.access.deps import Reader, require
from milepost.access.model import Principal
from milepost.errors import Conflict, MilepostError
from milepost.ids import new_id
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
CLERKS = ("desk", "call_centre", "branch_manager")
Admin = Annotated[Principal, Depends(require("admin"))]
Clerk = Annotated[Principal, Depends(require(*CLERKS))]
# Part → who may open it beside the administrator.
PARTS: Mapping[str, tuple[str, ...]] = {
    "policies": (), "calendars": (), "branches": (), "customers": CLERKS, "goods": CLERKS, "texts": (), "people": (),
}  # fmt: skip


@router.get("/settings", response_class=HTMLResponse)
def settings(request: Request, me: Clerk, conn: Reader) -> Response:
    """The parts one may open."""
    return show(request, me, conn, "settings.html", "")


def show(
    request: Request, me: Principal, conn: Connection, template: str, part: str, *, status: int = 200, **values: Any
) -> Response:
    """A page of the settings, with the list of their parts."""
    parts = [name for name, roles in PARTS.items() if me.has(*roles)]
    return page(
        request, me, template, status=status, section="settings", parts=parts, part=part, key=new_id(), back="",
        **values, **bar(conn, me),
    )  # fmt: skip


def told(request: Request, error: MilepostError | None) -> str:
    """Why something was not saved, in words that say what to do now; empty without an error."""
    if error is None:
        return ""
    t = translator(language_of(request))
    if isinstance(error, Conflict) and error.extra.get("changed") not in ("key", "admin"):
        return t("settings.changed")
    if isinstance(error, Conflict):
        return t(f"settings.conflict.{error.extra['changed']}")
    return error.message
