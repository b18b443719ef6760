"""Writing lines to an InfluxDB: every answer of the server has a consequence here, and none is retried blindly.

| answer | consequence |
|---|---|
| 204 | durable |
| 400, a line that cannot be parsed | nothing was written: halve down to the bad line, put it aside, write the rest |
| 413 | halve; a line that is too large by itself is put aside |
| 422, outside the retention | the rest was written: count what expired |
| 422, a field of another type | the rest was written: find the lines that were not by halving, put them aside |
| 401, 403, 404, any other 4xx | configuration: InfluxMisconfigured, nothing moves on until somebody mends it |
| 429, 5xx, no answer | InfluxAway: the caller tries again later; a repeat overwrites itself |
"""

import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import urllib3.exceptions
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from milepost.telemetry.influx_place import Place

LINES_AT_ONCE = 5_000  # twice as many are 8 % faster and take half as long again (measured)
_TIMEOUT_MS = 20_000
_LONGEST_WAIT_S = 60.0
_PROBE = "milepost_probe ok=true 1000000000000000000"
_UNPARSABLE = ("unable to parse", "max key size", "invalid field", "invalid tag", "invalid value", "partial write")
_DROPPED = re.compile(r"dropped[= ](\d+)")
_FIELD = re.compile(r'input field \\?"(?P<field>.+?)\\?" on measurement \\?"(?P<measurement>.+?)\\?"')


class InfluxAway(OSError):
    """The server cannot be reached, or says that it has too much to do. Trying again later is right."""


class InfluxMisconfigured(OSError):
    """Bucket, organisation or token are not as they have to be. Trying again helps once somebody has mended it."""


@dataclass(slots=True)
class Outcome:
    """What became of lines, beside those that were written."""

    refused: list[tuple[int, str]] = field(default_factory=list)  # index of the line, reason
    expired: int = 0  # older than the bucket keeps


class LineWriter:
    """Writes lines durably, up to 5,000 in a request. Any thread."""

    def __init__(
        self, place: Place, token: str, clock: Callable[[], float] = time.monotonic, packed: bool | None = None
    ) -> None:
        """`packed`: whether bodies are compressed; by default unless the server is on this host, where packing costs
        1.3 µs a line on both sides and saves nothing."""
        self._place = place
        self._packed = not place.is_here if packed is None else packed
        self._clock = clock
        self._not_before = 0.0
        self._client = InfluxDBClient(place.base_url, token, org=place.org, timeout=_TIMEOUT_MS)
        self._service = WriteService(self._client.api_client)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def write(self, bucket: str, lines: Sequence[str]) -> Outcome:
        """Write all of them; returns when what can be written is durable.

        Raises InfluxAway or InfluxMisconfigured; then the same call may be made again, whatever was written by it.
        """
        outcome = Outcome()
        for start in range(0, len(lines), LINES_AT_ONCE):
            piece = lines[start : start + LINES_AT_ONCE]
            self._take(bucket, piece, start, outcome)
        return outcome

    def _take(self, bucket: str, lines: Sequence[str], start: int, outcome: Outcome) -> None:
        status, message = self._post(bucket, lines)
        if status == 204:
            return
        if status == 422 and "retention" in message:
            outcome.expired += _dropped(message, len(lines))
            return
        if status == 422:
            self._conflict(bucket, lines, start, outcome, message)
            return
        if status == 400 and not self._about_lines(bucket, message):
            raise self._misconfigured(status, message)
        if len(lines) == 1:
            outcome.refused.append((start, message))
            return
        half = len(lines) // 2
        self._take(bucket, lines[:half], start, outcome)
        self._take(bucket, lines[half:], start + half, outcome)

    def _conflict(self, bucket: str, lines: Sequence[str], start: int, outcome: Outcome, message: str) -> None:
        """Find the lines whose field has another type there; the others of the request have been written.

        The message counts the lost lines and names one field. Nothing is put aside on suspicion: a part is decided
        once the server says that all of it was lost, or that nothing was.
        """
        if len(lines) == 1 or _dropped(message, len(lines)) == len(lines):
            outcome.refused += [(start + n, message) for n in range(len(lines))]
            return
        found = _FIELD.search(message)
        sign = f"{found['field']}=" if found else ""
        suspects = [found is not None and line.startswith(found["measurement"]) and sign in line for line in lines]
        if all(suspects) or not any(suspects):
            half = len(lines) // 2
            suspects = [n < half for n in range(len(lines))]
        for part in (True, False):
            chosen = [n for n, each in enumerate(suspects) if each is part]
            within = Outcome()
            self._take(bucket, [lines[n] for n in chosen], 0, within)
            outcome.refused += [(start + chosen[n], reason) for n, reason in within.refused]
            outcome.expired += within.expired

    def _about_lines(self, bucket: str, message: str) -> bool:
        """Whether a 400 is about the lines: its words say so, or a line that is certainly good gets through."""
        return any(words in message for words in _UNPARSABLE) or self._post(bucket, [_PROBE])[0] in (204, 422)

    def _post(self, bucket: str, lines: Sequence[str]) -> tuple[int, str]:
        """Status and message of one request that was answered about its content."""
        if (wait_s := self._not_before - self._clock()) > 0:
            raise InfluxAway(f"{self._place.base_url} asked to be left alone for {wait_s:.0f} s more")
        body = "\n".join(lines).encode()
        try:
            self._service.post_write(
                self._place.org,
                bucket,
                _gzipped(body) if self._packed else body,
                precision=WritePrecision.NS,
                content_encoding="gzip" if self._packed else "identity",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            status, message = error.status or 0, _message(error)
            if status in (400, 413, 422):
                return status, message
            if status == 429 or status >= 500 or status == 0:
                self._respect(error)
                raise InfluxAway(f"{self._place.base_url} answers {status}: {message}") from None
            raise self._misconfigured(status, message) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise InfluxAway(f"{self._place.base_url} cannot be reached: {error}") from None
        return 204, ""

    def _respect(self, error: ApiException) -> None:
        """Wait as long as the server asks."""
        wait = (error.headers or {}).get("Retry-After", "")
        if wait.isdigit():
            self._not_before = self._clock() + min(float(wait), _LONGEST_WAIT_S)

    def _misconfigured(self, status: int, message: str) -> InfluxMisconfigured:
        return InfluxMisconfigured(
            f"{self._place.base_url} answers {status} to writes of organisation {self._place.org!r}: {message};"
            " check bucket and MILEPOST_TELEMETRY_TOKEN, `milepost telemetry setup` makes both"
        )


def _gzipped(data: bytes) -> bytes:
    """Level 1: a fifth of the bytes at a fifteenth of the default's time (measured on lines of fixes)."""
    pack = zlib.compressobj(1, zlib.DEFLATED, 31)
    return pack.compress(data) + pack.flush()


def _message(error: ApiException) -> str:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or error.reason)
    return body.strip()[:500]


def _dropped(message: str, most: int) -> int:
    found = _DROPPED.search(message)
    return min(int(found[1]), most) if found else most
