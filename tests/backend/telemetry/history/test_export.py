"""`milepost export` and `milepost import`: what foreign readers find in the files, and the way back."""

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gpxpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from milepost.db import Database
from milepost.errors import Invalid
from milepost.ingest import completeness_rows as rows
from milepost.ingest.completeness import HOUR_MS, Hour, Stream
from milepost.settings import Settings
from milepost.telemetry.export_verb import export
from milepost.telemetry.flat import from_row, to_row
from milepost.telemetry.flat_files import readings_of_parquet
from milepost.telemetry.model import EventBody, GateBody, HealthBody, Judged, Reading, TagBody
from milepost.telemetry.restore_verb import import_
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.track_xml import gpx, kml
from milepost.telemetry.tracks import track_of

from .conftest import LAT, LON, T0, Fleet, drive, fix

SPAN = ("--from", "2026-05-03T09:20:00Z", "--to", "2026-05-03T10:20:00Z")
KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture
def filled(house: Fleet, store: SqliteTelemetry) -> Fleet:
    """Ten fixes, a silence, five more, one in quarantine."""
    bad = Judged(fix(T0 + 4_500, seq=90, lat=31.5), "spike")
    store.write([*drive(T0, 10), *drive(T0 + 1_800_000, 5, mps=0.0), bad], 1)
    return house


def run(verb: Any, settings: Settings, *args: Any) -> Result:
    result = CliRunner().invoke(verb, [*map(str, args), "--data", str(settings.data_dir)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_gpx_is_what_a_foreign_reader_takes_for_the_same_track(
    filled: Fleet, settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "day.gpx"
    said = run(export, settings, "tracks", "--vehicle", "沪 A·12345", *SPAN, "-o", out, "--json")
    assert json.loads(said.output)["rows"] == 16
    found = gpxpy.parse(out.read_text("utf-8"))
    (track,) = found.tracks
    assert track.name == "沪A12345"
    assert [len(segment.points) for segment in track.segments] == [10, 5]
    first = track.segments[0].points[0]
    assert first.time is not None
    assert (first.latitude, first.longitude, first.time.isoformat()) == (LAT, LON, "2026-05-03T09:20:00+00:00")
    assert [each.text for each in first.extensions[0]] == ["10.0", "90.0"]
    (bad,) = found.waypoints
    assert (bad.type, bad.description, bad.latitude) == ("quarantined", "spike", 31.5)


def test_kml_is_well_formed_with_longitude_first(filled: Fleet, settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "day.kml"
    run(export, settings, "tracks", "--vehicle", filled.vehicle, *SPAN, "-o", out)
    root = ElementTree.parse(out).getroot()
    assert root.tag == f"{KML}kml"
    placemarks = root.findall(f".//{KML}Placemark")
    lines = [each.find(f".//{KML}LineString/{KML}coordinates") for each in placemarks]
    texts = [line.text for line in lines if line is not None]
    places = [[tuple(map(float, place.split(","))) for place in (text or "").split()] for text in texts]
    assert [len(each) for each in places] == [10, 5]
    assert places[0][0] == (LON, LAT)
    assert placemarks[0].findtext(f".//{KML}begin") == "2026-05-03T09:20:00.000Z"
    assert [child.tag.removeprefix(KML) for child in placemarks[0]] == [
        "name",
        "TimeSpan",
        "LineString",
    ]  # schema's order


@pytest.mark.parametrize("writes", [gpx, kml])
def test_names_that_are_markup_or_no_characters_of_xml_stay_text(store: SqliteTelemetry, writes: Any) -> None:
    """W01."""
    store.write(drive(T0, 3), 1)
    track = track_of(store, [("gps-1", T0, T0 + 60_000)], 10)
    text = "".join(writes(track, "<img src=x&\x01>]]>"))
    assert "<img src=x&\N{REPLACEMENT CHARACTER}>]]>" in "".join(ElementTree.fromstring(text.encode()).itertext())


def test_tracks_as_csv_geojson_and_parquet_hold_the_same_fixes(
    filled: Fleet, settings: Settings, tmp_path: Path
) -> None:
    files = {kind: tmp_path / f"day.{kind}" for kind in ("csv", "geojson", "parquet")}
    for out in files.values():
        run(export, settings, "tracks", "--device", "gps-1", *SPAN, "--tz", "Asia/Shanghai", "-o", out)
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text("utf-8"), newline="")))
    table = pq.read_table(files["parquet"])
    whole = json.loads(files["geojson"].read_text("utf-8"))
    good = [row for row in rows if row["quality"] == "good"]
    assert len(good) == 15
    assert good[0]["time"] == "2026-05-03T17:20:00.000+08:00"
    assert [float(row["lon"]) for row in good] == pytest.approx([r["lon"] for r in table.to_pylist() if r["piece"]])
    assert table.column("at")[0].as_py().isoformat() == "2026-05-03T09:20:00+00:00"
    times = [time for each in whole["features"][:2] for time in each["properties"]["times"]]
    assert times == [row["time"] for row in good]
    assert table.filter(table["quality"].is_valid()).column("quality").to_pylist() == ["spike"]


def everything(device: str) -> list[Judged]:
    """One reading of each kind, and fixes good and bad."""
    at = T0
    bodies = [
        ("tag", TagBody("3036", 0x3000, 1, -40.0, -50.5, -45.0, None, 1.25, 3, at + 9, 3)),
        ("gate", GateBody("inner", True, 250)),
        ("event", EventBody("gap", {"first_seq": 21, "last_seq": 28, "文": "=1+1"})),
        ("health", HealthBody({"uptime_s": 5})),
    ]
    others = [
        Judged(Reading(device, 1, n, kind, at + n, "ntp", at + n + 9, body)) for n, (kind, body) in enumerate(bodies)
    ]
    nothing = {"speed_mps": None, "course_deg": None}
    return [
        *others,
        Judged(fix(at + 10, device, seq=10, alt_m=4.5, sats=11, hdop=0.7)),
        Judged(fix(at + 11, device, seq=11, **nothing)),
        Judged(fix(at + 12, device, seq=12, lat=32.5), "spike"),
    ]


@pytest.fixture
def emptied(settings: Settings) -> Iterator[SqliteTelemetry]:
    """A store in a data folder of its own, for what comes back."""
    folder = settings.data_dir / "other"
    store = SqliteTelemetry(folder / "telemetry.db")
    yield store
    store.close()


def held(store: SqliteTelemetry, device: str) -> list[Judged]:
    return store.judged(device, 0, 2**50)[0]


def test_readings_come_back_as_they_were_and_a_second_time_changes_nothing(
    house: Fleet, store: SqliteTelemetry, emptied: SqliteTelemetry, settings: Settings, tmp_path: Path
) -> None:
    store.write([*everything("gps-1"), *everything("gps-2")], 1)
    out = tmp_path / "all.parquet"
    span = ("--from", "2026-05-03", "--to", "2026-05-04")
    said = json.loads(run(export, settings, "readings", "--all", *span, "-o", out, "--json").output)
    assert (said["rows"], said["devices"]) == (14, ["gps-1", "gps-2"])
    other = Settings(data_dir=settings.data_dir / "other")  # pyright: ignore[reportCallIssue]
    for _ in range(2):
        told = json.loads(run(import_, other, "readings", out, "--json").output)
        assert told["readings"] == 14
        for device in ("gps-1", "gps-2"):
            assert held(emptied, device) == held(store, device)
            assert len(held(emptied, device)) == 7


def test_readings_as_csv_have_every_kind_and_nothing_that_runs(
    house: Fleet, store: SqliteTelemetry, settings: Settings, tmp_path: Path
) -> None:
    store.write(everything("gps-1"), 1)
    out = tmp_path / "all.csv"
    run(export, settings, "readings", "--device", "gps-1", *SPAN, "-o", out)
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8"), newline="")))
    assert [row["kind"] for row in rows] == ["tag", "gate", "event", "health", "fix", "fix", "fix"]
    assert json.loads(rows[2]["body"])["args"]["文"] == "=1+1"
    assert (rows[4]["sats"], rows[5]["speed_mps"], rows[6]["quality"]) == ("11", "", "spike")
    run(export, settings, "readings", "--device", "gps-1", *SPAN, "--kind", "tag", "-o", out)
    assert len(out.read_text("utf-8").splitlines()) == 2


def test_completeness_by_the_hour(house: Fleet, db: Database, settings: Settings, tmp_path: Path) -> None:
    there = ((1, 6), (8, 20))
    hour = Hour(there, there, T0 + 1000, T0 + 20_000)
    with db.tx() as conn:
        stream = Stream(placed=there, tail=21, begin=1)
        rows.merge(conn, {("gps-1", 1): stream}, {("gps-1", 1, T0 // HOUR_MS * HOUR_MS): hour}, T0)
    out = tmp_path / "whole.csv"
    run(export, settings, "completeness", "--device", "gps-1", *SPAN, "-o", out)
    head, first = out.read_text("utf-8").splitlines()
    assert head == "device,hour,received,missing,dropped,late,unreadable,pending,verdict"
    assert first == "gps-1,2026-05-03T09:00:00.000Z,19,1,0,0,0,0,incomplete"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(200) + b"PAR1", b"time,lat\r\n"])
def test_a_file_that_is_no_export_is_refused_with_its_reason(
    settings: Settings, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(content)
    with pytest.raises(Exception, match=r"x\.parquet.*export readings"):
        run(import_, settings, "readings", file)


def test_a_table_of_other_columns_or_of_nonsense_is_refused(
    filled: Fleet, store: SqliteTelemetry, settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    run(export, settings, "tracks", "--device", "gps-1", *SPAN, "-o", out)
    with pytest.raises(Exception, match="lacks the columns"):
        run(import_, settings, "readings", out)
    run(export, settings, "readings", "--device", "gps-1", *SPAN, "-o", out)
    table = pq.read_table(out)
    for column, value in (
        ("kind", "moon"),
        ("clock", "sun"),
        ("device", None),
        ("stream", 0),
        ("seq", 2**31),
        ("lat", 1e9),
    ):
        place = table.schema.get_field_index(column)
        other = pa.array([value] * len(table), table.schema.field(place).type)
        pq.write_table(table.set_column(place, column, other), tmp_path / "bad.parquet")
        with pytest.raises(Exception, match=r"reading .*export readings"):
            run(import_, settings, "readings", tmp_path / "bad.parquet")


def test_what_is_asked_wrongly_is_usage_and_leaves_no_file(filled: Fleet, settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    for args in (
        ("tracks", "--device", "gps-1", "-o", tmp_path / "x.pdf"),
        ("readings", "--device", "gps-1", "-o", tmp_path / "x.gpx"),
        ("tracks", "-o", out),
        ("tracks", "--device", "gps-1", "--all", "-o", out),
        ("tracks", "--device", "gps-1", "-o", tmp_path / "no" / "x.csv"),
    ):
        assert run(export, settings, *args).exit_code == 2, args
    with pytest.raises(Exception, match="neither as plate nor as id"):
        run(export, settings, "tracks", "--vehicle", "京A00000", "-o", out)
    with pytest.raises(Exception, match="from must lie before to"):
        run(export, settings, "tracks", "--device", "gps-1", "--from", "2026-05-04", "--to", "2026-05-03", "-o", out)
    assert not out.exists()
    assert not list(tmp_path.glob(".x*"))


def test_a_damaged_byte_of_an_export_is_refused_or_changes_nothing(
    house: Fleet, store: SqliteTelemetry, settings: Settings, tmp_path: Path
) -> None:
    store.write(everything("gps-1"), 1)
    out, bad = tmp_path / "all.parquet", tmp_path / "bad.parquet"
    run(export, settings, "readings", "--device", "gps-1", *SPAN, "-o", out)
    whole = out.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    luck = random.Random(7)
    refused = 0
    for _ in range(150):
        at = luck.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ 1 << luck.randrange(8)]) + whole[at + 1 :]
        damaged = whole[:at] if luck.random() < 0.3 else flipped
        bad.write_bytes(damaged)
        try:
            for batch in readings_of_parquet(bad):
                # The pages carry checksums, so nothing that is altered passes for a reading.
                assert batch == everything("gps-1") or at >= footer
        except Invalid:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", 256), ("source", -1), ("source", None), ("lat", 2_000.0), ("clock", "sundial"), ("stream", 0),
     ("seq", -1), ("seq", None), ("at", None), ("kind", "rumour")],
)  # fmt: skip
def test_a_row_that_somebody_has_edited_into_nonsense_is_refused_by_its_name(name: str, value: object) -> None:
    row = to_row(everything("gps-1")[-1])
    assert from_row(row) == everything("gps-1")[-1]
    with pytest.raises(Invalid, match="reading gps-1/"):
        from_row({**row, name: value})
