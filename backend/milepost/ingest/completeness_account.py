"""The account of one device over a span, or of all devices in an hour, out of the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from milepost.ingest import completeness_rows as rows
from milepost.ingest.completeness import HOUR_MS, Count, Hole, counts, whole
from milepost.ingest.foreign import is_numbered


@dataclass(slots=True)
class Account:
    """How complete the records of one device are. Times are UTC ms."""

    device: str
    hours: dict[int, Count] = field(default_factory=dict[int, Count])  # by the beginning of the hour
    holes: list[Hole] = field(default_factory=list[Hole])
    until: int | None = None  # time of the newest record: the verdict speaks of what was made before

    @property
    def numbered(self) -> bool:
        """False where a part of the records carries no numbers, so that what is missing cannot be proven."""
        return all(each.numbered for each in self.hours.values())

    @property
    def total(self) -> Count:
        """All hours together."""
        return whole(self.hours)[0]

    @property
    def verdict(self) -> str:
        """complete, incomplete or unknown (Count.verdict)."""
        return whole(self.hours)[1]


def account_of(conn: Connection, device: str, from_ms: int, to_ms: int) -> Account:
    """The account of the hours that begin in [from_ms, to_ms), and of the one that holds `from_ms` (UTC ms)."""
    return next(accounts(conn, from_ms, to_ms, [device]), Account(device))


def accounts(conn: Connection, from_ms: int, to_ms: int, devices: Sequence[str] | None = None) -> Iterator[Account]:
    """The accounts of some devices (None: of all) that have anything in the span, by device."""
    from_hour = from_ms // HOUR_MS * HOUR_MS
    made: Account | None = None
    for (device, number), stream, hours in rows.load(conn, from_ms, to_ms, devices):
        if made is None or made.device != device:
            if made is not None and made.hours:
                yield made
            made = Account(device)
        found, holes = counts(number, stream, hours, is_numbered(number))
        for hour, count in found.items():
            if from_hour <= hour < to_ms:
                made.hours[hour] = made.hours[hour].plus(count) if hour in made.hours else count
                if hour in hours:
                    made.until = max(made.until or 0, hours[hour].last_ms)
        made.holes += [each for each in holes if from_hour <= each.hour < to_ms]
    if made is not None and made.hours:
        yield made


def worst_first(conn: Connection, hour: int) -> list[Account]:
    """The accounts of one hour (UTC ms): first those that lack most, then those that wait for most."""
    found = accounts(conn, hour, hour + HOUR_MS)

    def badness(account: Account) -> tuple[int, int, int, str]:
        total = account.total
        return (-total.missing - total.dropped, -total.unreadable, -total.pending, account.device)

    return sorted(found, key=badness)
