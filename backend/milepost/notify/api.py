"""HTTP of the notices: what I am told, and the texts it is told in."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi import Path as InPath
from pydantic import BaseModel, Field, StringConstraints

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.notify import service
from milepost.notify.templates import MAX_TEMPLATE
from milepost.orders.fields import Short, Strict

router = APIRouter(prefix="/api/v1", tags=["notify"])
Admin = Annotated[Principal, Depends(require("admin"))]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$", description="one per command"),
]
NO_NUL = r"^[^\x00]*$"
MessageId = Annotated[str, InPath(max_length=64, pattern=NO_NUL)]
Language = Annotated[Literal["zh", "en"], InPath()]
Name = Annotated[str, InPath(max_length=64, pattern=NO_NUL)]


class Text(BaseModel):
    """The same in both languages; plain text."""

    zh: str
    en: str


class MessageOut(BaseModel):
    """One thing that somebody is told."""

    id: str
    order_id: str | None = Field(description="null when it is about a device or a host")
    order_number: str = Field(description="empty when it is about a device or a host")
    cause: str = Field(description="cause of the exception, `clock:…`, `event:…`, or an incident with its device")
    ex: str | None
    clock: str | None
    template: str
    urgency: Literal["now", "shift", "wait"]
    to_role: str = Field(description="whom it is for; `person` when it is for you by name")
    to_scope_kind: str
    to_scope_id: str
    text: Text
    at: str = Field(description="since when it was due to be told")
    told_at: str
    read_at: str | None = Field(description="when you read it")


class MessagePage(BaseModel):
    items: list[MessageOut]
    next: str | None = Field(description="cursor of the next page, null on the last")


class Unread(BaseModel):
    unread: int
    now: int = Field(description="the urgent ones among them")


class ReadAll(Strict):
    up_to: Short | None = Field(None, description="id of the newest message you have seen; default: all")


class Count(BaseModel):
    read: int


class StuckOut(BaseModel):
    """A message that could not be sent."""

    id: str
    channel: str
    order_number: str
    template: str
    to_role: str
    attempts: int
    error: str | None
    created_at: str


class StuckPage(BaseModel):
    items: list[StuckOut]
    next: str | None


class TemplateOut(BaseModel):
    """One text: that in force, and that of the house."""

    name: str
    language: Literal["zh", "en"]
    text: str
    default: str
    changed_at: str | None
    changed_by: str | None


class TemplateText(Strict):
    text: Annotated[str, StringConstraints(max_length=MAX_TEMPLATE)] = Field(
        description="one line; {field}, and [parts] that are left out where a field of them is unknown"
    )


@router.get("/messages")
def list_messages(
    conn: Reader,
    me: Me,
    unread: Annotated[bool | None, Query(description="true: only those you have not read")] = None,
    order: Annotated[str | None, Query(max_length=64, pattern=NO_NUL, description="id or number")] = None,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MessagePage:
    """What your roles, or you by name, are told; newest first."""
    found = service.messages(conn, me, unread=unread, order=order, cursor=cursor, limit=limit)
    return MessagePage(**found)


@router.get("/messages/unread")
def count_unread(conn: Reader, me: Me) -> Unread:
    """How many you have not read."""
    return Unread(**service.unread(conn, me))


@router.get("/messages/set-aside")
def list_set_aside(
    conn: Reader,
    _: Admin,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> StuckPage:
    """Messages that could not be sent after every attempt."""
    return StuckPage(**service.set_aside(conn, cursor, limit))


@router.post("/messages/read")
def read_all(body: ReadAll, conn: Tx, me: Me, key: Key = None) -> Count:
    """I have read them all."""

    def do() -> dict[str, Any]:
        return {"read": service.mark_all_read(conn, me, body.up_to)}

    return Count(**once(conn, me, key, "POST /messages/read", body.model_dump(mode="json"), do))


@router.post("/messages/{message_id}/read")
def read_one(message_id: MessageId, conn: Tx, me: Me) -> MessageOut:
    """I have read it. Reading it again changes nothing."""
    return MessageOut(**service.mark_read(conn, me, message_id))


@router.post("/messages/{message_id}/retry", status_code=204)
def retry(message_id: MessageId, conn: Tx, _: Admin) -> None:
    """Try to send a message again that was set aside."""
    service.retry(conn, message_id)


@router.get("/message-templates")
def list_templates(conn: Reader, _: Admin) -> list[TemplateOut]:
    """Every text, with the fields and parts it is made of."""
    return [TemplateOut(**row) for row in service.templates(conn)]


@router.put("/message-templates/{name}/{language}")
def put_template(name: Name, language: Language, body: TemplateText, conn: Tx, me: Admin) -> TemplateOut:
    """Say it in other words in this installation; messages already told read so too."""
    return TemplateOut(**service.put_template(conn, me, name, language, body.text))


@router.delete("/message-templates/{name}/{language}")
def reset_template(name: Name, language: Language, conn: Tx, _: Admin) -> TemplateOut:
    """Go back to the text of the house."""
    return TemplateOut(**service.reset_template(conn, name, language))
