"""network.WLAN over the board's TCP proxy. The access point is in reach while the page says so."""

import layout
import uctypes
import x_flash

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT = 201, 202, 200

_bytes = uctypes.bytearray_at(x_flash.page, layout.PAGE_BYTES)
_name = "milepost"


def hostname(name=None):
    global _name
    if name is None:
        return _name
    _name = name
    return None


def country(code=None):
    return "XX" if code is None else None


class WLAN:
    IF_STA, IF_AP = STA_IF, AP_IF
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    _active = False  # the interface is one piece of hardware, however many objects drive it
    _ssid = None
    _settings = {"txpower": 20, "pm": 1, "reconnects": -1}

    def __init__(self, interface_id=STA_IF):
        if interface_id != STA_IF:
            raise ValueError("the virtual board has a station interface only")

    def active(self, is_active=None):
        if is_active is None:
            return WLAN._active
        WLAN._active = bool(is_active)
        if not is_active:
            WLAN._ssid = None
        return WLAN._active

    def connect(self, ssid=None, key=None, bssid=None):
        if not WLAN._active:
            raise OSError("Wifi Not Started")
        WLAN._ssid = ssid or "milepost"

    def disconnect(self):
        WLAN._ssid = None

    def isconnected(self):
        return WLAN._ssid is not None and _bytes[layout.WIFI_UP] == 1

    def status(self, what=None):
        if what == "rssi":
            return -55
        if WLAN._ssid is None:
            return STAT_IDLE
        return STAT_GOT_IP if self.isconnected() else STAT_NO_AP_FOUND

    def config(self, what=None, **settings):
        if what is None:
            WLAN._settings.update(settings)
            return None
        if what == "mac":
            return bytes(_bytes[layout.MAC : layout.MAC + 6])
        if what in ("ssid", "essid"):
            return WLAN._ssid or ""
        return WLAN._settings[what]

    def ifconfig(self, settings=None):
        ip = "10.0.0.2" if self.isconnected() else "0.0.0.0"
        return (ip, "255.255.255.0", "10.0.0.1", "10.0.0.1")

    def ipconfig(self, what=None, **settings):
        return self.ifconfig()[:2] if what == "addr4" else None

    def scan(self):
        return [(b"milepost", b"\x02\x00\x00\x00\x00\x01", 6, -55, 3, False)] if _bytes[layout.WIFI_UP] else []
