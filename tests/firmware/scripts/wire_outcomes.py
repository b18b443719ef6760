"""Runs under MicroPython: decode every line "batch HEX" or "record HEX" of a file, print the outcome as JSON.

A line "encode JSON" holds a batch in plain form; its bytes are printed.
"""

import json
import sys
from binascii import unhexlify

from wire_plain import encode_batch, outcome, to_hex

with open(sys.argv[1]) as lines:  # noqa: PTH123  MicroPython has no pathlib
    for line in lines:
        sort, text = line.rstrip("\n").split(" ", 1)
        if sort == "encode":
            print(json.dumps({"bytes": to_hex(encode_batch(json.loads(text)))}))
        else:
            print(json.dumps(outcome(sort, unhexlify(text))))
