"""HTTP of imports: a CSV file whole, or nothing of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header
from pydantic import BaseModel, Field

from milepost.access.deps import Me, Tx
from milepost.errors import Forbidden
from milepost.orders import csv_import

router = APIRouter(prefix="/import")
Kind = Literal["vehicles", "sites", "doors", "units"]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)]
_HEADS = "; ".join(
    f"{kind}: {', '.join((*needed, *(f'[{name}]' for name in more)))}"
    for kind, (needed, more) in csv_import.HEADS.items()
)
File = Annotated[bytes, Body(media_type="text/csv", description=f"UTF-8 or GB 18030. Heads by kind: {_HEADS}")]


class ImportOut(BaseModel):
    rows: int = Field(description="rows of the file")
    made: int = Field(description="things that were not there before")
    changed: int = Field(description="things that were there and got a GS1 name")


@router.post("/{kind}")
def import_csv(kind: Kind, body: File, conn: Tx, me: Me, key: Key = None) -> ImportOut:
    """Take in vehicles, sites, doors or the units of orders. What is wrong comes back by line, and nothing is kept."""
    if not me.has(*csv_import.ROLES[kind]):
        raise Forbidden(f"{kind} are brought by: {', '.join(csv_import.ROLES[kind])}")
    done = csv_import.take_in(conn, me, kind, body, key)
    return ImportOut(rows=done.rows, made=done.made, changed=done.changed)
