"""What goes to devices: commands until they are answered, the desired configuration, and the time.

The HTTP side only stores; this runs where the broker session is. A command is repeated, because the broker drops a
message for a device that is not connected; a configuration is retained, and published again at every start and for
every device that comes online, because a broker may lose what it retains (case M03). The time goes to whoever comes
online: a device without GNSS has no other source of it.
"""

import json
from collections.abc import Callable

from milepost.db import Database
from milepost.fleet import devices, repository
from milepost.times import now_ms
from milepost_device.wire import part_of

_TIME_IS_GOOD_FOR_S = 30


class Outgoing:
    """Publishes what is due; the service calls `round` a few times a second."""

    def __init__(
        self,
        db: Database,
        publish: Callable[[str, str, bytes, bool], None],
        holds: Callable[[str], bool] = lambda _part: True,
    ) -> None:
        """`publish(device_id, leaf, payload, retain)` hands a message to the broker session; `holds(part)`: whether
        the devices of a part are ours now, where several processes ingest."""
        self._db = db
        self._publish = publish
        self._holds = holds
        self._configured: dict[str, int] = {}  # device: version of the configuration published by this process
        self._back: set[str] = set()  # devices that came online since the last round

    def came_online(self, device_id: str) -> None:
        """Tell this device the time, its configuration and its open commands in the next round. From any thread.

        The state sink calls it, at least once for each time: after a restart also for devices that were online all
        along. A device that has them already says nothing to the configuration, and carries out the others once.
        """
        self._configured.pop(device_id, None)
        self._back.add(device_id)

    def round(self) -> None:
        """Publish everything that is due now."""
        back, self._back = self._back, set()
        # What another worker publishes meanwhile is published again when the part comes back to us.
        self._configured = {device: n for device, n in self._configured.items() if self._is_ours(device)}
        with self._db.read() as conn:
            desired = [
                row
                for row in repository.devices(conn)
                if row["config_version"] > self._configured.get(row["id"], 0) and self._is_ours(row["id"])
            ]
            open_commands = any(
                self._is_ours(row["device_id"]) for row in repository.commands(conn, ("queued", "sent"))
            )
        for row in desired:
            text = json.dumps({"version": row["config_version"], **json.loads(row["config"])})
            self._publish(row["id"], "cfg", text.encode(), True)
            self._configured[row["id"]] = row["config_version"]
        for device_id in sorted(filter(self._is_ours, back)):
            self._publish(device_id, "cmd", _time(now_ms()), False)
        if not open_commands:
            return
        with self._db.tx() as conn:
            due = devices.due_commands(conn, now_ms(), back, self._is_ours)
            for row in due:
                devices.mark_sent(conn, row["id"], now_ms())
        for row in due:
            self._publish(row["device_id"], "cmd", json.dumps(devices.message_of(row)).encode(), False)

    def _is_ours(self, device_id: str) -> bool:
        return self._holds(part_of(device_id))


def _time(now: int) -> bytes:
    """The command that sets a clock; `now` in UTC ms, read when it is sent."""
    not_after = now // 1000 + _TIME_IS_GOOD_FOR_S
    message = {"id": f"time-{now}", "verb": "time", "args": {"unix_ms": now}, "not_after": not_after}
    return json.dumps(message, separators=(",", ":")).encode()
