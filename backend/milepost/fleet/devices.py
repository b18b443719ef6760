"""Devices: their accounts, their desired configuration, their commands.

A command is repeated until the device answers with an event or its time is over; the device runs an id once.
"""

import json
import secrets
from collections.abc import Callable, Collection
from typing import Any, Protocol

from sqlalchemy import Connection

from milepost.errors import Conflict, Invalid, MilepostError, NotFound
from milepost.fleet import repository
from milepost.fleet.model import DEVICE_ROLES, VERBS, Credentials, check_config, check_device_id
from milepost.fleet.repository import Row
from milepost.fleet.tables import device as device_table
from milepost.fleet.tables import device_command
from milepost.ids import new_id
from milepost.times import now_ms

REPEAT_MS = 10_000
_OPEN = ("queued", "sent")


class Accounts(Protocol):
    """The part of fleet.accounts.BrokerAccounts that registering needs."""

    def put(self, device_id: str, password: str) -> None: ...
    def remove(self, device_id: str) -> None: ...


class NoBroker(MilepostError):
    """The broker whose accounts we keep is not there."""

    status = 503
    code = "unavailable"


def register_device(
    conn: Connection, *, device_id: str, role: str, name: str, accounts: Accounts | None
) -> Credentials:
    """Enter a device and give it an account on the broker.

    `device_id`: 1 to 12 of a-z, 0-9, -; `role`: tracker or reader. Raises Invalid, Conflict when the id is taken,
    NoBroker when there is no broker to write the account for.
    """
    part = enter_device(conn, device_id=device_id, role=role, name=name)
    return _new_password(device_id, part, accounts)


def enter_device(conn: Connection, *, device_id: str, role: str, name: str) -> str:
    """Enter a device that has no account on the broker (other people's, docs/adapters.md) and return its part.

    Arguments as of `register_device`. Raises Invalid, Conflict when the id is taken.
    """
    part = check_device_id(device_id)
    if role not in DEVICE_ROLES:
        raise Invalid(f"role {role!r}: one of {', '.join(DEVICE_ROLES)}")
    old = repository.find_device(conn, device_id)
    if old and old["removed_at"] is None:
        raise Conflict(f"device {device_id!r} exists; rotate its password instead", changed="id")
    if old:
        repository.change_device(conn, device_id, role=role, name=name, removed_at=None)
    else:
        values = {"id": device_id, "role": role, "part": part, "name": name, "created_at": now_ms()}
        repository.add(conn, device_table, values)
    return part


def rotate_password(conn: Connection, device_id: str, accounts: Accounts | None) -> Credentials:
    """Give a device a new password; the old one ends now. Raises NotFound, NoBroker."""
    return _new_password(device_id, known(conn, device_id)["part"], accounts)


def remove_device(conn: Connection, device_id: str, accounts: Accounts | None, *, now: int | None = None) -> None:
    """Take a device out of service: its account goes, its records and bindings stay. Raises NotFound, NoBroker."""
    known(conn, device_id)
    at = now_ms() if now is None else now
    repository.change_device(conn, device_id, removed_at=at)
    for row in repository.bindings(conn, device_id=device_id):
        if row["to_ms"] is None and row["from_ms"] < at:
            repository.end_binding(conn, row["id"], at)
    _broker(accounts).remove(device_id)


def known(conn: Connection, device_id: str) -> Row:
    """A device in service. Raises NotFound."""
    row = repository.find_device(conn, device_id)
    if row is None or row["removed_at"] is not None:
        raise NotFound(f"no device {device_id!r}; GET /api/v1/devices lists them")
    return row


def set_config(conn: Connection, device_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """Store a desired configuration under the next version and return what goes to the device. Raises NotFound,
    Invalid."""
    row = known(conn, device_id)
    text = check_config(config)
    version = row["config_version"] + 1
    repository.change_device(conn, device_id, config=text, config_version=version)
    return {"version": version, **config}


def command(conn: Connection, device_id: str, verb: str, args: dict[str, Any], not_after_ms: int, *, by: str) -> Row:
    """Queue a command that the device may run until `not_after_ms`. Raises NotFound, Invalid."""
    known(conn, device_id)
    if verb not in VERBS:
        raise Invalid(f"verb {verb!r}: one of {', '.join(VERBS)}")
    now = now_ms()
    if not_after_ms <= now:
        raise Invalid("not_after lies in the past; the device would never run it")
    values = {
        "id": new_id(),
        "device_id": device_id,
        "verb": verb,
        "args": json.dumps(args),
        "not_after": not_after_ms,
        "state": "queued",
        "created_at": now,
        "created_by": by,
    }
    repository.add(conn, device_command, values)
    return repository.commands(conn, id=values["id"])[0]


def message_of(row: Row) -> dict[str, Any]:
    """The JSON that goes out on the device's `cmd` topic."""
    return {
        "id": row["id"],
        "verb": row["verb"],
        "args": json.loads(row["args"]),
        "not_after": row["not_after"] // 1000,
    }


def due_commands(
    conn: Connection, now: int, back: Collection[str] = (), ours: Callable[[str], bool] = lambda _device: True
) -> list[Row]:
    """Commands to send at `now` (UTC ms): new ones, unanswered ones every 10 s, and at once all of devices that have
    just come `back`. Those whose time is over become `expired` here. Those of devices that are not `ours` are left."""
    due = []
    for row in repository.commands(conn, _OPEN):
        if not ours(row["device_id"]):
            continue
        if row["not_after"] <= now:
            repository.change_command(conn, row["id"], _OPEN, state="expired", done_at=now)
        elif row["sent_at"] is None or row["sent_at"] + REPEAT_MS <= now or row["device_id"] in back:
            due.append(row)
    return due


def mark_sent(conn: Connection, command_id: str, now: int) -> None:
    """Note that a command went out."""
    rows = repository.commands(conn, _OPEN, id=command_id)
    if rows:
        count = rows[0]["sent_count"] + 1
        repository.change_command(conn, command_id, _OPEN, state="sent", sent_at=now, sent_count=count)


def apply_event(conn: Connection, device: str, event: Any) -> None:
    """Take what a device's event says about a command or its configuration; others are no matter of the fleet.

    `event`: a telemetry Reading of kind `event`. A result that comes after the expiry still counts: it happened.
    """
    args = event.body.args
    if event.body.code == "command":
        _take_result(conn, device, event.at, args)
    elif event.body.code == "config":
        row = repository.find_device(conn, device)
        if row is not None and (row["applied_at"] is None or row["applied_at"] <= event.at):
            repository.change_device(
                conn,
                device,
                applied_version=args.get("version"),
                applied_ok=bool(args.get("ok")),
                applied_reason=_text(args.get("reason")),
                applied_at=event.at,
            )


def _take_result(conn: Connection, device: str, at: int, args: dict[str, Any]) -> None:
    rows = repository.commands(conn, id=_text(args.get("id")) or "")
    if not rows or rows[0]["device_id"] != device:  # somebody else's id: a device speaks only for itself
        return
    result = {str(key): _text(value) if isinstance(value, bytes) else value for key, value in args.items()}
    state = "done" if args.get("ok") else "failed"
    repository.change_command(
        conn, rows[0]["id"], (*_OPEN, "expired"), state=state, done_at=at, result=json.dumps(result)
    )


def _new_password(device_id: str, part: str, accounts: Accounts | None) -> Credentials:
    password = secrets.token_urlsafe(24)
    _broker(accounts).put(device_id, password)
    return Credentials(device_id, part, password)


def _broker(accounts: Accounts | None) -> Accounts:
    if accounts is None:
        raise NoBroker("the broker's accounts cannot be reached; start the service with its broker and try again")
    return accounts


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value is None else str(value)
