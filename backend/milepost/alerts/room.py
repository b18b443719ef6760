"""An incident in the inbox while the host of an ingesting process runs out of room (docs/operations.md: the disk)."""

from collections.abc import Callable

from milepost.alerts import devices as incidents
from milepost.alerts.devices import Row, Trouble
from milepost.db import Database
from milepost.ingest.service import Shortage
from milepost.times import now_ms

RULE = "disk"
EVERY_S = 5.0


class RoomWatch:
    """Brings the incident of one process in line with what its spool guard sees."""

    def __init__(
        self, db: Database, host: str, shortage: Callable[[], Shortage | None], clock: Callable[[], int] = now_ms
    ) -> None:
        """`host`: name of this process among those that ingest, as people know it."""
        self._db = db
        self._host = host
        self._shortage = shortage
        self._clock = clock

    def round(self) -> None:
        """Look once."""
        now, short = self._clock(), self._shortage()
        with self._db.read() as conn:
            row = incidents.standing(conn).get(f"{RULE}:{self._host}")
        if short is None:
            if row is not None:
                with self._db.tx() as conn:
                    incidents.end(conn, row, now, "over")
            return
        about: Row = {"holder": self._host, "reason": words(short)}
        with self._db.tx() as conn:
            if row is None:
                incidents.begin(conn, Trouble(RULE, self._host, now, about), now)
            else:
                incidents.amend(conn, row, about)


def words(short: Shortage) -> dict[str, str]:
    """What is short, in both languages. Pure."""
    if short.of_spool:
        zh, en = f"待处理数据已占 {short.spool_mb} MB", f"the spool holds {short.spool_mb} MB"
    else:
        zh, en = f"数据盘只剩 {short.free_mb} MB", f"{short.free_mb} MB free on the disk of the data"
    if short.stopped:
        return {"zh": f"{zh}，已停止接收", "en": f"{en}, nothing is taken in any more"}
    return {"zh": f"{zh}，再少就停止接收", "en": f"{en}, soon nothing will be taken in"}
