"""The numbers in the top bar: what waits in the inbox, what one has not read."""

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.alerts import service as alerts
from milepost.notify import service as notify


def bar(conn: Connection, me: Principal) -> dict[str, int]:
    """What every page of a signed-in person says in its top bar; pass it on to `render.page`."""
    waiting = alerts.counts(conn, me)["active"] if me.has(*alerts.STAFF, "auditor") else 0
    return {"inbox_count": waiting, "unread": notify.unread(conn, me)["unread"]}
