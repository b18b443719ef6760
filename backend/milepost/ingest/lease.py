"""Which worker ingests which parts: a row a part in the shared database (docs/operations.md: More than one process).

A worker extends its rows every second; one that stops doing so loses them to whoever waits. All times are those of the
database, so the clocks of the hosts need not agree. While the database is away nobody can take a part from anybody, and
a holder goes on. A lease does not protect the data (every effect stands repeats, a session belongs to the client that
connected last, and the broker keeps what was not acknowledged); it keeps two workers from taking each other's sessions
by turns.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from milepost.db import Database
from milepost.ingest.tables import ingest_lease

ROUND_S = 1.0
LEASE_MS = 5_000
GRACE_MS = 1_500  # how long a standby leaves an expired part to the worker whose own it is
_HANGS_S = 2.0  # a round that takes longer waits for a database that is away
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """One row: who holds a part until when, and since when a worker whose own it is waits for it (UTC ms)."""

    name: str
    holder: str
    worker: str
    standby: bool
    until_ms: int
    wanted_ms: int


@dataclass(frozen=True, slots=True)
class Member:
    """A worker that takes leases. `holder`: names its spool file, which only one process has open at a time."""

    holder: str
    worker: str
    standby: bool = False


def judge(lease: Lease, me: Member, now: int) -> str:
    """What a worker does with a row at `now` (UTC ms of the database): keep, yield, take, want or wait. Pure.

    keep: it is ours, extend it. yield: ours as a standby, and the worker whose own it is has come back. take: nobody
    holds it. want: a standby holds what is ours, ask for it. wait: somebody else's.
    """
    free = lease.until_ms + (GRACE_MS if me.standby else 0) <= now
    if lease.holder == me.holder:
        asked = lease.standby and me.standby and lease.wanted_ms > now - LEASE_MS
        return "yield" if asked else "keep"
    if free:
        return "take"
    return "want" if lease.standby and not me.standby else "wait"


class Leases:
    """Takes and extends the leases of some names in a thread of its own; `holds(name)` answers from memory."""

    def __init__(
        self,
        db: Database,
        me: Member,
        names: Iterable[str],
        *,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        """`names`: parts as hex digits, and names of rounds that one worker does for all. `clock`: seconds that go on
        while the process or the host sleeps."""
        self._db = db
        self._me = me
        self._names = sorted(set(names))
        self._clock = clock
        self._until: dict[str, float] = {}  # name: until when, by our clock, nobody can have taken it
        self._yielding: set[str] = set()
        self._failed_at: float | None = None  # the last round, when it failed
        self._began: float | None = None  # the round under way
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    @property
    def member(self) -> Member:
        """Who takes them."""
        return self._me

    def start(self) -> None:
        """Take what is free now, then go on in the background. Raises the database's error when the first try fails."""
        with self._db.tx() as conn:
            _make_rows(conn, self._names)
        self.round()
        self._thread.start()

    def stop(self) -> None:
        """Let go of everything, so that others need not wait for its end. To be called when nothing is received."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        held, self._until = list(self._until), {}
        try:
            with self._db.tx() as conn:
                for name in held:
                    _let_go(conn, name, self._me, _now(conn))
        except Exception as error:
            _log.warning("leases could not be given back, they end in %d s: %s", LEASE_MS // 1000, error)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def holds(self, name: str) -> bool:
        """True while `name` is ours. A process that has slept past its leases holds none until it has asked again; one
        whose database is away keeps what it has, because nobody else can get it."""
        until = self._until.get(name)
        if until is None or name in self._yielding:
            return False
        return self._clock() < until or self._database_is_away()

    def held(self) -> list[str]:
        """The names that are ours now."""
        return [name for name in self._names if self.holds(name)]

    def round(self) -> None:
        """Extend what is ours, take what is free. Raises what the database raises."""
        began = self._began = self._clock()
        try:
            held, yielding = self._ask()
        except Exception:
            self._failed_at = self._clock()
            raise
        finally:
            self._began = None
        self._failed_at = None
        until = began + LEASE_MS / 1000
        for name in sorted(held ^ self._until.keys()):
            _log.info("%s %s %s", self._me.worker or "this process", "takes" if name in held else "has lost", name)
        self._until = dict.fromkeys(held, until)
        self._yielding = yielding

    def _ask(self) -> tuple[set[str], set[str]]:
        held: set[str] = set()
        yielding: set[str] = set()
        with self._db.tx() as conn:
            if conn.dialect.name == "postgresql":
                # A process that is stopped between two of these statements must not lock the others out.
                conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 2000"))
            now = _now(conn)
            for lease in _rows(conn, self._names):
                verdict = judge(lease, self._me, now)
                if verdict == "yield" and lease.name in self._yielding:  # let go of since the last round
                    _let_go(conn, lease.name, self._me, now)
                elif verdict == "yield":
                    held.add(lease.name)
                    yielding.add(lease.name)
                elif verdict in ("keep", "take") and _write(conn, lease, self._me, now):
                    held.add(lease.name)
                elif verdict == "want":
                    _want(conn, lease, now)
        return held, yielding

    def _database_is_away(self) -> bool:
        now = self._clock()
        if self._began is not None and now - self._began > _HANGS_S:
            return True
        return self._failed_at is not None and now - self._failed_at < LEASE_MS / 1000

    def _run(self) -> None:
        while not self._stop.wait(ROUND_S):
            try:
                self.round()
            except Exception as error:
                _log.error("leases could not be extended, this worker goes on with what it holds: %s", error)


def holders(conn: Connection) -> list[Lease]:
    """Every row, by name."""
    return _rows(conn, None)


def database_ms(conn: Connection) -> int:
    """The database's own time in UTC ms."""
    return _now(conn)


def _make_rows(conn: Connection, names: Iterable[str]) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    now = _now(conn)
    for name in names:
        values = {"name": name, "holder": "", "worker": "", "standby": False, "until_ms": now, "wanted_ms": 0}
        conn.execute(insert(ingest_lease).values(values).on_conflict_do_nothing())


def _rows(conn: Connection, names: list[str] | None) -> list[Lease]:
    statement = select(ingest_lease).order_by(ingest_lease.c.name)
    if names is not None:
        statement = statement.where(ingest_lease.c.name.in_(names))
    return [Lease(**row) for row in conn.execute(statement).mappings()]


def _write(conn: Connection, seen: Lease, me: Member, now: int) -> bool:
    """Make a row ours if it is still as it was seen: of two who take it, one gets it."""
    statement = update(ingest_lease).where(
        ingest_lease.c.name == seen.name,
        ingest_lease.c.holder == seen.holder,
        ingest_lease.c.until_ms == seen.until_ms,
    )
    values = {"holder": me.holder, "worker": me.worker, "standby": me.standby, "until_ms": now + LEASE_MS}
    if not me.standby:
        values["wanted_ms"] = 0
    return conn.execute(statement.values(values)).rowcount == 1


def _want(conn: Connection, seen: Lease, now: int) -> None:
    conn.execute(update(ingest_lease).where(ingest_lease.c.name == seen.name).values(wanted_ms=now))


def _let_go(conn: Connection, name: str, me: Member, now: int) -> None:
    mine = update(ingest_lease).where(ingest_lease.c.name == name, ingest_lease.c.holder == me.holder)
    conn.execute(mine.values(until_ms=now, holder="", standby=False))


def _now(conn: Connection) -> int:
    if conn.dialect.name == "postgresql":
        clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    else:
        clock = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    return int(conn.execute(text(clock)).scalar_one())
