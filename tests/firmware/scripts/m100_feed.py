"""Runs under MicroPython: feed bytes to a fresh M100 parser, one case a line, and print what it told.

A line holds hex pieces separated by commas; an empty piece means silence: quiet().
"""

import json
import sys
from binascii import hexlify, unhexlify

from milepost_device.m100 import M100


def run(pieces):
    tags = []
    replies = []
    parser = M100(
        lambda epc, pc, rssi: tags.append([hexlify(epc).decode(), pc, rssi]),
        lambda command, params: replies.append([command, hexlify(params).decode()]),
    )
    for piece in pieces:
        data = unhexlify(piece)
        if data:
            parser.feed(data, len(data))
        else:
            parser.quiet()
    told = {"tags": tags, "replies": replies, "head": parser.head, "count": parser.tags}
    for name in ("no_tag", "errors", "bad_frames", "bad_crc", "skipped"):
        told[name] = getattr(parser, name)
    return told


with open(sys.argv[1]) as cases:  # noqa: PTH123  MicroPython has no pathlib
    for line in cases:
        print(json.dumps(run(line.rstrip("\n").split(","))))
