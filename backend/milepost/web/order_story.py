"""What happened to an order and what is open about it, in words: gists of facts, its history, its exceptions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.alerts import service as alerts
from milepost.notify.reasons import said
from milepost.orders import history
from milepost.times import parse_rfc3339
from milepost.web.clock_view import name_of
from milepost.web.orders_view import word

Row = dict[str, Any]
Translate = Callable[..., str]
_MOST = 100
_ENTRIES = 500
# What of a fact's body says in a few words what it was about, in this order.
_GIST = (
    "with", "result", "text", "reason", "branch", "to_branch", "from", "to", "waybill", "pieces", "kg", "list", "paper",
    "slip", "signer", "cause", "hold", "decision", "mode", "carrier", "outside_no", "amount", "status", "command",
    "code", "why",
)  # fmt: skip
_LONG = 80
# Fields that hold a code, and where its words stand.
CODED = {"command": "act", "hold": "hold", "mode": "opt.mode", "decision": "opt.decision", "status": "paid",
          "code": "refusal"}  # fmt: skip
WITH_REASON = ("order.cancelled", "cancel.requested", "cancel.reason")


def gist(
    kind: str,
    body: Mapping[str, Any],
    t: Translate,
    branches: Mapping[str, str] | None = None,
    clock: Callable[[int], str] | None = None,
) -> str:
    """What a person's fact says, in a few words; empty for facts that speak through their subjects.

    `branches`: their names by id; one that is not there keeps its id. `clock`: how the page writes an instant (UTC ms);
    without it instants are left out.
    """
    if kind.startswith(("unit.", "vehicle.", "trip.")):
        return ""
    told: list[str] = []
    for name in _GIST:
        value = body.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            text = f"{value:g}" if isinstance(value, float) else str(value)
            if name in ("to", "from") and isinstance(value, int):
                if clock is None:
                    continue
                text = clock(value)
            elif name == "kg":
                text = f"{text} kg"
            elif name == "reason" and kind in WITH_REASON:
                text = reason_said(text, t)
            elif name in CODED:
                text = word(t, CODED[name], text)
            elif name in ("branch", "to_branch"):
                text = (branches or {}).get(text, text)
            elif kind == "notice.sent" and name == "to":
                role, _, who = text.partition(":")
                text = f"{word(t, 'role', role)} {who}".rstrip()
            told.append(text if len(text) <= _LONG else text[: _LONG - 1] + "…")
    return " · ".join(told[:3])


def reason_said(reason: str, t: Translate) -> str:
    """The reason of a cancellation in the page's language."""
    return said(reason, "zh" if t("form.yes") == "是" else "en")


def open_items(conn: Connection, me: Principal, order_id: str, language: str) -> list[Row]:
    """What is open about an order, urgent first: {title, detail, ex, clock, since, told, task, next, owner, urgent}.

    Empty for who may not see the inbox; such a person sees the exceptions on the order itself.
    """
    if not me.has(*alerts.STAFF):
        return []
    wanted = alerts.Filter(order=order_id)
    found = alerts.listing(conn, me, wanted, sort="urgency", limit=_MOST)["items"]
    return [
        {
            "title": each["title"][language],
            "detail": each["detail"][language],
            "ex": each["ex"],
            "clock": each["clock"],
            "since": parse_rfc3339(each["opened_at"]),
            "told": [told["role"] for told in each["told"]],
            "task": each["task"][language],
            "doer": each["task"]["role"],
            "next": each["next"][language],
            "owner": each["owner"]["name"] if each["owner"] else "",
            "urgent": each["urgent"],
        }
        for each in found
    ]


def entries(
    conn: Connection, me: Principal, order_id: str, t: Translate, branches: Mapping[str, str]
) -> list[Row]:  # fmt: skip
    """The history of an order, newest first: {n, at, what: [text], changed: [text], hash}.

    `branches`: their names by id; one that is not there keeps its id.
    """
    found: list[Row] = []
    cursor = None
    while len(found) < _ENTRIES:
        page = history.page(conn, me, order_id, cursor=cursor)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    return [
        {
            "n": each["n"],
            "at": parse_rfc3339(each["at"]),
            "what": _counted(_who(fact, t) for fact in each["facts"]) or [_by_itself(each, t)],
            "changed": [
                _difference(part, t, branches)
                for part in each["changed"]
                if part["field"] in ("state", "branch", "waybill")
            ],
            "hash": each["hash"],
        }
        for each in reversed(found)
    ]


def _by_itself(each: Mapping[str, Any], t: Translate) -> str:
    """What an entry tells that came with no fact: time went by, or a clock was judged anew."""
    told, clock = t(f"history.{each['kind']}"), each["data"].get("clock")
    return told if clock is None else f"{told} · {name_of(clock, t)} {clock}"


def _counted(told: Iterable[str]) -> list[str]:
    """Each thing once, with how often it happened: a load of twelve is one line of the history."""
    return [text if n == 1 else f"{text} × {n}" for text, n in Counter(told).items()]


def _who(fact: Mapping[str, Any], t: Translate) -> str:
    by = fact["by"]
    who = by["id"] if by["role"] == "device" else by.get("name") or word(t, "role", by["role"])
    return f"{word(t, 'fact', fact['kind'])} · {who}"


def _difference(part: Mapping[str, Any], t: Translate, branches: Mapping[str, str]) -> str:
    before, after = part["before"], part["after"]
    if part["field"] == "state":
        before, after = (word(t, "ostate", value) if value else "–" for value in (before, after))
    elif part["field"] == "branch":
        before, after = (branches.get(value, value) for value in (before, after))
    return f"{before or '–'} → {after or '–'}"


def closed_troubles(exceptions: Sequence[Row], shown: bool) -> list[Row]:
    """The exceptions of the order's own list that stand beside what the inbox says: all of them where there is no
    inbox for this person, else only those that are over."""
    return [each for each in exceptions if not shown or each["closed_at"] is not None]
