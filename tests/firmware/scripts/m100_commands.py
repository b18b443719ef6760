"""Runs under MicroPython: the frames of the commands, as JSON; and which arguments are refused."""

import json
from binascii import hexlify

from milepost_device import m100


def refuses(build, *args):
    try:
        build(*args)
    except ValueError:
        return True
    return False


frames = {
    "hardware version": m100.get_version(0),
    "firmware version": m100.get_version(1),
    "maker": m100.get_version(2),
    "single poll": m100.poll(),
    "multi poll": m100.multi_poll(),
    "multi poll 10000": m100.multi_poll(10000),
    "stop": m100.stop(),
    "26 dBm": m100.set_power(2600),
    "20 dBm": m100.set_power(2000),
    "get power": m100.get_power(),
    "region EU": m100.set_region(m100.REGION_EU),
    "session 1": m100.set_query(session=1),
    "default query": m100.set_query(),
    "stop R200": m100.stop(m100.HEAD_R200),
}
print(json.dumps({name: hexlify(frame).decode() for name, frame in frames.items()}))
print(
    json.dumps(
        [
            refuses(m100.multi_poll, 65536),
            refuses(m100.set_power, -1),
            refuses(m100.set_region, 7),
            refuses(m100.set_query, 4),
            refuses(m100.set_query, 0, 16),
            refuses(m100.stop, 0x7E),
        ]
    )
)
