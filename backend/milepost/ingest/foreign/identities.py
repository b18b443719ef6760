"""Which device stands behind an external identifier: the rows, and the secrets of which only hashes are kept."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from milepost.errors import Conflict, Invalid, NotFound
from milepost.ingest.foreign.model import Unreadable
from milepost.ingest.foreign.registry import ADAPTERS, adapter_of
from milepost.ingest.foreign.tables import foreign_caller, foreign_device
from milepost.ingest.model import DEVICE_ID

MAX_CALLERS = 500  # unknown identifiers that are remembered per protocol
_SAID = 160
_SECRET = 16, 64  # characters; a terminal's auth code given by hand may be shorter
_SHORTEST_CODE = 6


@dataclass(frozen=True, slots=True)
class Identity:
    """One row of `foreign_device`."""

    protocol: str
    identifier: str
    device: str
    secret_hash: str | None
    open: bool
    hardware: str | None
    registered_at: int | None  # UTC ms

    def proven_by(self, secret: str | None) -> bool:
        """True when `secret` is the one of this identity, or none is asked for."""
        if self.open:
            return True
        return bool(secret and self.secret_hash) and hmac.compare_digest(hash_of(secret or ""), self.secret_hash or "")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who called without being known."""

    protocol: str
    identifier: str
    first_at: int
    last_at: int
    times: int
    said: str


_COLUMNS = (
    foreign_device.c.protocol,
    foreign_device.c.identifier,
    foreign_device.c.device,
    foreign_device.c.secret_hash,
    foreign_device.c.open,
    foreign_device.c.hardware,
    foreign_device.c.registered_at,
)


def hash_of(secret: str) -> str:
    """What is stored of a secret. Secrets are random, so a plain hash does."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def canonical(protocol: str, identifier: str) -> str:
    """The stored form of an identifier. Raises Invalid for an unknown protocol or what is no identifier of it."""
    adapter = adapter_of(protocol)
    if adapter is None:
        raise Invalid(f"protocol {protocol!r}: one of {', '.join(each.channel for each in ADAPTERS)}")
    try:
        return adapter.identifier(identifier)
    except Unreadable as error:
        raise Invalid(f"identifier: {error.detail}") from None


def default_device(identifier: str) -> str | None:
    """The device id that an identifier gives by itself; None where it has no such form."""
    return identifier if DEVICE_ID.fullmatch(identifier) else None


def all_of(conn: Connection) -> list[Identity]:
    """Every identity."""
    return [Identity(*row) for row in conn.execute(select(*_COLUMNS))]


def of_device(conn: Connection, device: str) -> list[Identity]:
    """The identities of one device."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(foreign_device.c.device == device)
        .order_by(foreign_device.c.protocol, foreign_device.c.identifier)
    )
    return [Identity(*row) for row in rows]


def add(
    conn: Connection, *, protocol: str, identifier: str, device: str, secret: str | None, open: bool, by: str, now: int
) -> str | None:
    """Let an identifier stand for a device from now on, and strike it off the unknown callers.

    `secret`: given by hand, or None: then one is made and returned, but not where the device gets it when it
    registers. `open`: accept the identifier without a secret. Raises Invalid, or Conflict when it is taken.
    """
    identifier = canonical(protocol, identifier)
    adapter = adapter_of(protocol)
    registers = adapter is not None and adapter.registers
    shortest = _SHORTEST_CODE if registers else _SECRET[0]
    if secret is not None and not (shortest <= len(secret) <= _SECRET[1] and secret.isascii() and secret.isprintable()):
        raise Invalid(f"secret: {shortest} to {_SECRET[1]} printable ASCII characters, or leave it out")
    taken = conn.execute(select(*_COLUMNS).where(*_is(protocol, identifier))).first()
    if taken is not None:
        raise Conflict(f"{protocol} {identifier} belongs to device {taken.device} already", changed="identifier")
    made = secrets.token_urlsafe(18) if secret is None and not open and not registers else None
    known = secret or made
    conn.execute(
        insert(foreign_device).values(
            protocol=protocol,
            identifier=identifier,
            device=device,
            secret_hash=None if known is None else hash_of(known),
            open=open,
            created_at=now,
            created_by=by,
        )
    )
    conn.execute(
        delete(foreign_caller).where(foreign_caller.c.protocol == protocol, foreign_caller.c.identifier == identifier)
    )
    return made


def remove(conn: Connection, device: str, protocol: str, identifier: str) -> None:
    """Let an identifier stand for nothing any more. Raises NotFound."""
    where = (*_is(protocol, canonical(protocol, identifier)), foreign_device.c.device == device)
    if conn.execute(delete(foreign_device).where(*where)).rowcount == 0:
        raise NotFound(f"device {device} has no identity {protocol} {identifier}")


def register(conn: Connection, protocol: str, identifier: str, hardware: str, now: int) -> str | None:
    """A terminal registers: returns its new secret, or None when another piece of hardware has done so before.

    Knowing a terminal's number is knowing next to nothing, so only the hardware that came first may come again; to
    change it, the engineer removes the identity and adds it anew. A code set by hand stays with the terminal.
    """
    row = conn.execute(select(*_COLUMNS).where(*_is(protocol, identifier))).first()
    if row is None:
        raise NotFound(f"{protocol} {identifier} is not known")
    known = Identity(*row)
    by_hand = known.secret_hash is not None and known.hardware is None
    if by_hand or (known.hardware is not None and known.hardware != hardware):
        return None
    code = secrets.token_hex(8)
    conn.execute(
        update(foreign_device)
        .where(*_is(protocol, identifier))
        .values(secret_hash=hash_of(code), hardware=hardware, registered_at=now)
    )
    return code


def note_callers(conn: Connection, calls: Mapping[tuple[str, str], tuple[int, int, str]]) -> None:
    """Remember unknown callers: (protocol, identifier) to (times, last UTC ms, what it said). The list is bounded:
    whoever called longest ago goes first."""
    for (protocol, identifier), (times, at, said) in calls.items():
        where = (foreign_caller.c.protocol == protocol, foreign_caller.c.identifier == identifier)
        text = said[:_SAID].encode("utf-8", "replace").decode().replace("\0", "?")
        changed = conn.execute(
            update(foreign_caller).where(*where).values(times=foreign_caller.c.times + times, last_at=at, said=text)
        )
        if changed.rowcount == 0:
            conn.execute(
                insert(foreign_caller).values(
                    protocol=protocol, identifier=identifier, first_at=at, last_at=at, times=times, said=text
                )
            )
    for protocol in {each for each, _ in calls}:
        surplus = conn.execute(
            select(foreign_caller.c.identifier)
            .where(foreign_caller.c.protocol == protocol)
            .order_by(foreign_caller.c.last_at.desc(), foreign_caller.c.identifier)
            .offset(MAX_CALLERS)
        ).scalars().all()  # fmt: skip
        if surplus:
            conn.execute(
                delete(foreign_caller).where(
                    foreign_caller.c.protocol == protocol, foreign_caller.c.identifier.in_(surplus)
                )
            )


def callers(conn: Connection) -> list[Caller]:
    """Unknown callers of the protocols of other makers, the latest first."""
    columns = (
        foreign_caller.c.protocol,
        foreign_caller.c.identifier,
        foreign_caller.c.first_at,
        foreign_caller.c.last_at,
        foreign_caller.c.times,
        foreign_caller.c.said,
    )
    rows = conn.execute(
        select(*columns)
        .where(foreign_caller.c.protocol.in_([each.channel for each in ADAPTERS]))
        .order_by(foreign_caller.c.last_at.desc(), foreign_caller.c.identifier)
    )
    return [Caller(*row) for row in rows]


def _is(protocol: str, identifier: str):
    return foreign_device.c.protocol == protocol, foreign_device.c.identifier == identifier
