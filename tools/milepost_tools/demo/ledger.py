"""What a device made and what the service holds, counted apart and laid side by side.

The device's own count is read from its flash after the power was cut, by the firmware's outbox under
MicroPython: nothing that came over the network takes part in it.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from milepost_hil import image
from milepost_hil.virtual import flash

_PROGRAM = Path(__file__).with_name("read_outbox.py")


@dataclass(frozen=True, slots=True)
class Made:
    """State of a board's outbox: its stream, the newest seq, and up to where it knows itself acknowledged."""

    stream: int
    head: int
    acked: int
    tail: int


@dataclass(frozen=True, slots=True)
class Account:
    """One device's records: made by it, stored by the service, and what does not fit."""

    device: str
    stream: int
    sent: int
    stored: int
    lost: int
    duplicated: int

    @property
    def even(self) -> bool:
        """True when every record made is stored once."""
        return self.sent == self.stored and not self.lost and not self.duplicated


def made_by(board: Path) -> Made:
    """What the outbox in a board's folder holds. The board must be without power.

    Raises RuntimeError when the flash has no readable outbox.
    """
    row = flash.partition("outbox")
    words = [image.firmware_folder(), board / "flash.bin", row.offset, row.size_bytes]
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", str(_PROGRAM), *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    try:
        return Made(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        raise RuntimeError(f"outbox of {board}: {(done.stderr or done.stdout).strip()}") from error


def settle(device: str, made: Made, stored: Iterable[int]) -> Account:
    """Lay the seqs that the service holds for one stream, with repetitions, beside seq 1 to head.

    A seq beyond the head counts as duplicated: the device never made it.
    """
    seqs = list(stored)
    distinct = set(seqs)
    expected = set(range(1, made.head + 1))
    return Account(
        device,
        made.stream,
        made.head,
        len(seqs),
        len(expected - distinct),
        len(seqs) - len(distinct) + len(distinct - expected),
    )
