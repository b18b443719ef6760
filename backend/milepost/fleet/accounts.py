"""Broker accounts of devices: each may write and read only under its own name (DESIGN: Topics).

The port `BrokerAccounts` has two implementations: the embedded NATS by a file and a reload, Mosquitto by its
password and ACL files. Passwords are kept as hashes in files that only the owner reads. Device passwords are random
and long, so the hashes are cheap on purpose: a whole fleet connects again within seconds after a restart.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt

from milepost.errors import Invalid
from milepost.ingest.model import DEVICE_ID
from milepost_device.wire import part_of

_BCRYPT_COST = 5  # about 2 ms
_PBKDF2_ROUNDS = 101  # what mosquitto_passwd writes


def make_password() -> str:
    """A random password of 160 bits for one device."""
    return secrets.token_urlsafe(20)


class BrokerAccounts(ABC):
    """Who may connect to the broker, and under which topics."""

    @abstractmethod
    def put(self, device_id: str, password: str) -> None:
        """Let a device in, or change its password. Raises Invalid for an id that is none or is taken by a service."""

    @abstractmethod
    def remove(self, device_id: str) -> None:
        """Shut a device out; an unknown one is no error."""

    @abstractmethod
    def service(self, user: str, password: str) -> None:
        """An account of the backend itself: it reads and writes under mp/v1/ of every device."""


class NatsFile(BrokerAccounts):
    """Accounts of the embedded broker: one JSON object a line in the include file of its configuration."""

    def __init__(self, path: Path, reload: Callable[[], None]) -> None:
        """`path`: `EmbeddedBroker.users_file`; `reload`: makes the running broker read it again."""
        self._path = path
        self._reload = reload

    def put(self, device_id: str, password: str) -> None:
        own = f"mp.v1.{part_of(_checked(device_id))}.{device_id}."
        self._set(
            device_id,
            password,
            publish=[own + "up", own + "state"],
            subscribe=[own + "ack", own + "cfg", own + "cmd"],
        )

    def service(self, user: str, password: str) -> None:
        self._set(user, password, publish=["mp.v1.>"], subscribe=["mp.v1.>"])

    def remove(self, device_id: str) -> None:
        with _locked(self._path):
            users = self._read()
            if device_id not in users or _is_service(users[device_id]):
                return
            del users[device_id]
            self._write(users)
        self._reload()

    def _set(self, user: str, password: str, *, publish: list[str], subscribe: list[str]) -> None:
        with _locked(self._path):
            users = self._read()
            before = users.get(user)
            if before and publish != before["permissions"]["publish"]:
                raise Invalid(f"broker account {user!r} is taken by another kind of user; choose another id")
            if before and bcrypt.checkpw(password.encode(), before["password"].encode()):
                return
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST, prefix=b"2a")).decode()
            users[user] = {
                "user": user,
                "password": hashed,
                "permissions": {"publish": publish, "subscribe": subscribe},
                "allowed_connection_types": ["MQTT"],
            }
            self._write(users)
        self._reload()

    def _read(self) -> dict[str, dict]:
        if not self._path.exists():
            return {}
        lines = [line for line in self._path.read_text().splitlines() if line.startswith("{")]
        return {entry["user"]: entry for entry in map(json.loads, lines)}

    def _write(self, users: dict[str, dict]) -> None:
        lines = [json.dumps(entry) for entry in users.values()]
        _replace(self._path, "\n".join(["users: [", *lines, "]", ""]))


def _is_service(entry: dict) -> bool:
    return entry["permissions"]["publish"] == ["mp.v1.>"]


class Mosquitto(BrokerAccounts):
    """Accounts of a Mosquitto 2 broker: `password_file` and `acl_file` of its configuration."""

    def __init__(self, password_file: Path, acl_file: Path, reload: Callable[[], None]) -> None:
        """`reload`: sends SIGHUP to the broker, by whatever means the host has."""
        self._passwords = password_file
        self._acl = acl_file
        self._reload = reload

    def put(self, device_id: str, password: str) -> None:
        own = f"mp/v1/{part_of(_checked(device_id))}/{device_id}/"
        rules = [f"topic write {own}{leaf}" for leaf in ("up", "state")]
        rules += [f"topic read {own}{leaf}" for leaf in ("ack", "cfg", "cmd")]
        self._set(device_id, password, rules)

    def service(self, user: str, password: str) -> None:
        self._set(user, password, [_SERVICE_RULE])

    def remove(self, device_id: str) -> None:
        with _locked(self._passwords):
            hashes, rules = self._read()
            if device_id not in hashes or rules.get(device_id) == [_SERVICE_RULE]:
                return
            del hashes[device_id]
            rules.pop(device_id, None)
            self._write(hashes, rules)
        self._reload()

    def _set(self, user: str, password: str, rules_of_user: list[str]) -> None:
        with _locked(self._passwords):
            hashes, rules = self._read()
            if user in hashes and rules.get(user) != rules_of_user:
                raise Invalid(f"broker account {user!r} is taken by another kind of user; choose another id")
            hashes[user] = _pbkdf2(password)
            rules[user] = rules_of_user
            self._write(hashes, rules)
        self._reload()

    def _read(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        hashes: dict[str, str] = {}
        if self._passwords.exists():
            hashes = dict(line.split(":", 1) for line in self._passwords.read_text().splitlines() if ":" in line)
        rules: dict[str, list[str]] = {}
        user = ""
        for line in self._acl.read_text().splitlines() if self._acl.exists() else ():
            if line.startswith("user "):
                user = line.removeprefix("user ")
                rules[user] = []
            elif line.startswith("topic ") and user:
                rules[user].append(line)
        return hashes, rules

    def _write(self, hashes: dict[str, str], rules: dict[str, list[str]]) -> None:
        blocks = ["\n".join([f"user {user}", *lines, ""]) for user, lines in rules.items()]
        # Rules first: an account without rules may connect and do nothing, rules without an account do no harm.
        _replace(self._acl, "\n".join(blocks))
        _replace(self._passwords, "".join(f"{user}:{hashed}\n" for user, hashed in hashes.items()))


_SERVICE_RULE = "topic readwrite mp/v1/#"


def _pbkdf2(password: str) -> str:
    """Mosquitto's own form: $7$rounds$salt$PBKDF2-HMAC-SHA512."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ROUNDS, 64)
    return f"$7${_PBKDF2_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _checked(device_id: str) -> str:
    if not DEVICE_ID.fullmatch(device_id):
        raise Invalid(f"device id {device_id!r}: use 1 to 12 of a-z, 0-9 and -")
    return device_id


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time, over all processes of the installation."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
