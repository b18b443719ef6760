"""Identity and configuration: two JSON files, each replaced whole (temporary file, then rename).

The desired configuration comes as one JSON object; `validate` judges all of it before anything changes
(Particle's shadow-and-commit). Keys that this firmware does not know are kept in the
file and otherwise ignored, so that an older device takes a newer configuration.
"""

import json
import os

IDENTITY = "/identity.json"
CONFIG = "/config.json"

# key: (lowest, highest, default); all integers
LIMITS = {
    "report_interval_s": (1, 3600, 1),  # while moving
    "stationary_interval_s": (1, 86400, 300),
    "min_distance_m": (0, 100000, 100),  # 0 switches a rule off
    "min_course_deg": (0, 180, 15),
    "min_speed_delta_kmh": (0, 200, 10),
    "arrive_after_s": (5, 3600, 60),  # standing so long is an arrival
    "anchor_radius_m": (20, 1000, 60),  # leaving the anchor by more is a departure
    "batch_max": (256, 1024, 1024),  # bytes of a batch
    "batch_wait_ms": (0, 600000, 1000),
    "ack_stall_s": (2, 3600, 10),
    "health_interval_s": (10, 86400, 300),
    "rssi_floor_dbm": (-128, 0, -128),
    "tag_window_ms": (50, 60000, 500),
    "power_cdbm": (0, 3300, 2600),
    "region": (1, 6, 1),  # M100 code: 1 China 900, 2 US, 3 EU, 4 China 800, 6 Korea
    "gnss_baud": (4800, 921600, 9600),
    "gnss_uart": (0, 3, 1),
    "gnss_tx_pin": (-1, 48, -1),  # -1: the port's own
    "gnss_rx_pin": (-1, 48, -1),
    "reader_uart": (0, 3, 2),
    "reader_tx_pin": (-1, 48, -1),
    "reader_rx_pin": (-1, 48, -1),
    "ignition_pin": (-1, 48, -1),  # -1: not wired
    "gate_debounce_ms": (0, 5000, 20),
}
_GATES = {"inner": 32, "outer": 33}


def defaults() -> dict:
    """The configuration of a device that never got one (version 0)."""
    config: dict = {key: limit[2] for key, limit in LIMITS.items()}
    config["gates"] = dict(_GATES)
    config["sntp_host"] = ""  # a reader has no GNSS: a time server in its own network, if there is one
    config["version"] = 0
    return config


def validate(desired) -> str | None:
    """None if `desired` (a decoded JSON value) may be applied, else a text that says which key and why."""
    if not isinstance(desired, dict):
        return "not a JSON object"
    version = desired.get("version")
    if version is None or not _is_int(version) or not 0 <= version <= 0x3FFFFFFF:
        return "version: an integer from 0 is needed"
    for key, (low, high, _) in LIMITS.items():
        if key in desired:
            value = desired[key]
            if not _is_int(value) or not low <= value <= high:
                return "%s: integer %d..%d is needed" % (key, low, high)
    host = desired.get("sntp_host", "")
    if not isinstance(host, str) or len(host) > 64:
        return "sntp_host: a text of at most 64 characters is needed"
    if "gates" in desired:
        gates = desired["gates"]
        if not isinstance(gates, dict):
            return "gates: an object is needed"
        for name, pin in gates.items():
            if name not in _GATES:
                return "gates: no gate is called %s" % name
            if not _is_int(pin) or not 0 <= pin <= 48:
                return "gates: pin 0..48 is needed for " + name
        if len(set(gates.values())) < len(gates):
            return "gates: two gates on one pin"
    merged = merge(desired)
    if merged["stationary_interval_s"] < merged["report_interval_s"]:
        return "stationary_interval_s: below report_interval_s"
    return None


def merge(desired: dict) -> dict:
    """Defaults with what `desired` says."""
    config = defaults()
    config.update(desired)
    return config


def _is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def load(path: str) -> dict | None:
    """The JSON object of a file, or None if it is absent or no JSON object."""
    try:
        with open(path) as f:
            value = json.load(f)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def save(path: str, value: dict) -> None:
    """Replace the file by `value` as JSON: after a power cut it holds the old or the new text."""
    new = path + ".new"
    with open(new, "w") as f:
        json.dump(value, f)
        f.flush()
    os.rename(new, path)


def load_config(path: str = CONFIG) -> dict:
    """The configuration in force: the file if it is valid, else the defaults."""
    stored = load(path)
    if stored is None or validate(stored) is not None:
        return defaults()
    return merge(stored)


def check_identity(identity) -> str | None:
    """None if the identity file can serve, else what is wrong and where."""
    if not isinstance(identity, dict):
        return "identity.json is missing or no JSON object; provision the board"
    device = identity.get("device")
    if not isinstance(device, str) or not 1 <= len(device) <= 12:
        return "identity.json: device must be a text of 1..12 characters"
    for c in device:
        if not ("a" <= c <= "z" or "0" <= c <= "9" or c == "-"):
            return "identity.json: device may hold a-z, 0-9 and - only"
    if identity.get("role") not in ("tracker", "reader"):
        return "identity.json: role must be tracker or reader"
    broker = identity.get("broker")
    if not isinstance(broker, dict) or not broker.get("host") or not _is_int(broker.get("port")):
        return "identity.json: broker needs host and port"
    return None
