"""time with the epoch of the ESP32 port (2000-01-01) and the RTC of the board."""

import sys

import layout
import uctypes
import x_flash

_path, sys.path[:] = sys.path[:], []
import time as _native

sys.path[:] = _path

_EPOCH_S = 946684800  # unix seconds of 2000-01-01T00:00:00Z
_base = uctypes.struct(x_flash.page + layout.RTC_BASE_US, {"us": 0 | uctypes.INT64}, uctypes.LITTLE_ENDIAN)

sleep, sleep_ms, sleep_us = _native.sleep, _native.sleep_ms, _native.sleep_us
ticks_ms, ticks_us, ticks_cpu = _native.ticks_ms, _native.ticks_us, _native.ticks_cpu
ticks_add, ticks_diff = _native.ticks_add, _native.ticks_diff


def _host_us():
    return _native.time_ns() // 1000


def time():
    return (_host_us() - _base.us) // 1_000_000


def time_ns():
    return (_host_us() - _base.us) * 1000


def gmtime(s=None):
    return _native.gmtime((time() if s is None else int(s)) + _EPOCH_S)[:8]


localtime = gmtime


def mktime(t):
    return int(_native.mktime(t)) - _EPOCH_S
