"""Letting in who knocks: devices of other makers that called, and our own that report without being entered here."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from milepost.errors import Invalid
from milepost.fleet import devices
from milepost.fleet.repository import find_device
from milepost.fleet.tables import device as device_table
from milepost.ingest.foreign import identities
from milepost.ingest.tables import device_contact

_MOST = 500


@dataclass(frozen=True, slots=True)
class Stranger:
    """A device of ours that has sent records and is not in the fleet: entered on another installation, or lost by a
    restore. Times are UTC ms."""

    device: str
    last_at: int | None
    fw: str | None


def strangers(conn: Connection) -> list[Stranger]:
    """Devices of ours that have been heard and are not in the fleet, the latest first."""
    contact = device_contact.c
    known = device_contact.outerjoin(device_table, device_table.c.id == contact.device)
    statement = select(contact.device, contact.last_received_at, contact.fw).select_from(known)
    unknown = or_(device_table.c.id.is_(None), device_table.c.removed_at.is_not(None))
    rows = conn.execute(statement.where(unknown).order_by(contact.last_received_at.desc(), contact.device).limit(_MOST))
    return [Stranger(*row) for row in rows]


def adopt(
    conn: Connection, protocol: str, identifier: str, *, device: str | None, name: str | None, secret: str | None,
    open: bool, by: str, now: int,
) -> tuple[str, str | None]:  # fmt: skip
    """Let an identifier of another maker's protocol stand for a device; returns (device id, secret or None).

    `device`: default: the identifier, where it has that form; it is entered when it does not exist, under `name`;
    `secret`, `open`: as of `identities.add`. Raises Invalid, Conflict, NotFound for a device that was removed.
    """
    known_as = identities.canonical(protocol, identifier)
    wanted = device or identities.default_device(known_as)
    if wanted is None:
        raise Invalid(f"device: {known_as!r} is no device id; name one of 1 to 12 of a-z, 0-9 and -")
    if find_device(conn, wanted) is None:
        devices.enter_device(conn, device_id=wanted, role="tracker", name=name or known_as)
    devices.known(conn, wanted)
    made = identities.add(
        conn, protocol=protocol, identifier=identifier, device=wanted, secret=secret, open=open, by=by, now=now
    )
    return wanted, made


def enter_stranger(conn: Connection, device: str, *, role: str, name: str | None) -> None:
    """Take a device of ours into the fleet that reports already; its account on the broker stays as it is.

    `role`: tracker or reader. Raises Invalid, Conflict when it is there meanwhile.
    """
    devices.enter_device(conn, device_id=device, role=role, name=name or device)
