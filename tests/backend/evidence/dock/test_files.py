"""The files of `milepost correlate`: what is taken, what is refused and named, and that nothing else is lost."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.evidence.dock import files
from milepost.evidence.verb import correlate

GOOD = {"t": 1780300800.25, "door": "D1", "ant": 1, "epc": "3074257BF7194E4000001A85", "rssi": -55, "seq": 1}


def taken(*lines: object) -> tuple[list[files.Read], files.Wrong]:
    text = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    wrong = files.Wrong()
    return files.read_reads(io.BytesIO(text), "reads.jsonl", wrong), wrong


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"t": "1780300800"}, "t must be a number"),
        ({"t": -1}, "seconds since 1970"),
        ({"t": 1e18}, "seconds since 1970"),
        ({"t": float("nan")}, "seconds since 1970"),
        ({"t": True}, "t must be a number"),
        ({"rssi": "loud"}, "rssi must be a number"),
        ({"rssi": 900}, "dBm"),
        ({"epc": ""}, "epc must be"),
        ({"epc": None}, "epc must be"),
        ({"door": [1]}, "door must be"),
        ({"ant": 1.5}, "ant must be"),
        ({"door": "\ud800"}, "surrogate"),
    ],
)
def test_a_bad_line_is_named_and_costs_no_other(change: dict, why: str) -> None:
    rows, wrong = taken(GOOD, {**GOOD, **change}, {**GOOD, "seq": 3})
    assert len(rows) == 2 and wrong.count == 1
    assert wrong.named[0].startswith("reads.jsonl line 2: ") and why in wrong.named[0]


@pytest.mark.parametrize("name", ["t", "door", "ant", "epc", "rssi"])
def test_a_missing_field_is_named(name: str) -> None:
    _, wrong = taken({key: value for key, value in GOOD.items() if key != name})
    assert wrong.named == [f"reads.jsonl line 1: {name} is missing"]


def test_marks_blank_lines_and_what_is_no_json() -> None:
    bom = b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n"
    rows, wrong = taken(bom, b"\n", b"{]\n", b"\xff\xfe\n", b"[" * 60_000 + b"\n", b"7\n", json.dumps(GOOD).encode())
    assert len(rows) == 2 and wrong.count == 4
    assert [line.split(":")[0] for line in wrong.named] == [f"reads.jsonl line {n}" for n in (3, 4, 5, 6)]


def test_an_endless_line_is_skipped_whole() -> None:
    rows, wrong = taken(GOOD, b"x" * 300_000 + b"\n", GOOD)
    assert len(rows) == 2 and wrong.count == 1 and "line 2" in wrong.named[0]


def test_wrong_lines_are_counted_beyond_those_named() -> None:
    _, wrong = taken(*[b"no\n"] * 500)
    assert wrong.count == 500 and len(wrong.named) == files.MAX_NAMED


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_without_a_fall(noise: bytes) -> None:
    wrong = files.Wrong()
    files.read_reads(io.BytesIO(noise), "r", wrong)
    files.read_gates(io.BytesIO(noise), "g", wrong)
    for read in (files.read_sessions, files.read_orders):
        try:
            read(io.BytesIO(noise), "s", wrong)
        except Invalid as error:
            assert "docs/correlate.md" in error.message


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["session", "door", "trip", "from", "to", "direction", "antennas", "ant", "role", "units", "unit", "epcs",
         "order"]), inner, max_size=8),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(_ANY, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_json_is_read_without_a_fall(rows: list) -> None:
    text = json.dumps(rows).encode()
    for read in (files.read_sessions, files.read_orders):
        wrong = files.Wrong()
        assert len(read(io.BytesIO(text), "s", wrong)) + wrong.count >= len(rows)


SESSION = {"session": 7, "door": "D1", "vehicle": None, "trip": "T1", "from": 10, "to": 20, "direction": "load"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"direction": "sideways"}, "load or unload"),
        ({"to": 5}, "behind from"),
        ({"antennas": [{"ant": 1, "role": "left"}]}, "inner (hall side)"),
        ({"antennas": 5}, "must be a list"),
        ({"session": None}, "session must be"),
    ],
)
def test_a_bad_session_is_named(change: dict, why: str) -> None:
    wrong = files.Wrong()
    text = json.dumps([{**SESSION, **change}, SESSION]).encode()
    assert len(files.read_sessions(io.BytesIO(text), "sessions.json", wrong)) == 1
    assert wrong.named[0].startswith("sessions.json entry 1: ") and why in wrong.named[0]


def test_an_epc_on_two_units_is_refused_on_the_second() -> None:
    units = [{"unit": "A", "epcs": ["30AB"]}, {"unit": "B", "epcs": ["30ab"]}]
    wrong = files.Wrong()
    text = json.dumps([{"trip": "T", "order": 1, "units": units}]).encode()
    (order,) = files.read_orders(io.BytesIO(text), "orders.json", wrong)
    assert [unit.unit for unit in order.units] == ["A"]
    assert wrong.named == ["orders.json entry 1 unit 2: EPC '30ab' is on unit 'A' too; a tag can be on one unit only"]


def _files(folder: Path, **more: str) -> list[str]:
    texts = {"reads": json.dumps(GOOD) + "\n", "sessions": json.dumps([SESSION]), "orders": "[]", **more}
    options = []
    for name, text in texts.items():
        path = folder / f"{name}.file"
        path.write_text(text, encoding="utf-8")
        options += [f"--{name}", str(path)]
    return [*options, "--out", str(folder / "out.jsonl")]


def test_the_verb_gives_ids_back_as_they_were_and_needs_no_gates(tmp_path: Path) -> None:
    orders = json.dumps([{"trip": "T1", "order": 3, "units": [{"unit": 12, "epcs": ["30AA"]}, {"unit": "12"}]}])
    options = [*_files(tmp_path, orders=orders), "--gates", str(tmp_path / "none.jsonl"), "--json"]
    done = CliRunner().invoke(correlate, options)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["wrong"] == 0
    (line,) = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "session": 7, "trip": "T1", "matched": [], "short": [12, "12"], "over": [], "review": []
    }  # fmt: skip


def test_the_verb_names_wrong_lines_and_goes_on(tmp_path: Path) -> None:
    done = CliRunner().invoke(correlate, _files(tmp_path, reads="no\n" + json.dumps(GOOD) + "\n"))
    assert done.exit_code == 0
    assert "reads.file line 1: no JSON" in done.output and "1 reads" in done.output


def test_a_file_that_is_wrong_as_a_whole_ends_with_1_and_no_output(tmp_path: Path) -> None:
    done = CliRunner().invoke(correlate, _files(tmp_path, sessions="{}"))
    assert done.exit_code == 1 and "must be a JSON list" in done.output
    assert not (tmp_path / "out.jsonl").exists()
    assert CliRunner().invoke(correlate, []).exit_code == 2
