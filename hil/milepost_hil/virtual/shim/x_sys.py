"""sys of an ESP32: the platform and the board's name; the rest is the interpreter's."""

import sys as _native
from collections import namedtuple

_i = _native.implementation
implementation = namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build", "_thread"))(
    _i.name, _i.version, "Generic ESP32 module with ESP32", _i._mpy, "ESP32_GENERIC", "GIL"
)
platform = "esp32"


def __getattr__(name):
    return getattr(_native, name)
