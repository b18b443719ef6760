"""Which telemetry store an installation uses."""

from typing import Protocol

from milepost.db import Database
from milepost.settings import Settings
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.sqlite import SqliteTelemetry


class OpenStore(TelemetryStore, Protocol):
    """A store that is open and has to be closed."""

    def close(self) -> None:
        """Give back files and connections."""
        ...


def open_store(settings: Settings, db: Database) -> OpenStore:
    """The store that the settings name: InfluxDB where there is a `telemetry_url`, else SQLite in `data_dir`.

    `db`: the SQL database, in or beside which the InfluxDB store keeps its books (telemetry/books.py). Reaches for no
    server yet: one that is away holds the sink, not the start. Raises ValueError for a URL or tokens that cannot be.
    """
    if settings.telemetry_url is None:
        return SqliteTelemetry(
            settings.data_dir / "telemetry.db", raw_days=settings.raw_days, minute_days=settings.minute_days
        )
    from milepost.telemetry.books import books_of  # noqa: PLC0415
    from milepost.telemetry.influx import InfluxTelemetry  # noqa: PLC0415  (its client costs start time and memory)

    if settings.telemetry_token is None or settings.telemetry_read_token is None:
        raise ValueError(
            "telemetry_url names an InfluxDB, but MILEPOST_TELEMETRY_TOKEN or MILEPOST_TELEMETRY_READ_TOKEN is missing;"
            " `milepost telemetry setup` makes both"
        )
    books = books_of(db)
    return InfluxTelemetry(
        settings.telemetry_url,
        settings.telemetry_token.get_secret_value(),
        settings.telemetry_read_token.get_secret_value(),
        books,
        raw_days=settings.raw_days,
        minute_days=settings.minute_days,
        owns_db=books is not db,
    )
