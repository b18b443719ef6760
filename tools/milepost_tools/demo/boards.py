"""The demo's devices: registered through the API, flashed, started; real firmware on virtual boards."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from milepost_hil import image
from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client

# In a demo everything is seen soon: short batches, frequent health.
_COMMON = {"version": 1, "batch_wait_ms": 500, "health_interval_s": 20}
TRACKER_CONFIG = {**_COMMON, "report_interval_s": 1, "stationary_interval_s": 5, "arrive_after_s": 5}
# A reader has no GNSS: it asks the time server of its network.
READER_CONFIG = {**_COMMON, "tag_window_ms": 300, "sntp_host": "time.milepost"}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices connect."""

    host: str
    port: int


def flashed(
    engineer: Client,
    folder: Path,
    *,
    device: str,
    role: str,
    name: str,
    broker: Broker,
    config: Mapping[str, object],
) -> VirtualBoard:
    """Register a device and put firmware, identity and configuration on a fresh board; it is not powered yet.

    device: its id, twelve hex digits of its MAC. Raises ApiError when the id is taken.
    """
    made = engineer.post("/devices", id=device, role=role, name=name)
    identity = {
        "device": device,
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "user": device,
            "password": made["password"],
            "tls": False,
            "ca": None,
        },
        "wifi": {"ssid": "milepost", "password": "milepost-demo"},
        "role": role,
    }
    image.write_application(folder, firmware=image.firmware_folder(), identity=identity, config=config)
    return VirtualBoard(folder, mac=device, name=device)
