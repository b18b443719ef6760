"""The outbox: what is due to be told is written down with the change that makes it due, sent in rounds, and read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.clocks import service as clocks
from milepost.clocks.service import ClockChange
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Invalid, NotFound
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.notify import repository
from milepost.notify.delivery import CHANNELS, deliver
from milepost.notify.model import Notice, notice_id, notices
from milepost.notify.names import branches_of, fill
from milepost.notify.rules import OUTSIDE
from milepost.notify.templates import DEFAULTS, LANGUAGES, check
from milepost.notify.texts import Texts
from milepost.orders import history
from milepost.times import now_ms, to_rfc3339

__all__ = [
    "Due",
    "deliver",
    "enqueue",
    "install",
    "mark_all_read",
    "mark_read",
    "messages",
    "put_template",
    "reset_template",
    "retry",
    "set_aside",
    "tell_person",
    "templates",
    "told",
    "unread",
]
_STALE_MS = 24 * 3_600_000  # goods that left last week are no news
Row = dict[str, Any]


def install() -> None:
    """Let every change of an order and of its clocks say what is due (twice is once)."""
    clocks.subscribe(on_clocks)


@dataclass(frozen=True, slots=True)
class Due:
    """What one order makes due. `site`: where the order is now, so that staff of a site are told too; `now`: UTC ms."""

    notices: Sequence[Notice]
    number: str
    site: str | None
    now: int


def on_clocks(conn: Connection, changes: Iterable[ClockChange]) -> None:
    """Write down what the exceptions, the events and the late clocks of orders make due."""
    due = (
        Due(notices(each.state, each.clocks, each.at, each.chronicle), each.number, each.state.site, each.at)
        for each in changes
    )
    enqueue(conn, due)


def enqueue(conn: Connection, orders: Iterable[Due]) -> int:
    """Put those notices of these orders into the outbox that are not in it yet; returns how many.

    Left out: what is over before anybody could be told, and events of more than a day ago.
    """
    news = [(notice, due) for due in orders for notice in due.notices if _is_news(notice, due.now)]
    order_ids = {notice.order for notice, _ in news if notice.order is not None}
    if not order_ids:
        return 0
    known = repository.known_notices(conn, order_ids)
    fresh = [(notice, due) for notice, due in news if notice.id not in known]
    if not fresh:
        return 0
    rows: list[Row] = []
    branches = branches_of(conn, {notice.to_scope_id for notice, _ in fresh if notice.to_scope_kind == "site"})
    named = fill(conn, [{**notice.data, "order": due.number} for notice, due in fresh])
    for (notice, due), fields in zip(fresh, named, strict=True):
        branch = branches.get(notice.to_scope_id) or notice.data.get("branch")
        rows += rows_of(notice, fields, due.number, site=due.site, branch=branch, now=due.now)
    repository.add(conn, rows)
    told = [_sent(notice, due.now) for notice, due in fresh if notice.to_role in ("customer", "carrier")]
    history.record(conn, log.append(conn, told))
    return len(fresh)


def _is_news(notice: Notice, now: int) -> bool:
    return not notice.over and not (notice.cause.startswith("event:") and notice.at < now - _STALE_MS)


def tell_person(
    conn: Connection, person_id: str, template: str, cause: str, order: Mapping[str, Any], data: Mapping[str, Any], *,
    urgency: str, occasion: str,
) -> None:  # fmt: skip
    """Tell one person by name. `order`: its row; `occasion` tells one telling from the next."""
    now = now_ms()
    key = notice_id(order["id"], f"{cause}/{occasion}", template, "person", person_id)
    fields = {**data, "order": order["number"]}
    if (waybill := order.get("waybill")) is not None:
        fields["waybill"] = waybill
    notice = Notice(key, order["id"], cause, None, None, template, "person", "company", "", urgency, fields, now)
    if key in repository.known_notices(conn, [order["id"]]):
        return
    scopes = {kind: order.get(kind) for kind in ("branch", "site", "customer", "carrier", "vehicle")}
    rows = rows_of(notice, fields, order["number"], site=None, branch=None, now=now)
    repository.add(conn, [{**row, **scopes, "person_id": person_id} for row in rows])


def messages(
    conn: Connection,
    me: Principal,
    *,
    unread: bool | None = None,
    order: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of the messages to somebody's roles or name, newest first: {items, next}; texts in both languages.

    `unread`: only those (not) read by them; `order`: id or number. Raises Invalid for a cursor that is none of ours.
    """
    before = open_cursor("m1", cursor)
    rows = repository.page(conn, me, unread=unread, order=order, before=before, limit=limit + 1)
    last = rows[limit - 1]["id"] if len(rows) > limit else None
    texts = Texts(conn)
    items = [_shown(row, texts) for row in rows[:limit]]
    return {"items": items, "next": None if last is None else cursor_at("m1", last)}


def unread(conn: Connection, me: Principal) -> dict[str, int]:
    """How many messages somebody has not read: {unread, now}; `now` are the urgent ones among them."""
    counts = repository.unread(conn, me)
    return {"unread": sum(counts.values()), "now": counts.get("now", 0)}


def mark_read(conn: Connection, me: Principal, message_id: str) -> dict[str, Any]:
    """Somebody has read a message; reading it twice is once. Raises NotFound for what is not addressed to them."""
    row = repository.find(conn, me, message_id)
    if row is None:
        raise NotFound(f"no message {message_id!r} to you; GET /api/v1/messages lists those that are")
    if row["my_read_at"] is None:
        repository.mark_read(conn, me, [message_id], now_ms())
    found = repository.find(conn, me, message_id)
    assert found is not None
    return _shown(found, Texts(conn))


def mark_all_read(conn: Connection, me: Principal, up_to: str | None = None) -> int:
    """Somebody has read all their messages, up to the id `up_to` (so that none is missed that came meanwhile)."""
    ids = repository.unread_ids(conn, me, up_to, 1000)
    repository.mark_read(conn, me, ids, now_ms())
    return len(ids)


def told(conn: Connection, order_ids: Iterable[str]) -> dict[tuple[str, str], list[Row]]:
    """Who was told of each cause of these orders: (order id, cause) → [{role, scope_kind, scope_id, people, at, state,
    read_at, read_by}], oldest first. `people`: [{id, name}] who hold the role over the scope today."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row, entry in who_was_told(conn, repository.of_orders(conn, order_ids)):
        found.setdefault((row["order_id"], row["cause"]), []).append(entry)
    return found


def who_was_told(conn: Connection, rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each message of the outbox with what is said of who was told by it (`told`)."""
    if not rows:
        return []
    grants = repository.people(conn)
    names = {each["id"]: each["name"] for each in grants}
    found: list[tuple[Row, Row]] = []
    for row in rows:
        entry = {
            "role": row["to_role"],
            "scope_kind": row["to_scope_kind"],
            "scope_id": row["to_scope_id"],
            "people": _people(row, grants, names),
            "at": row["created_at"],
            "state": row["state"],
            "read_at": row["read_at"],
            "read_by": names.get(row["read_by"] or "", row["read_by"]),
        }
        found.append((row, entry))
    return found


def set_aside(conn: Connection, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """A page of the messages that could not be sent, with the error of the last attempt: {items, next}."""
    rows = repository.set_aside(conn, open_cursor("m2", cursor), limit + 1)
    last = rows[limit - 1]["id"] if len(rows) > limit else None
    names = ("id", "channel", "order_number", "template", "to_role", "attempts", "error")
    items = [{**{n: row[n] for n in names}, "created_at": to_rfc3339(row["created_at"])} for row in rows[:limit]]
    return {"items": items, "next": None if last is None else cursor_at("m2", last)}


def retry(conn: Connection, message_id: str) -> None:
    """Put a message that was set aside back in the queue. Raises NotFound."""
    if not repository.try_again(conn, message_id, now_ms()):
        raise NotFound(f"no message {message_id!r} was set aside; GET /api/v1/messages/set-aside lists those that are")


def templates(conn: Connection) -> list[Row]:
    """Every template with the text in force and the text of the house, by name and language."""
    own = repository.own_templates(conn)
    found: list[Row] = []
    for name in sorted(DEFAULTS):
        for number, language in enumerate(LANGUAGES):
            changed = own.get((name, language))
            found.append(
                {
                    "name": name,
                    "language": language,
                    "text": changed["text"] if changed else DEFAULTS[name][number],
                    "default": DEFAULTS[name][number],
                    "changed_at": to_rfc3339(changed["updated_at"]) if changed else None,
                    "changed_by": changed["updated_by"] if changed else None,
                }
            )
    return found


def put_template(conn: Connection, me: Principal, name: str, language: str, text: str) -> Row:
    """Say it in other words in this installation. Raises NotFound for a name, Invalid for a text (see `check`)."""
    _known(name, language)
    check(text)
    repository.put_template(conn, name, language, text.strip(), me, now_ms())
    return next(row for row in templates(conn) if row["name"] == name and row["language"] == language)


def reset_template(conn: Connection, name: str, language: str) -> Row:
    """Go back to the text of the house. Raises NotFound."""
    _known(name, language)
    repository.drop_template(conn, name, language)
    return next(row for row in templates(conn) if row["name"] == name and row["language"] == language)


def _known(name: str, language: str) -> None:
    if name not in DEFAULTS:
        raise NotFound(f"no template {name!r}; GET /api/v1/message-templates lists them")
    if language not in LANGUAGES:
        raise Invalid(f"language {language!r}: one of {', '.join(LANGUAGES)}")


def rows_of(
    notice: Notice, fields: Mapping[str, Any], number: str, *, site: str | None, branch: str | None, now: int
) -> list[Row]:
    """One row per channel. In-app it is sent with the commit; on the others it waits for the next round.

    Staff of a branch are told together with those of the site where its order is; staff of a site with those of
    the `branch` it belongs to.
    """
    kind, scope_id = notice.to_scope_kind, notice.to_scope_id
    scopes: Row = dict.fromkeys(("branch", "site", "customer", "carrier", "vehicle"))
    if kind != "company":
        scopes[kind] = scope_id
    if notice.to_role not in OUTSIDE and kind in ("branch", "site"):
        scopes |= {"site": site} if kind == "branch" else {"branch": branch}
    base = {
        "notice_id": notice.id,
        "order_id": notice.order,
        "order_number": number,
        "cause": notice.cause[:200],
        "ex": notice.ex,
        "clock": notice.clock,
        "template": notice.template,
        "urgency": notice.urgency,
        "to_role": notice.to_role,
        "to_scope_kind": kind,
        "to_scope_id": scope_id,
        "data": json.dumps(fields, ensure_ascii=False),
        "at": notice.at,
        "created_at": now,
        "person_id": None,
        **scopes,
    }
    inapp = {"id": new_id(), "channel": "inapp", "state": "sent", "sent_at": now, "next_at": None, **base}
    others = [
        {"id": new_id(), "channel": name, "state": "queued", "sent_at": None, "next_at": now, **base}
        for name in CHANNELS
    ]
    return [inapp, *others]


def _sent(notice: Notice, now: int) -> Fact:
    """That somebody outside the house was told is evidence (TR-5, CC-9). The fold gives it no effect: it is appended
    without folding the order anew, so telling never changes an order and never leads to more telling."""
    subjects = {"order": str(notice.order)}
    return Fact(
        id=fact_id("notice.sent", subjects, (notice.id,)),
        kind="notice.sent",
        at=now,
        by=Author("service", "service"),
        subjects=subjects,
        body={"exception": notice.cause, "to": f"{notice.to_role}:{notice.to_scope_id}", "notice": notice.id},
        grade="B",
        inputs=(notice.id,),
    )


def _people(row: Row, grants: list[Row], names: Mapping[str, str]) -> list[Row]:
    if row["person_id"] is not None:
        return [{"id": row["person_id"], "name": names.get(row["person_id"], row["person_id"])}]
    found = {
        grant["id"]: grant["name"]
        for grant in grants
        if grant["role"] == row["to_role"]
        and (grant["scope_kind"] == "company" or row[grant["scope_kind"]] == grant["scope_id"])
    }
    return [{"id": person, "name": name} for person, name in found.items()]


def _shown(row: Row, texts: Texts) -> Row:
    plain = ("id", "order_id", "order_number", "cause", "ex", "clock", "template", "urgency", "to_role",
             "to_scope_kind", "to_scope_id")  # fmt: skip
    return {
        **{name: row[name] for name in plain},
        "text": texts.of(row["template"], repository.loads(row)),
        "at": to_rfc3339(row["at"]),
        "told_at": to_rfc3339(row["created_at"]),
        "read_at": to_rfc3339(row["my_read_at"]),
    }
