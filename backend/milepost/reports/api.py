"""HTTP of the reports: figures, proposals, exports."""

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.orders.fields import Id, Strict, Text
from milepost.reports import exports, service
from milepost.reports.judged import proposal_out
from milepost.reports.kpi import GROUPS, Group
from milepost.reports.service import Asked
from milepost.reports.texts import text

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])
Staff = Annotated[Principal, Depends(require(*service.STAFF))]
Leader = Annotated[Principal, Depends(require(*service.LEADERS))]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$", description="one per command"),
]
Short = Annotated[Id | None, Query()]
Lang = Annotated[Literal["zh", "en"], Query(description="language of heads and words")]
Period = Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="a month; default: this one")]
Status = Annotated[Literal["open", "superseded", "approved", "rejected"] | None, Query()]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Ratio(BaseModel):
    """One figure; `percent` has 2 decimals, half up, and is null when there is nothing to divide."""

    rule: str
    numerator: int
    denominator: int
    percent: float | None
    target: float | None = Field(None, description="N-46, for the product express")
    reached: bool | None = None


class Trouble(BaseModel):
    opened: int
    open: int


class KpiRow(BaseModel):
    """The figures of one group."""

    group: dict[str, str | None]
    orders: int
    received: int
    accepted: int
    cancelled: int
    complaints: int
    ratios: dict[str, Ratio]
    exceptions: dict[str, Trouble]


class KpiOut(BaseModel):
    rows: list[KpiRow]


class Who(BaseModel):
    role: str
    branch: str | None
    region: str | None
    big_region: str | None


class ProposalOut(BaseModel):
    """A proposal for approval; nothing follows from it by itself."""

    id: str
    rule: str
    article: str
    text: dict[str, str]
    who: Who
    period: str
    at: str
    order: str | None
    clock: str | None
    evidence: list[str]
    score: int | None
    points: int | None
    amount: float | None
    currency: str | None
    status: Literal["open", "superseded", "approved", "rejected"]
    superseded_by: str | None
    final: bool = Field(description="false while the month of a threshold still runs")
    flags: list[str]
    decided_by: str | None
    decided_at: str | None


class Proposals(BaseModel):
    items: list[ProposalOut]


class Decide(Strict):
    verdict: Literal["approved", "rejected"]
    why: Text | None = None


def _asked(
    group: Annotated[
        list[str] | None, Query(max_length=7, description=f"any of {', '.join(GROUPS)}; repeated, or with commas")
    ] = None,
    from_: Annotated[date | None, Query(alias="from", description="first business day (D0)")] = None,
    to: Annotated[date | None, Query(description="last business day")] = None,
    branch: Short = None,
    region: Short = None,
    channel: Short = None,
    class_: Annotated[Id | None, Query(alias="class")] = None,
) -> Asked:
    return Asked(_groups(group), from_, to, branch, region, channel, class_)


Wanted = Annotated[Asked, Depends(_asked)]


@router.get("/kpi")
def get_kpi(asked: Wanted, conn: Reader, me: Staff) -> KpiOut:
    """The figures N-41…N-46a of the orders within your scopes, with numerator and denominator of each."""
    return KpiOut(rows=[KpiRow(**row) for row in service.figures(conn, me, asked)])


@router.get("/kpi.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_kpi_csv(asked: Wanted, conn: Reader, me: Staff, lang: Lang = "zh") -> Response:
    """The same as CSV."""
    rows = service.figures(conn, me, asked)
    return _file(exports.to_csv(exports.kpi_sheet(rows, asked.group_by, lang)), "text/csv; charset=utf-8", "kpi.csv")


@router.get("/kpi.xlsx", response_class=Response, responses={200: {"content": {_XLSX: {}}}})
def get_kpi_xlsx(asked: Wanted, conn: Reader, me: Staff, lang: Lang = "zh") -> Response:
    """The same as a workbook."""
    sheet = exports.kpi_sheet(service.figures(conn, me, asked), asked.group_by, lang)
    return _file(exports.to_xlsx(sheet, text("figures", lang)), _XLSX, "kpi.xlsx")


@router.get("/proposals")
def list_proposals(
    conn: Reader, me: Leader, period: Period = None, status: Status = None, branch: Short = None
) -> Proposals:
    """What the rules propose for a month, with the article cited and the facts it rests on."""
    found = service.proposals(conn, me, period, status=status, branch=branch)
    return Proposals(items=[ProposalOut(**proposal_out(each)) for each in found])


@router.get("/proposals.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_proposals_csv(
    conn: Reader, me: Leader, period: Period = None, status: Status = None, branch: Short = None, lang: Lang = "zh"
) -> Response:
    """The same as CSV (PN-4: payroll stays outside)."""
    found = service.proposals(conn, me, period, status=status, branch=branch)
    return _file(exports.to_csv(exports.proposals_sheet(found, lang)), "text/csv; charset=utf-8", "proposals.csv")


@router.get("/proposals.xlsx", response_class=Response, responses={200: {"content": {_XLSX: {}}}})
def get_proposals_xlsx(
    conn: Reader, me: Leader, period: Period = None, status: Status = None, branch: Short = None, lang: Lang = "zh"
) -> Response:
    """The same as a workbook."""
    found = service.proposals(conn, me, period, status=status, branch=branch)
    book = exports.to_xlsx(exports.proposals_sheet(found, lang), text("proposals", lang))
    return _file(book, _XLSX, "proposals.xlsx")


@router.post("/proposals/{proposal}/decide")
def decide_proposal(proposal: Annotated[Id, InPath()], body: Decide, conn: Tx, me: Me, key: Key = None) -> ProposalOut:
    """Approve or reject; writes the fact `proposal.decided` and nothing else (C9)."""

    def do() -> dict[str, Any]:
        return proposal_out(service.decide(conn, me, proposal, body.verdict, body.why, key))

    what = f"POST /reports/proposals/{proposal}/decide"
    return ProposalOut(**once(conn, me, key, what, body.model_dump(mode="json"), do))


def _groups(given: list[str] | None) -> tuple[Group, ...]:
    return service.groups(name for part in given or () for name in part.split(","))


def _file(content: bytes, media_type: str, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
