"""The wake-up of orders: whatever happens by itself (a clock runs out, a postponed order wakes) is a row that is due.

One mechanism for both: an order whose own `next_due` or one of whose clocks' `next_at` has come is folded anew, and
the listeners of the fold do the rest in the same transaction. That transaction is the lease: its row locks (on SQLite
its writers' lock) keep other workers away, and a worker that dies lets go of what it had not committed. So nothing is
done twice and nothing is lost, and no clock has to be believed but that of the worker.
"""

import logging
import time

from sqlalchemy import Connection

from milepost.clocks import repository
from milepost.db import Database
from milepost.orders import projector
from milepost.times import now_ms

BATCH = 25  # orders per transaction: the writers' lock of SQLite is held for a fraction of a second
_CANDIDATES = 16 * BATCH  # of which other workers may hold some
_BREATH_S = 0.01  # between two batches, for those who wait for the writers' lock
_AGAIN_MS = 60_000
_log = logging.getLogger(__name__)


def wake(db: Database, now: int | None = None) -> int:
    """Fold anew every order that is due, in batches; returns how many were. Call it every half second.

    `now`: UTC ms, for tests; default: the host's clock, read again in each transaction.
    """
    total = 0
    while True:
        with db.read() as conn:
            if not repository.due_orders(conn, _now(now), 1):
                return total  # the writers' lock is not taken for nothing
        with db.tx() as conn:
            done = _batch(conn, now)
        total += done
        if done == 0:
            return total  # what is due is in the hands of other workers
        time.sleep(_BREATH_S)


def _batch(conn: Connection, now: int | None) -> int:
    held = _held(conn, repository.due_orders(conn, _now(now), _CANDIDATES))
    if not _fold(conn, held, now):
        for order_id in held:  # one of them stands in the way: the others go on without it
            _fold(conn, [order_id], now)
    if stuck := repository.still_due(conn, held, started := _now(now)):
        _log.error("orders %s are still due after a fold; trying again in %s s", stuck, _AGAIN_MS // 1000)
        repository.put_off(conn, stuck, started, started + _AGAIN_MS)
    return len(held)


def _fold(conn: Connection, ids: list[str], now: int | None) -> bool:
    """Fold orders anew, all or none; False when it failed."""
    try:
        with conn.begin_nested():
            projector.refold_all(conn, ids, (), now)
    except Exception:
        _log.exception("orders %s could not be folded", ids)
        return False
    return True


def _held(conn: Connection, due: list[str]) -> list[str]:
    """The first of the due orders that are nobody else's, now ours."""
    for start in range(0, len(due), BATCH):
        if held := repository.lease(conn, due[start : start + BATCH]):
            return held
    return []


def _now(now: int | None) -> int:
    return now_ms() if now is None else now
