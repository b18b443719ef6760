"""A sink that runs in a process of its own. test_apart.py imports it by its bare name, and so does that process."""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from milepost.ingest.model import SpoolItem


class Strange(LookupError):
    """An error that cannot be copied: it wants two arguments and hands on one."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what} {number}")


class Book:
    """Writes the ids it is given into a file, which is its position too, and does what payloads say."""

    name = "book"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "book"
        self._folder = folder
        self.taken = 0
        self.devices: Counter[str] = Counter()

    def position(self) -> int:
        return max(written(self._folder), default=0)

    def tick(self) -> None:
        (self._folder / "ticked").touch()

    def handle(self, items: Sequence[SpoolItem]) -> None:
        for each in items:
            self._obey(each)
        with self._file.open("a") as file:
            file.writelines(f"{each.id}\n" for each in items)
        self.taken += len(items)
        self.devices.update(each.device for each in items)

    def _obey(self, item: SpoolItem) -> None:
        match item.payload:
            case b"poison":
                raise ValueError(f"cannot read what {item.device} sent")
            case b"strange":
                raise Strange("odd", 7)
            case b"away":
                raise ConnectionRefusedError(111, "nobody there")
            case b"die once" if not (self._folder / "died").exists():
                (self._folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case b"slow":
                (self._folder / "slow").touch()
                time.sleep(60)


def written(folder: Path) -> list[int]:
    """Ids in a book, in the order in which they were written."""
    file = folder / "book"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def no_book() -> Book:
    """A factory that fails."""
    raise ValueError("no folder for a book")
