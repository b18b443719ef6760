"""Where several processes ingest, each publishes to the devices of its own parts, and all of them are served."""

import json
from collections.abc import Callable

from milepost.db import Database
from milepost.fleet import devices
from milepost.fleet.outgoing import Outgoing
from milepost.times import now_ms
from milepost_device.wire import part_of


class Sent:
    """What one worker has published."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def __call__(self, device: str, leaf: str, payload: bytes, retain: bool) -> None:
        json.loads(payload)
        self.all.append((device, leaf))


def enter(db: Database, count: int) -> list[str]:
    names = [f"d{n}" for n in range(count)]
    with db.tx() as conn:
        for name in names:
            devices.enter_device(conn, device_id=name, role="tracker", name=name)
            devices.set_config(conn, name, {"report_interval_s": 10})
            devices.command(conn, name, "locate", {}, now_ms() + 60_000, by="x")
    return names


def worker(db: Database, holds: Callable[[str], bool]) -> tuple[Outgoing, Sent]:
    sent = Sent()
    return Outgoing(db, sent, holds), sent


def test_each_device_is_served_by_the_holder_of_its_part_and_nobody_else(db: Database) -> None:
    names = enter(db, 24)
    low, sent_low = worker(db, lambda part: part in "01234567")
    high, sent_high = worker(db, lambda part: part in "89abcdef")
    for _ in range(2):
        low.round()
        high.round()
    assert {part_of(device) in "01234567" for device, _ in sent_low.all} == {True}
    assert {part_of(device) in "01234567" for device, _ in sent_high.all} == {False}
    assert sorted(sent_low.all + sent_high.all) == sorted((name, leaf) for name in names for leaf in ("cfg", "cmd"))


def test_who_takes_a_part_over_publishes_its_configurations_again(db: Database) -> None:
    """The broker may have lost what it retains, and the other worker may have died before it published."""
    (name,) = enter(db, 1)
    held = {part_of(name)}
    outgoing, sent = worker(db, lambda part: part in held)
    outgoing.round()
    held.clear()
    outgoing.round()
    held.add(part_of(name))
    outgoing.round()
    assert [leaf for _, leaf in sent.all].count("cfg") == 2
