"""The delivery round: nothing lost, nothing doubled unseen, over crashes and with two workers."""

import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from milepost.db import Database
from milepost.notify import service
from milepost.notify.channels import Parcel
from milepost.notify.delivery import LEASE_MS, MAX_ATTEMPTS, backoff_ms, deliver
from milepost.notify.model import Notice
from milepost.notify.tables import message
from milepost.orders import repository

NOW = 1_772_416_800_000


class Heard:
    """A channel that keeps what it was given, and fails when told to."""

    def __init__(self, *poison: str) -> None:
        self.parcels: list[Parcel] = []
        self.poison = poison

    def send(self, parcel: Parcel) -> None:
        if parcel.notice in self.poison:
            raise ConnectionError("nobody listens")
        self.parcels.append(parcel)


@pytest.fixture
def outbox(db: Database) -> Database:
    """A database with one order."""
    row = {"id": "o1", "number": "N1", "created_at": 0, "request": "{}", "updated_at": 0, "state": "waybilled",
           "stage": 5, "projection": "{}"}  # fmt: skip
    with db.tx() as conn:
        repository.add(conn, row)
    return db


def put(db: Database, count: int) -> set[str]:
    """So many notices; returns their ids."""
    made = [
        Notice(f"n{n}", "o1", "raised:EX-26:x", "EX-26", None, "EX-26.staff", "desk", "branch", "b1", "now", {}, NOW)
        for n in range(count)
    ]
    with db.tx() as conn:
        service.enqueue(conn, [service.Due(made, "N1", None, NOW)])
    return {each.id for each in made}


def rows(db: Database) -> dict[str, Any]:
    with db.read() as conn:
        found = conn.execute(select(message).where(message.c.channel == "console")).mappings()
        return {row["notice_id"]: dict(row) for row in found}


def test_each_message_is_sent_once(outbox: Database):
    ids = put(outbox, 45)
    heard = Heard()
    assert deliver(outbox, {"console": heard}, NOW) == 45
    assert deliver(outbox, {"console": heard}, NOW) == 0
    assert Counter(parcel.notice for parcel in heard.parcels) == dict.fromkeys(ids, 1)
    assert {row["state"] for row in rows(outbox).values()} == {"sent"}
    assert all("N1" in parcel.text["zh"] and "N1" in parcel.text["en"] for parcel in heard.parcels)


def test_the_console_writes_one_structured_line(outbox: Database, caplog: pytest.LogCaptureFixture):
    put(outbox, 1)
    with caplog.at_level(logging.INFO, "milepost.notices"):
        deliver(outbox, now=NOW)
    [line] = [json.loads(record.message) for record in caplog.records if record.name == "milepost.notices"]
    assert (line["notice"], line["order"], line["to_role"], line["to_scope"], line["attempt"]) == (
        "n0", "N1", "desk", "branch:b1", 1,
    )  # fmt: skip


def test_a_failing_message_waits_longer_each_time_then_is_set_aside_and_holds_up_nobody(outbox: Database):
    ids = put(outbox, 3)
    channels = {"console": (heard := Heard("n1"))}
    now = NOW
    for attempt in range(1, MAX_ATTEMPTS + 1):
        deliver(outbox, channels, now)
        assert deliver(outbox, channels, now + backoff_ms(attempt) - 1) == 0
        assert rows(outbox)["n1"]["attempts"] == attempt
        now += backoff_ms(attempt)
    assert {parcel.notice for parcel in heard.parcels} == ids - {"n1"}
    stuck = rows(outbox)["n1"]
    assert (stuck["state"], stuck["next_at"]) == ("failed", None)
    with outbox.tx() as conn:
        [shown] = service.set_aside(conn)["items"]
        assert shown["error"] == "ConnectionError: nobody listens" and shown["attempts"] == MAX_ATTEMPTS
        service.retry(conn, shown["id"])
    heard.poison = ()
    assert deliver(outbox, channels) == 1
    assert rows(outbox)["n1"]["state"] == "sent"


def test_waits_double_up_to_an_hour():
    assert [backoff_ms(n) // 1000 for n in (1, 2, 3, 8, 30)] == [15, 30, 60, 1920, 3600]


def test_a_message_nobody_can_read_or_send_is_set_aside_like_any_other(outbox: Database):
    put(outbox, 2)
    with outbox.tx() as conn:
        conn.execute(update(message).where(message.c.notice_id == "n0").values(data="{broken"))
        queued = message.c.channel == "console"
        conn.execute(update(message).where(message.c.notice_id == "n1", queued).values(channel="pigeon"))
    heard = Heard()
    assert deliver(outbox, {"console": heard}, NOW) == 0
    with outbox.read() as conn:
        errors = conn.execute(select(message.c.error).where(message.c.channel != "inapp").order_by(message.c.notice_id))
        first, second = errors.scalars()
    assert "JSONDecodeError" in first and "channel 'pigeon' is not set up here" in second


def test_what_a_dead_worker_held_is_sent_again_after_its_lease_and_says_so(outbox: Database):
    put(outbox, 3)

    class Dies(Heard):
        def send(self, parcel: Parcel) -> None:
            if self.parcels:
                raise KeyboardInterrupt  # the process is gone: nothing after this line happens
            super().send(parcel)

    with pytest.raises(KeyboardInterrupt):
        deliver(outbox, {"console": Dies()}, NOW)
    heard = Heard()
    assert deliver(outbox, {"console": heard}, NOW + LEASE_MS - 1) == 0  # its lease still runs
    assert deliver(outbox, {"console": heard}, NOW + LEASE_MS) == 2
    assert {parcel.attempt for parcel in heard.parcels} == {2}


def test_a_slow_worker_does_not_undo_what_another_did_meanwhile(outbox: Database):
    put(outbox, 1)
    heard = Heard()

    class Slow(Heard):
        def send(self, parcel: Parcel) -> None:
            deliver(outbox, {"console": heard}, NOW + LEASE_MS)
            raise TimeoutError("late")

    assert deliver(outbox, {"console": Slow()}, NOW) == 0
    assert rows(outbox)["n0"]["state"] == "sent" and rows(outbox)["n0"]["attempts"] == 2
    assert len(heard.parcels) == 1


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_two_workers_at_once_send_each_message_once(outbox: Database):
    ids = put(outbox, 50)
    heard = Heard()
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        deliver(outbox, {"console": heard}, NOW)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(parcel.notice for parcel in heard.parcels) == dict.fromkeys(ids, 1)


class ToFile:
    """Appends one line per message to a file, as another system would receive it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, parcel: Parcel) -> None:
        time.sleep(0.002)
        with self.path.open("a") as file:
            file.write(f"{parcel.notice} {parcel.attempt}\n")


def _worker(url: str, path: Path, now: int) -> None:
    deliver(Database(url), {"console": ToFile(path)}, now)


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_only_what_was_in_its_hands(
    outbox: Database, tmp_path: Path
):
    ids = put(outbox, 80)
    got = tmp_path / "received"
    got.touch()
    context = multiprocessing.get_context("fork")  # it has read all modules and works at once
    victim = context.Process(target=_worker, args=(outbox.url, got, NOW))
    victim.start()
    deadline = time.monotonic() + 30
    while got.read_text().count("\n") < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert 20 <= got.read_text().count("\n") < len(ids)  # it is in the middle of its work
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    _worker(outbox.url, got, NOW)
    _worker(outbox.url, got, NOW + LEASE_MS)
    sent = [line.split() for line in got.read_text().splitlines()]
    assert {notice for notice, _ in sent} == ids
    firsts = [notice for notice, attempt in sent if attempt == "1"]
    assert len(firsts) == len(set(firsts))
    assert len(sent) - len(ids) <= 1  # at most the one that was sent and not yet written down
    assert {row["state"] for row in rows(outbox).values()} == {"sent"}
