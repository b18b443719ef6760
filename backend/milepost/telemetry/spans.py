"""The span that somebody asks for, over HTTP or on the command line."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from milepost.errors import Invalid
from milepost.telemetry.instants import instant, zone_of
from milepost.times import now_ms, to_rfc3339

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A span [from_ms, to_ms) and the zone in which it was asked for (None: UTC)."""

    from_ms: int
    to_ms: int
    zone: ZoneInfo | None

    def plain(self) -> dict[str, Any]:
        """The span as JSON values, in UTC: it says exactly what was understood."""
        return {
            "from": to_rfc3339(self.from_ms),
            "to": to_rfc3339(self.to_ms),
            "tz": self.zone.key if self.zone else None,
        }


def span_of(from_: str | None, to: str | None, tz: str | None) -> Asked:
    """The span that two texts mean: RFC 3339 instants, or days of `tz`; without them the last 24 hours.

    Raises Invalid for anything else, and for one that is empty.
    """
    zone = zone_of(tz)
    to_ms = instant(to, "to", zone) if to else now_ms()
    from_ms = instant(from_, "from", zone) if from_ else to_ms - _DAY_MS
    if not from_ms < to_ms:
        raise Invalid("from must lie before to")
    return Asked(from_ms, to_ms, zone)
