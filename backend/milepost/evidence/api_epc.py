"""HTTP of identities: what a tag or a URI says, and which unit carries it."""

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader
from milepost.access.model import Principal
from milepost.errors import Invalid, NotFound
from milepost.evidence.epc import EpcError, encode, read
from milepost.plan import service as plan
from milepost.times import now_ms

router = APIRouter()


class EpcOut(BaseModel):
    """`known` false: the header is none that we read (a TDS 2 scheme with a +, or somebody else's); kept as it is."""

    hex: str = Field(description="what stands on the tag; for a URI: on the smallest tag that holds it")
    known: bool
    scheme: str | None = None
    bits: int | None = None
    filter: int | None = None
    prefix: str | None = Field(None, description="company prefix, with its leading zeros")
    reference: str | None = None
    serial: str | None = Field(None, description="text in every scheme: leading zeros count")
    key: str | None = Field(None, description="GS1 key with its check digit: GTIN-14, SSCC-18, GLN-13, …")
    uri: str | None = None
    tag_uri: str | None = None
    digital_link: str | None = None
    unit: str | None = Field(None, description="id of the handling unit that carries it now, if you may see it")


@router.get("/epc")
def read_epc(
    conn: Reader,
    me: Me,
    epc: Annotated[str, Query(max_length=400, description="hex digits, urn:epc:id:… or urn:epc:tag:…")],
) -> EpcOut:
    """Take an EPC apart, written in any way."""
    return _told(conn, me, epc)


@router.get("/epc/{epc:path}")
def get_epc(epc: str, request: Request, conn: Reader, me: Me) -> EpcOut:
    """Take an EPC apart: hex digits, or a URI as it is, its percent escapes included, or escaped once more as a whole.

    A whole escape is told by its colons (%3A).
    """
    raw = request.scope.get("raw_path", b"").decode("latin-1").partition("/api/v1/epc/")[2]
    return _told(conn, me, raw if raw.startswith("urn:epc:") else unquote(raw) or epc)


def _told(conn: Connection, me: Principal, text: str) -> EpcOut:
    try:
        found = read(text)
    except EpcError as error:
        if error.reason == "header" and not text.startswith("urn:"):
            code = text.upper()
            return EpcOut.model_validate({"hex": code, "known": False, "unit": _unit(conn, me, code)})
        raise Invalid(f"epc {text[:80]!r}: {error}", reason=error.reason) from None
    code = encode(found)
    told: dict[str, Any] = {name: getattr(found, name) for name in EpcOut.model_fields if hasattr(found, name)}
    return EpcOut.model_validate({**told, "hex": code, "known": True, "unit": _unit(conn, me, code)})


def _unit(conn: Connection, me: Principal, code: str) -> str | None:
    unit = plan.unit_of_epc(conn, code, now_ms())
    if unit is None:
        return None
    try:
        return plan.get_unit(conn, unit.id, me).id
    except NotFound:
        return None
