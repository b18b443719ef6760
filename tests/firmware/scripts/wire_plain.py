"""Records of the wire as plain data for JSON, in the form of tests/vectors. Runs in both Pythons."""

from binascii import hexlify, unhexlify

from milepost_device import wire

_CLASSES = {1: wire.Fix, 2: wire.Tag, 3: wire.Gate, 4: wire.Event, 5: wire.Health}


def to_hex(data):
    return hexlify(data).decode()


def _item(value):
    return {"hex": to_hex(value)} if isinstance(value, bytes) else value


def to_plain(rec):
    """Return a record as a dict of JSON values."""
    if isinstance(rec, wire.Unknown):
        return {"kind": rec.kind, "body": to_hex(rec.body)}
    plain = {"kind": rec.kind}
    for name in rec.fields:
        value = getattr(rec, name)
        if name in {"epc", "extra"}:
            value = to_hex(value)
        elif name == "args":
            keys = sorted([k for k in value if isinstance(k, int)]) + sorted([k for k in value if isinstance(k, str)])
            value = [[key, _item(value[key])] for key in keys]
        elif name == "values":
            value = [list(pair) for pair in value]
        plain[name] = value
    return plain


def from_plain(plain):
    """Return the record of such a dict."""
    if plain["kind"] not in _CLASSES:
        return wire.Unknown(plain["kind"], unhexlify(plain["body"]))
    values = {name: value for name, value in plain.items() if name != "kind"}
    for name in ("epc", "extra"):
        if name in values:
            values[name] = unhexlify(values[name])
    if "args" in values:
        values["args"] = {
            key: unhexlify(value["hex"]) if isinstance(value, dict) else value for key, value in values["args"]
        }
    if "values" in values:
        values["values"] = [tuple(pair) for pair in values["values"]]
    return _CLASSES[plain["kind"]](**values)


def batch_to_plain(batch):
    """Return a decoded batch as a dict of JSON values."""
    return {
        "stream": batch.stream,
        "first_seq": batch.first_seq,
        "tail": batch.tail,
        "boot": batch.boot,
        "uptime_ms": batch.uptime_ms,
        "records": [to_plain(rec) for rec in batch.records],
    }


def encode_batch(plain, size=4096):
    """Return the bytes of a batch given as such a dict."""
    writer = wire.BatchWriter(size)
    writer.begin(plain["stream"], plain["first_seq"], plain["tail"], plain["boot"], plain["uptime_ms"])
    for rec in plain["records"]:
        if not writer.add(from_plain(rec)):
            raise RuntimeError("the batch is full")
    return bytes(writer.finish())


def outcome(sort, data):
    """Decode a "batch" or "record" and return its plain form, or {"refused": reason}.

    Anything but a WireError goes through: it is the failure the tests look for.
    """
    try:
        return batch_to_plain(wire.decode(data)) if sort == "batch" else to_plain(wire.decode_record(data))
    except wire.WireError as error:
        return {"refused": error.reason}
