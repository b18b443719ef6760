"""`milepost serve` with a process of its own for telemetry: no record is lost by its end, and nothing is left of it."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.fleet import Drive, rounds
from milepost_tools.bench.ingest.house import House
from milepost_tools.bench.ingest.sender import Sender
from milepost_tools.served import until

TRUCKS, FIXES = 8, 20


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, ack_wait_s=2, settings={"MILEPOST_TELEMETRY_PROCESS": "on", "MILEPOST_LOG_FORMAT": "json"})
    made.register(TRUCKS)
    made.start()
    yield made
    made.stop()


def children(pid: int) -> list[int]:
    """The processes of a service that serve its sinks."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for word in (task / "children").read_text().split():
            if "apart_child" in Path(f"/proc/{word}/cmdline").read_text():
                found.append(int(word))
    return found


def gone(pid: int) -> bool:
    """A zombie is gone too: whoever inherited it takes it away."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def stored(house: House) -> list[list[int]]:
    """The seqs in the store, truck by truck."""
    store = SqliteTelemetry(house.data / "telemetry.db")
    found = [store.judged(fleet.name(n), 0, 1 << 50)[0] for n in range(TRUCKS)]
    store.close()
    return [[each.reading.seq for each in one] for one in found]


def test_its_end_loses_nothing_and_the_end_of_the_service_leaves_nothing(house: House) -> None:
    drives = [Drive(n, fleet.now_s() - 3_600) for n in range(TRUCKS)]
    sender = Sender(house.place, "test", lambda *_: None)
    sender.connect()

    def send() -> None:
        sender.send(rounds(drives, 5, FIXES))

    (apart,) = children(house.pid)
    send()
    os.kill(apart, signal.SIGKILL)
    send()
    house.drained(30)
    (second,) = until(lambda: children(house.pid))
    assert second != apart
    assert gone(apart)
    assert not Path(f"/proc/{apart}").exists(), "no zombie"
    lines = [json.loads(line) for line in house.log().splitlines()]
    ends = [line for line in lines if f"the process {apart} of sink telemetry was ended by signal 9" in line["error"]]
    assert len(ends) == 1
    # A supervisor tells every process of the unit to end: this one waits for the service, which ends it in its turn.
    send()
    os.kill(second, signal.SIGTERM)
    os.kill(house.pid, signal.SIGTERM)
    house.end()
    assert gone(second)
    house.start()
    (third,) = children(house.pid)
    send()
    house.kill()
    until(lambda: gone(third), 5)
    house.start()
    sender.close()
    # What the service had not acknowledged the broker gives again, after its own pause.
    until(lambda: stored(house) == [list(range(1, drive.seq + 1)) for drive in drives], 60, lambda: stored(house))
