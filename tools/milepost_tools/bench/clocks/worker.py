"""The worker of the bench: everything that the service puts together over a database, and its round that wakes."""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection

from milepost.app import create_api
from milepost.clocks import service
from milepost.clocks.service import ClockChange
from milepost.db import Database
from milepost.periodic import Periodic
from milepost.settings import Settings

TOLD = "bench_told"  # a line for each breach that listeners were told of; nothing keeps a second one out
ROUND_S = 0.5


def put_together(db: Database) -> None:
    """Let every part listen to the fold as in the service, and note what they are told."""
    create_api(db, Settings(data_dir=Path(tempfile.gettempdir())))  # pyright: ignore[reportCallIssue]
    service.subscribe(_note)


def _note(conn: Connection, changes: Iterable[ClockChange]) -> None:
    for change in changes:
        for clock in change.breached:
            line = f"INSERT INTO {TOLD} VALUES ('{change.order_id}', '{clock.clock}', {change.at})"
            conn.exec_driver_sql(line)


def main(url: str) -> None:
    """Wake what is due on a database, in the service's rounds, for ever. The parts have been put together before."""
    db = Database(url)
    Periodic("wake", ROUND_S, lambda: service.wake(db)).start()
    while True:
        time.sleep(3600)
