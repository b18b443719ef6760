"""The golden vectors of tests/vectors: this codec, MicroPython's run of it, and the stranger's agree."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import stranger
from wire_plain import encode_batch, from_plain, outcome, to_hex

from milepost_device import wire

_VECTORS = Path(__file__).parent.parent / "vectors"
BATCHES = json.loads((_VECTORS / "batches.json").read_text("utf-8"))
RECORDS = json.loads((_VECTORS / "records.json").read_text("utf-8"))


def _expected() -> list[tuple[str, str, str, dict]]:
    cases = [(v["name"], "batch", v["bytes"], v["batch"]) for v in BATCHES["valid"]]
    cases += [(v["name"], "batch", v["bytes"], {"refused": v["refused"]}) for v in BATCHES["refused"]]
    cases += [(v["name"], "record", v["bytes"], v["record"]) for v in RECORDS["valid"]]
    cases += [(v["name"], "record", v["bytes"], {"refused": v["refused"]}) for v in RECORDS["refused"]]
    return cases


CASES = _expected()


@pytest.mark.parametrize(("name", "sort", "data", "wanted"), CASES, ids=[f"{c[1]}-{c[0]}" for c in CASES])
def test_a_vector_decodes_as_it_says(name: str, sort: str, data: str, wanted: dict):
    assert outcome(sort, bytes.fromhex(data)) == wanted, name


@pytest.mark.parametrize("vector", BATCHES["valid"], ids=[v["name"] for v in BATCHES["valid"]])
def test_a_batch_encodes_to_the_very_bytes(vector: dict):
    assert to_hex(encode_batch(vector["batch"])) == vector["bytes"]


@pytest.mark.parametrize("vector", RECORDS["valid"], ids=[v["name"] for v in RECORDS["valid"]])
def test_a_record_encodes_to_the_very_bytes(vector: dict):
    assert to_hex(wire.encode_record(from_plain(vector["record"]))) == vector["bytes"]


def test_micropython_decodes_and_encodes_the_same(device_run: Callable, tmp_path: Path):
    lines = [f"{sort} {data}" for _, sort, data, _ in CASES]
    lines += ["encode " + json.dumps(vector["batch"]) for vector in BATCHES["valid"]]
    script = tmp_path / "lines"
    script.write_text("\n".join(lines), "utf-8")
    wanted = [case[3] for case in CASES] + [{"bytes": vector["bytes"]} for vector in BATCHES["valid"]]
    assert [json.loads(line) for line in device_run("wire_outcomes.py", [str(script)])] == wanted


def test_the_page_alone_is_enough_to_decode():
    for name, sort, data, wanted in CASES:
        decode = stranger.decode if sort == "batch" else stranger.decode_record
        try:
            got = decode(bytes.fromhex(data))
        except stranger.Refused as error:
            got = {"refused": error.args[0]}
        assert got == wanted, name


@pytest.mark.parametrize("name", ["drive", "gates"])
def test_the_worked_examples_are_the_vectors(name: str):
    """The bytes printed in docs/wire.md are the beginning (gates: the whole) of the vector they name."""
    page = (_VECTORS.parent.parent / "docs" / "wire.md").read_text("utf-8")
    section = page.split(f"(vector `{name}`", 1)[1].split("\n#", 1)[0]
    blocks = section.split("```")[1::2]
    printed = "".join(re.sub(r"[^0-9a-f]", "", re.sub(r"   +[a-zA-Z].*", "", block)) for block in blocks)
    wanted = next(v["bytes"] for v in BATCHES["valid"] if v["name"] == name)
    assert len(printed) > 100
    assert wanted.startswith(printed)
    assert name != "gates" or printed == wanted


def test_the_header_of_any_version_can_be_read():
    data = bytes.fromhex(next(v["bytes"] for v in BATCHES["refused"] if v["name"] == "version"))
    assert wire.header(data) == (2, 1, 4660, 1, 1, 7, 99999)


@pytest.mark.parametrize("vector", RECORDS["crc16_gen2"], ids=lambda v: v["bytes"])
def test_crc16_gen2(vector: dict):
    """The last one is the check value of the catalogue (CRC-16/GENIBUS over "123456789")."""
    assert f"{wire.crc16_gen2(bytes.fromhex(vector['bytes'])):04x}" == vector["gen2"]


@pytest.mark.parametrize("vector", RECORDS["part_of"], ids=lambda v: v["device"])
def test_part_of_a_device(vector: dict):
    assert wire.part_of(vector["device"]) == vector["part"]
