"""The telemetry sink in a process of its own: with InfluxDB it is a third of all work on a record (decision 32)."""

import os
from collections import Counter
from functools import partial

from milepost import logs
from milepost.db import Database
from milepost.ingest import decode
from milepost.ingest.apart import SinkApart
from milepost.settings import Settings
from milepost.tally import Tally
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.stores import open_store


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


def _made(settings: Settings, spool: str) -> TelemetrySink:
    """What runs in the process: the sink over a store and a database of its own, which go with the process."""
    logs.set_up(settings.log_format, settings.log_level)
    decode.remember(0)  # nobody else there looks at the same items
    return TelemetrySink(open_store(settings, Database(settings.sql_url)), spool)
