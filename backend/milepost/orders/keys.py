"""Idempotency-Keys are remembered for a while, not for ever."""

from sqlalchemy import delete, select

from milepost.db import Database
from milepost.orders.tables import command_key
from milepost.times import now_ms

# Longer than any client tries again. After that the same key still writes no second fact: its id comes of the key.
KEPT_MS = 30 * 86_400_000


def forget(db: Database, now: int | None = None) -> int:
    """Forget the answers of commands older than 30 days; returns how many. `now`: UTC ms."""
    old = command_key.c.at < (now_ms() if now is None else now) - KEPT_MS
    with db.read() as conn:
        if conn.execute(select(command_key.c.key).where(old).limit(1)).first() is None:
            return 0  # the writers' lock is not taken for nothing
    with db.tx() as conn:
        return conn.execute(delete(command_key).where(old)).rowcount
