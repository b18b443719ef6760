"""Where in time a record without a clock belongs (DESIGN: Clock quality). Pure.

Boot numbers and uptimes are the device's; everything else is UTC ms.
"""

from dataclasses import dataclass

WAIT_MS = 600_000  # how long a clock step of the same boot may take to come
_WRAP = 1 << 30  # uptimes are compared modulo 12.4 days (docs/wire.md, Time)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """At uptime `uptime_ms` of boot `boot` it was `utc_ms`; `clock` is the quality of that knowledge."""

    boot: int
    utc_ms: int
    uptime_ms: int
    clock: str


@dataclass(frozen=True, slots=True)
class Held:
    """A record that waits for its place."""

    stream: int
    seq: int
    boot: int
    uptime_ms: int
    batch_boot: int  # boot and uptime when its batch was encoded
    batch_uptime_ms: int
    received_ms: int
    record: bytes  # standalone form


def by_step(step: ClockStep, uptime_ms: int) -> int:
    """The time of an uptime of the same boot."""
    return step.utc_ms + _signed(uptime_ms - step.uptime_ms)


def by_age(held: list[Held]) -> list[int]:
    """Estimates for records of one boot, in the order given, when no clock step came.

    A record of the boot that sent it is as old as the uptime since. One of an earlier boot is older than the whole
    boot that sent it: the newest of them is put where that boot began, the others before it as their uptimes say.
    """
    newest = max((each.uptime_ms for each in held), default=0)
    return [_estimate(each, newest) for each in held]


def _estimate(held: Held, newest_uptime_ms: int) -> int:
    if held.boot == held.batch_boot:
        return held.received_ms - max(0, _signed(held.batch_uptime_ms - held.uptime_ms))
    return held.received_ms - held.batch_uptime_ms - (newest_uptime_ms - held.uptime_ms)


def _signed(difference: int) -> int:
    """A difference of two uptimes: of all that fit modulo 2^30, the one nearest to 0."""
    difference %= _WRAP
    return difference - _WRAP if difference >= _WRAP // 2 else difference
