"""What is last known of a device: when it was heard, and since when it is gone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from milepost.db import Database
from milepost.ingest.contact import StateSink
from milepost.ingest.ears import Ears, ears
from milepost.ingest.model import STATE, UP
from milepost.ingest.spool import Message, Spool
from milepost.ingest.tables import device_contact

from .conftest import T0, batch, drive, fix, until

AT = (T0 + 1_577_836_800) * 1000 + 60_000
ON, WILL = b'{"online": true, "boot": 4}', b'{"online":false}'
Said = tuple[str, int, bytes]


def contact_after(db: Database, folder: Path, *hands: Sequence[Said]) -> dict[str, Any]:
    """The row of a device after these messages, given to the sink in some hand-overs."""
    spool = Spool(folder / "s.db")
    sink = StateSink(db, spool)
    for some in hands:
        before = spool.last_id()
        spool.append([Message("truck-1", channel, AT + at, payload) for channel, at, payload in some])
        sink.handle(spool.after(before))
    spool.close()
    with db.read() as conn:
        return dict(conn.execute(select(device_contact)).mappings().one())


def test_a_last_will_that_comes_again_changes_nothing(db: Database, tmp_path: Path) -> None:
    first = [(UP, 0, drive(1, 5)), (STATE, 1, ON), (STATE, 5_000, WILL)]
    row = contact_after(db, tmp_path, first, [(STATE, 900_000, WILL)], [(STATE, 950_000, WILL)])
    assert (row["online"], row["gone_at"], row["last_heard_at"]) == (False, AT + 5_000, AT)


def test_who_comes_back_is_not_gone_and_may_go_again(db: Database, tmp_path: Path) -> None:
    row = contact_after(db, tmp_path, [(STATE, 0, WILL)], [(STATE, 9_000, ON)])
    assert (row["online"], row["gone_at"], row["last_heard_at"]) == (True, None, None)
    row = contact_after(db, tmp_path, [(STATE, 10_000, WILL), (STATE, 11_000, ON), (STATE, 12_000, WILL)])
    assert (row["online"], row["gone_at"]) == (False, AT + 12_000)
    row = contact_after(db, tmp_path, [(UP, 20_000, drive(6, 5))])
    assert (row["last_heard_at"], row["gone_at"]) == (AT + 20_000, AT + 12_000)  # who asks compares the two


def test_the_newest_record_is_none_of_a_clock_that_runs_ahead(db: Database, tmp_path: Path) -> None:
    ahead = batch([fix(1), fix(1_000), fix(2), fix(2_000)])
    row = contact_after(db, tmp_path, [(UP, 0, ahead)])
    assert row["last_record_at"] == AT - 60_000 + 2_000
    row = contact_after(db, tmp_path, [(UP, 0, batch([fix(3_000), fix(4_000)], first=5))])
    assert row["last_record_at"] == AT - 60_000 + 2_000
    row = contact_after(db, tmp_path, [(UP, 0, batch([fix(300), fix(200)], first=7))])
    assert row["last_record_at"] == AT - 60_000 + 300_000


@pytest.mark.timeout(60)
def test_the_ears_are_open_while_the_broker_is_there_and_the_sink_keeps_up(house, ingest_of, db: Database) -> None:
    ingest = ingest_of()
    assert sorted(ingest.listening()) == list("0123456789abcdef")
    Ears(db, ingest.listening).note()
    with db.read() as conn:
        assert sorted(ears(conn)) == list("0123456789abcdef")
    house.server.stop()
    until(lambda: ingest.listening() == [])


def test_a_sink_that_is_behind_closes_the_ears(db: Database, ingest_of, spool: Spool) -> None:
    sink = StateSink(db, spool)
    broken = [True]
    handle = sink.handle

    def stubborn(items: Sequence[Any]) -> None:
        if broken[0]:
            raise OSError("the database is away")
        handle(items)

    sink.handle = stubborn
    ingest = ingest_of(sink)
    assert len(ingest.listening()) == 16
    spool.append([Message("truck-1", UP, AT, drive(1, 5))])
    assert ingest.listening() == []
    broken[0] = False
    until(lambda: len(ingest.listening()) == 16)
