"""Where an InfluxDB is, and what of it is ours."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Place:
    """One InfluxDB with the two buckets of this installation."""

    base_url: str  # http://host:8086
    org: str
    bucket: str  # readings one by one

    @property
    def is_here(self) -> bool:
        """Whether it is on this host by its very address, so that bytes on the way cost nothing."""
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "::1", "localhost")

    @property
    def minute_bucket(self) -> str:
        """One position a minute, kept longer."""
        return f"{self.bucket}-minute"


def place_of(url: str) -> Place:
    """`influx://host:8086/ORG?bucket=NAME` (influxs:// for TLS; NAME defaults to milepost) as a Place.

    Raises ValueError for anything else.
    """
    parts = urlsplit(url)
    org = unquote(parts.path.strip("/"))
    query = parse_qs(parts.query)
    if parts.scheme not in ("influx", "influxs") or not parts.hostname or not org or set(query) - {"bucket"}:
        raise ValueError(
            f"telemetry_url {url!r}: write influx://host:8086/ORG?bucket=NAME, or influxs:// for TLS; tokens go into"
            " MILEPOST_TELEMETRY_TOKEN and MILEPOST_TELEMETRY_READ_TOKEN"
        )
    tls = parts.scheme == "influxs"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Place(
        f"{'https' if tls else 'http'}://{host}:{parts.port or 8086}", org, query.get("bucket", ["milepost"])[0]
    )
