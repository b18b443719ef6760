"""The service's side of provisioning: register the device, take its credentials, see its first record."""

from dataclasses import dataclass
from typing import Any

import httpx

_TIMEOUT_S = 15.0


class ServiceRefused(RuntimeError):
    """The API did not do it; the message holds its reason."""


class DuplicateDevice(RuntimeError):
    """The id belongs to another device that is in use."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What the service knows of the device's connection."""

    online: bool
    received_at: str  # RFC 3339 in UTC with ms, which sorts as text; empty: never
    acknowledged: int

    def newer_than(self, other: "Contact") -> bool:
        """Whether something arrived since, and something is acknowledged."""
        return self.received_at > other.received_at and self.acknowledged > 0


NEVER = Contact(online=False, received_at="", acknowledged=0)


class Registration:
    """One engineer at the API. Every method raises ServiceRefused."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def credentials(self, device: str, role: str, name: str, *, is_this_board: bool, replace: bool) -> str:
        """Registers the device, or gives a known one a new password; returns the broker password.

        is_this_board: the board carries this id already, or the id is its own MAC. A known id that has been
        in use elsewhere needs `replace` (the old board is locked out), else DuplicateDevice is raised.
        """
        known = self._call("GET", f"/devices/{device}", missing_ok=True)
        if known is None:
            made = self._call("POST", "/devices", json={"id": device, "role": role, "name": name})
            return str(made["password"])
        if known["role"] != role:
            raise ServiceRefused(
                f"device {device} is registered as {known['role']}; remove it or use --role {known['role']}"
            )
        if not (is_this_board or replace) and contact_of(known) != NEVER:
            raise DuplicateDevice(
                f"device {device} is in use on another board; choose another --device, "
                "or --replace that board by this one"
            )
        return str(self._call("POST", f"/devices/{device}/password")["password"])

    def config(self, device: str) -> dict[str, Any]:
        """The desired configuration with its version."""
        return dict(self._call("GET", f"/devices/{device}/config"))

    def contact(self, device: str) -> Contact:
        """How the connection of the device stands."""
        return contact_of(self._call("GET", f"/devices/{device}"))

    def _call(self, method: str, path: str, *, missing_ok: bool = False, json: object = None) -> Any:
        try:
            response = self._http.request(method, path, json=json)
        except httpx.HTTPError as e:
            raise ServiceRefused(
                f"{self._http.base_url} does not answer: {e}; is `milepost serve` running there?"
            ) from e
        if missing_ok and response.status_code == 404:
            return None
        if response.is_success:
            return response.json() if response.content else None
        try:
            problem = response.json()
            said = problem.get("detail") or problem.get("title")
        except (ValueError, AttributeError):
            said = response.text[:200]
        hint = "; --token must be of an engineer" if response.status_code in (401, 403) else ""
        raise ServiceRefused(f"{method} {path}: {response.status_code} {said}{hint}")


def contact_of(device: dict[str, Any]) -> Contact:
    """Contact out of the API's device; NEVER when it never connected."""
    seen = device.get("contact") or {}
    if not seen:
        return NEVER
    return Contact(
        bool(seen.get("online")), str(seen.get("last_received_at") or ""), int(seen.get("acknowledged") or 0)
    )
