"""What makes one board this device: identity.json, config.json, and where they come from. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_DEVICE_ID = re.compile(r"[a-z0-9-]{1,12}")
ROLES = ("tracker", "reader")
OLDEST = (1, 26, 0)  # the MicroPython that the firmware is written for


class Unusable(ValueError):
    """An argument that cannot serve; the message says which and what would."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the device finds its broker."""

    host: str
    port: int
    tls: bool


def parse_broker(url: str) -> BrokerAddress:
    """mqtt://host[:1883] or mqtts://host[:8883]. Raises Unusable."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as e:
        raise Unusable(f"--broker {url}: {e}") from e
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise Unusable(f"--broker {url!r}: write mqtt://host:port or mqtts://host:port")
    if parts.username or parts.password:
        raise Unusable("--broker: give the account with --user and --password, not inside the address")
    tls = parts.scheme == "mqtts"
    return BrokerAddress(parts.hostname, port or (8883 if tls else 1883), tls)


def check_device(device: str) -> str:
    """The id itself. Raises Unusable (DESIGN.md §3: device ids)."""
    if not _DEVICE_ID.fullmatch(device):
        raise Unusable(f"device id {device!r}: 1 to 12 of a-z, 0-9 and - (default: the MAC of the board)")
    return device


def identity(
    *,
    device: str,
    role: str,
    broker: BrokerAddress,
    user: str,
    password: str,
    wifi: tuple[str, str] | None,
    ca: str | None,
) -> bytes:
    """identity.json; the same arguments give the same bytes, so an unchanged one is not copied again."""
    content = {
        "device": device,
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "user": user,
            "password": password,
            "tls": broker.tls,
            "ca": ca,
        },
        "wifi": {"ssid": wifi[0], "password": wifi[1]} if wifi else None,
        "role": role,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def configuration(source: Path | None) -> Mapping[str, object] | None:
    """The configuration of a file, None without one. Raises Unusable."""
    if source is None:
        return None
    try:
        value = json.loads(source.read_text())
    except (OSError, ValueError) as e:
        raise Unusable(f"--config {source}: {e}") from e
    if not isinstance(value, dict):
        raise Unusable(f"--config {source}: a JSON object is needed")
    return {"version": 0, **value}
