"""Messages of real devices, collected by another project: which of them we read, and why not the others."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.ingest.foreign import osmand, owntracks
from milepost.ingest.foreign.jt808 import answers, location
from milepost.ingest.foreign.jt808.decode import LOCATION, LOCATION_BATCH
from milepost.ingest.foreign.jt808.frames import Message, parse_plain
from milepost.ingest.foreign.model import Unreadable

pytestmark = pytest.mark.corpus

# What is no position of the standard, by message: vendors' own, or answered in another way.
NOT_POSITIONS = {
    0x0002: "heartbeat",
    0x0100: "registration",
    0x0102: "authentication",
    0x0107: "properties of the terminal",
    0x0210: "a maker's own short batch",
    0x0900: "transparent data, whose content each maker defines",
    0x1300: "a maker's own text",
    0x2070: "a maker's own acceleration log",
}
# Vectors whose bytes do not keep the standard; the collection feeds them to a decoder that checks none of it.
NOT_STANDARD = {
    "length": 5,  # messages 5501 and 5502: one maker's own frame, whose serial has one byte
    "crc": 2,  # off by one bit: a digit was changed when the message was made anonymous
}


def vectors(corpus: Path, protocol: str) -> Iterator[dict[str, str]]:
    with lzma.open(corpus / "traccar-vectors.jsonl.xz", "rt") as lines:
        for line in lines:
            each = json.loads(line)
            if each["protocol"] == protocol:
                yield each


def test_jt808_messages_of_56_terminals(corpus: Path) -> None:
    read, other, bad = 0, 0, dict.fromkeys(NOT_STANDARD, 0)
    for each in vectors(corpus, "Jt808"):
        if each["kind"] != "binary":
            continue  # one maker's text sentence in brackets
        try:
            message = parse_plain(bytes.fromhex(each["payload"])[1:-1])  # the collection's frames are unescaped
        except Unreadable as error:
            bad[error.reason] += 1
            continue
        if message.kind in NOT_POSITIONS:
            other += 1
            assert message.kind not in (LOCATION, LOCATION_BATCH)
            if message.kind == 0x0100:
                assert answers.registration(message).hardware.count(" ") >= 2
            continue
        assert positions(message), each["payload"]
        read += 1
    assert bad == NOT_STANDARD
    assert (read, other) == (37, 12)


def positions(message: Message) -> int:
    """How many positions a message holds, each of them believable in itself."""
    parsed = location.batch(message.body).positions if message.kind == LOCATION_BATCH else (
        location.location(message.body),)  # fmt: skip
    for each in parsed:
        assert each.lat is None or abs(each.lat) <= 90
        assert each.valid is False or (each.at or 0) > 1_300_000_000_000
        assert each.speed_mps is not None
        assert each.speed_mps < 100
    return len(parsed)


def test_osmand_and_owntracks_requests(corpus: Path) -> None:
    found: dict[str, int] = {}
    for each in vectors(corpus, "OsmAnd"):
        text = each["payload"]
        body = text[text.index("{") :] if "{" in text else None
        payload = osmand.json_payload(body.encode()) if body else osmand.query_payload(text.lstrip("/?"))
        assert osmand.identifier_of(payload)
        try:
            (position,) = osmand.parse_payload(payload).positions
            key = "position"
            assert position.lat is not None
        except Unreadable as error:
            key = error.reason  # the one with cells and access points only, and no position
        found[key] = found.get(key, 0) + 1
    for each in vectors(corpus, "OwnTracks"):
        (position,) = owntracks.parse_payload(each["payload"].lstrip("/").encode()).positions
        assert position.at is not None
        found["owntracks"] = found.get("owntracks", 0) + 1
    assert found == {"position": 7, "range": 1, "owntracks": 3}
