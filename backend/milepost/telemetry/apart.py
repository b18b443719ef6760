"""The telemetry sink in a process of its own: with InfluxDB it is a third of all work on a record (decision 32)."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from milepost import logs
from milepost.db import Database
from milepost.ingest.apart import SinkApart
from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.settings import Settings
from milepost.tally import Tally
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.stores import open_store

_PART_BYTES = 600_000  # some 90,000 fixes: two parts of it lie in the memory of decoded items (200,000)


def is_apart(settings: Settings) -> bool:
    """Whether these settings want that process on this machine. With SQLite, or where there is one CPU only, it gains
    nothing unless somebody asks for it."""
    if settings.telemetry_process == "auto":
        return settings.telemetry_url is not None and len(os.sched_getaffinity(0)) > 1
    return settings.telemetry_process == "on"


class TelemetryApart(SinkApart):
    """Writes into the store that the settings name. Counts as `TelemetrySink` does, over all its processes."""

    def __init__(self, settings: Settings, spool: str) -> None:
        """`spool`: key of the spool that is read."""
        super().__init__(TelemetrySink.name, partial(_made, settings, spool), ("written", "wrote_s", "quarantined"))

    @property
    def written(self) -> int:
        """Readings written."""
        return self.figure("written") or 0

    @property
    def wrote_s(self) -> Tally:
        """Each write into the store."""
        return self.figure("wrote_s") or Tally()

    @property
    def quarantined(self) -> Counter[str]:
        """Judgements by reason."""
        return self.figure("quarantined") or Counter()


class InParts(TelemetrySink):
    """Takes a large hand-over in parts, each with its position, and decodes the next one while one is being stored:
    else either the server or this process would always wait for the other."""

    def __init__(self, store: TelemetryStore, spool: str, part_bytes: int = _PART_BYTES) -> None:
        """`part_bytes`: payloads of a part; each costs two transactions."""
        super().__init__(store, spool)
        self._part_bytes = part_bytes
        self._looking = ThreadPoolExecutor(1, "decode")

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Judge and store all readings of some items. Where it raises, earlier parts may be stored, with position."""
        parts = _parts(items, self._part_bytes)
        if len(parts) == 1:
            super().handle(items)
            return
        looked = self._looking.submit(_look, parts[0])
        for part, coming in zip(parts, [*parts[1:], []], strict=True):
            looked.result()
            looked = self._looking.submit(_look, coming)
            super().handle(part)


def _parts(items: Sequence[SpoolItem], most_bytes: int) -> list[list[SpoolItem]]:
    parts: list[list[SpoolItem]] = [[]]
    room = most_bytes
    for item in items:
        if room <= 0:
            parts.append([])
            room = most_bytes
        parts[-1].append(item)
        room -= len(item.payload)
    return parts


def _look(items: Sequence[SpoolItem]) -> None:
    for item in items:
        readings(item)


def _made(settings: Settings, spool: str) -> TelemetrySink:
    """What runs in the process: the sink over a store and a database of its own, which go with the process."""
    logs.set_up(settings.log_format, settings.log_level)
    return InParts(open_store(settings, Database(settings.sql_url)), spool)
