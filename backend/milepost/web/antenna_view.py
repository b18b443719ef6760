"""What the antennas of a door heard lately, beside where each was said to look. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost.fleet.antennas import ROLES, role_of
from milepost.telemetry.model import Reading, TagBody

COUNT_MS = 600_000  # reads of so long are counted
LAST_MS = 3_600_000  # and so far back a silent antenna's last read is looked for
Row = dict[str, Any]
Place = tuple[str, int]  # reader, antenna number


@dataclass(frozen=True, slots=True)
class Heard:
    """What one antenna heard. `last_at`: UTC ms of its last read; `reads`: within COUNT_MS; `epc`, `max_dbm`: of the
    tag that was loudest there within COUNT_MS, None where there was none."""

    last_at: int
    reads: int
    epc: str | None
    max_dbm: float | None


def heard(readings: Iterable[Reading], now: int) -> dict[Place, Heard]:
    """By reader and antenna number what these tag readings say. `now`: UTC ms."""
    found: dict[Place, Heard] = {}
    for reading in readings:
        body = reading.body
        if not isinstance(body, TagBody):
            continue
        place = (reading.device, body.antenna)
        old = found.get(place, Heard(body.last_at, 0, None, None))
        lately = reading.at > now - COUNT_MS
        loudest = lately and (old.max_dbm is None or body.rssi_max_dbm > old.max_dbm)
        found[place] = Heard(
            max(old.last_at, body.last_at),
            old.reads + (body.count if lately else 0),
            body.epc if loudest else old.epc,
            body.rssi_max_dbm if loudest else old.max_dbm,
        )
    return found


def rows(told: Sequence[Row], sounds: Mapping[Place, Heard]) -> list[Row]:
    """The antennas that were placed, in their order: {device (or None: any), number, role, other, heard}.

    `told`: rows of `fleet.antennas.of_doors`; what was said of one reader goes before what was said of any.
    """
    own = {(row["device_id"], row["number"]) for row in told}
    made: list[Row] = []
    for row in sorted(told, key=lambda each: (ROLES.index(each["role"]), each["number"], each["device_id"])):
        device, number = row["device_id"], row["number"]
        mine = [
            each for place, each in sounds.items()
            if place[1] == number and (place[0] == device or (not device and place not in own))
        ]  # fmt: skip
        other = next(role for role in ROLES if role != row["role"])
        made.append(
            {"device": device or None, "number": number, "role": row["role"], "other": other, "heard": _together(mine)}
        )
    return made


def unplaced(told: Sequence[Row], sounds: Mapping[Place, Heard]) -> list[Row]:
    """Antennas that send and that nobody has placed: {device, number, heard}, by reader and number."""
    return [
        {"device": device, "number": number, "heard": each}
        for (device, number), each in sorted(sounds.items())
        if role_of(told, device, number) is None
    ]


def sides(told: Iterable[Row]) -> str:
    """Which sides are told: `both`, `one` or `none`. Only with both the correlator judges the door (decision 31)."""
    return ("none", "one", "both")[len({row["role"] for row in told})]


def _together(found: Sequence[Heard]) -> Heard | None:
    if not found:
        return None
    loudest = max(found, key=lambda each: -999.0 if each.max_dbm is None else each.max_dbm)
    return Heard(max(each.last_at for each in found), sum(each.reads for each in found), loudest.epc, loudest.max_dbm)
