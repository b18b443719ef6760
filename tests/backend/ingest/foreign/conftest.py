"""A running intake over a real spool and a real database, and what lies behind it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from milepost.db import Database
from milepost.ingest.decode import readings
from milepost.ingest.foreign import identities
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.reading import Reading
from milepost.ingest.screen import Screen
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.times import now_ms

from .terminal import Terminal


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.db")
    yield made
    made.close()


class House:
    """The intake, and short ways to look behind it."""

    def __init__(self, intake: Intake, spool: Spool, db: Database) -> None:
        self.intake, self.spool, self.db = intake, spool, db
        self.full: str | None = None
        self._open: list[Terminal] = []

    @property
    def port(self) -> int:
        assert self.intake.jt808 is not None
        return self.intake.jt808.port

    def know(self, protocol: str, identifier: str, device: str, **more) -> str | None:
        """Enter an identity, as an engineer does."""
        values = {"secret": None, "open": False, "by": "test", "now": now_ms(), **more}
        with self.db.tx() as conn:
            made = identities.add(conn, protocol=protocol, identifier=identifier, device=device, **values)
        self.intake.directory.refresh()
        return made

    def terminal(self, number: str = "013912345678", version: int = 0, *, known: bool = True) -> Terminal:
        """A terminal on the line; a known one has registered and proven itself."""
        made = Terminal(self.port, number, version)
        self._open.append(made)
        if known:
            if self.intake.directory.find("jt808", number) is None:
                self.know("jt808", number, number[-12:])
            made.register()
            assert made.authenticate() == 0
        return made

    def readings(self, kind: str | None = None) -> list[Reading]:
        """Everything in the spool, decoded."""
        found = [reading for item in self.spool.after(0, 10_000) for reading in readings(item)]
        return [each for each in found if kind in (None, each.kind)]

    def letters(self) -> list[tuple[str, str, str]]:
        """(channel, reason, state) of the dead letters, once the screen has seen all."""
        runner = SinkRunner(Screen(self.spool), self.spool)
        runner.start()
        until(lambda: runner.position >= self.spool.last_id() or not self.spool.after(0, 1))
        runner.stop()
        rows = self.spool.connection().execute("SELECT channel, reason, state FROM dead_letter ORDER BY id")
        return [tuple(row) for row in rows]

    def close(self) -> None:
        for each in self._open:
            each.close()
        self.intake.stop()


@pytest.fixture
def house(db: Database, spool: Spool, settings: Settings) -> Iterator[House]:
    box: list[House] = []
    intake = Intake(settings.model_copy(update={"jt808_port": 0}), spool, db, lambda: box[0].full if box else None)
    made = House(intake, spool, db)
    box.append(made)
    intake.start()
    yield made
    made.close()


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.01)
