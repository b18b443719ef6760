"""Every receiver log of gpsd through the firmware's NMEA parser, under MicroPython.

gpsd's `.chk` beside each log echoes the sentences and, between them, what gpsd made of them (TPV). Rule:
each fix the parser emits has TPVs of exactly its time, and all of them lie within half a quantum (1e-6
deg) of it. Where gpsd printed no position of that instant, the case stands in SILENT with its reason, and
the fix is held against the sentence itself, read by other means. No file is left out.
"""

import json
import tarfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from milepost_tools.device_python import run_script

pytestmark = pytest.mark.corpus

_HALF = 0.5 + 1e-3  # 1e-6 deg; gpsd prints nine decimals
_CUT = "the log ends (or a second recording begins) before gpsd's cycle of this instant closes"
_DATELESS = "gpsd printed this position without a time: it did not know the date or the cycle yet"
_LEARNING = "gpsd had not learnt yet which sentence ends the receiver's cycle"
_GLL_AHEAD = (
    "this Garmin's GLL is stamped later than its RMC and GGA (gpsd's own note in the log), so gpsd "
    "reports the GLL's instant instead"
)

SILENT: dict[tuple[str, str], str] = {
    ("ac12_binary.log", "18:35:30.000"): _LEARNING,
    ("ait250.log", "19:49:40.000"): _CUT,
    ("beidou-gb.log", "05:32:32.438"): _DATELESS,
    ("bn-9015.log", "17:10:02.972"): _DATELESS,
    ("bt451.log", "15:25:08.500"): _CUT,
    ("bt451.log", "14:33:08.500"): _CUT,
    ("foretrex-201.log", "20:00:16.000"): _CUT,
    ("garmin48.log", "22:53:10.000"): _GLL_AHEAD,
    ("garmin48.log", "22:53:12.000"): _GLL_AHEAD,
    ("garmin48.log", "22:53:14.000"): _GLL_AHEAD,
    ("garmin48.log", "22:53:16.000"): _GLL_AHEAD,
    ("garmin48.log", "22:53:18.000"): _GLL_AHEAD,
    ("garmin48.log", "22:53:34.000"): _GLL_AHEAD,
    ("gp-320fw-2019-03-28.log", "16:45:19.990"): _LEARNING,
    ("gp-320fw-2019-04-07-coldboot.log", "00:03:43.030"): _DATELESS,
    ("isync.log", "13:15:30.000"): _CUT,
    ("mr-350p.log", "05:11:33.000"): _DATELESS,
    ("mtk-3301.log", "08:14:36.000"): _DATELESS,
    ("myguide-3100.log", "10:50:29.800"): _DATELESS,
    ("quectel-l76k-nmea.log", "05:53:04.000"): _CUT,
    ("rgm3800.log", "10:25:23.342"): _DATELESS,
    ("tn204.log", "23:01:49.000"): _LEARNING,
    ("tr737A+.log", "07:17:36.000"): _DATELESS,
    ("ublox-lea-4h.log", "03:15:18.000"): _CUT,
    ("ublox-lea-5h.log", "08:37:36.000"): _CUT,
    ("ublox-zed-f9r.log", "23:14:08.000"): _LEARNING,
}


class Log(NamedTuple):
    epochs: list[dict]
    counts: dict
    tpvs: list[dict]
    sentences: list[list[str]]


@pytest.fixture(scope="module")
def logs(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Log]:
    folder = tmp_path_factory.mktemp("gpsd")
    with tarfile.open(corpus / "gpsd-nmea.tar.xz") as archive:
        if hasattr(tarfile, "data_filter"):  # Debian 12's Python 3.11.2 has none yet
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    paths = sorted(folder.rglob("*.log"))
    printed = run_script(Path(__file__).parent / "gpsd_device.py", [str(path) for path in paths], heap="64M")
    result: dict[str, Log] = {}
    epochs: list[dict] = []
    for line in printed.splitlines():
        item = json.loads(line)
        if "log" not in item:
            epochs.append(item)
            continue
        path = Path(item["log"])
        lines = path.with_suffix(".log.chk").read_text("utf-8", "replace").splitlines()
        tpvs = [json.loads(text) for text in lines if text.startswith('{"class":"TPV"')]
        sentences = [text.split(",") for text in lines if text[3:6] in {"RMC", "GGA"} and text[0] == "$"]
        result[path.name] = Log(epochs, item, tpvs, sentences)
        epochs = []
    return result


def _fixes(log: Log) -> list[dict]:
    return [epoch for epoch in log.epochs if epoch["valid"]]


def _positions_by_time(log: Log) -> dict[str, list[dict]]:
    by_time = defaultdict(list)
    for tpv in log.tpvs:
        if tpv["mode"] >= 2 and "lat" in tpv and "time" in tpv:
            by_time[tpv["time"][11:23]].append(tpv)
    return by_time


def _off_e6(epoch: dict, tpv: dict) -> float:
    return max(abs(tpv["lat"] * 1e6 - epoch["lat_e6"]), abs(tpv["lon"] * 1e6 - epoch["lon_e6"]))


def test_every_log_is_read(logs: dict[str, Log]):
    assert len(logs) == 59
    fixes = {name: len(_fixes(log)) for name, log in logs.items()}
    assert sum(fixes.values()) == 1368
    # those without one: void all through, no RMC or GGA inside, or binary with other sentences only
    assert [name for name, count in fixes.items() if not count] == [
        "GPSmap-76S.log",
        "eXplorist110.log",
        "hp58534a.log",
        "quectel-l76k-binary.log",
        "tn200-all.log",
        "ublox-neo-m8l.log",
    ]


def test_each_fix_agrees_with_gpsd(logs: dict[str, Log]):
    unexplained = []
    silent = set()
    for name, log in logs.items():
        by_time = _positions_by_time(log)
        for epoch in _fixes(log):
            tpvs = by_time.get(epoch["time"])
            if tpvs is None:
                silent.add((name, epoch["time"]))
                continue
            for tpv in tpvs:
                if _off_e6(epoch, tpv) > _HALF:
                    unexplained.append((name, epoch["time"], _off_e6(epoch, tpv)))
                if epoch["date"] and tpv["time"][:10] != epoch["date"]:
                    unexplained.append((name, epoch["time"], epoch["date"], tpv["time"]))
    assert not unexplained
    assert silent == set(SILENT)


# gpsd took the height from the receiver's own $PASHR,PBN; the GGA of the same instant says 072.35
OTHER_HEIGHT = {("ac12_binary.log", f"18:35:{second}.000") for second in (31, 32, 33, 34)}


def test_each_silent_case_is_what_the_sentence_says(logs: dict[str, Log]):
    for (name, time), reason in SILENT.items():
        log = logs[name]
        epoch = next(e for e in _fixes(log) if e["time"] == time)
        lat, lon = _read(log, time)
        assert abs(lat * 1_000_000 - epoch["lat_e6"]) <= Decimal("0.5"), (name, time)
        assert abs(lon * 1_000_000 - epoch["lon_e6"]) <= Decimal("0.5"), (name, time)
        if reason == _DATELESS:
            dateless = [tpv for tpv in log.tpvs if "time" not in tpv and "lat" in tpv]
            # the receiver moves less than 30 m between gpsd's dateless output and the first dated fix
            assert min(_off_e6(epoch, tpv) for tpv in dateless) < 300, (name, time)


def _read(log: Log, time: str) -> tuple[Decimal, Decimal]:
    """Read the position of the sentence of `time` with exact decimals: another way than the parser's."""
    for fields in log.sentences:
        at = 3 if fields[0].endswith("RMC") else 2
        stamp, _, fraction = fields[1].partition(".")
        if f"{stamp[:2]}:{stamp[2:4]}:{stamp[4:6]}.{(fraction + '000')[:3]}" == time:
            values = []
            for text, side, back in (
                (fields[at], fields[at + 1], "S"),
                (fields[at + 2], fields[at + 3], "W"),
            ):
                whole = Decimal(text) // 100
                value = whole + (Decimal(text) - whole * 100) / 60
                values.append(-value if side == back else value)
            return values[0], values[1]
    raise AssertionError(f"no sentence of {time}")


def test_speed_course_and_height_agree_too(logs: dict[str, Log]):
    """The TPV that closes an instant carries them; a quantum is 0.1 m/s, 2 deg, 1 m."""
    compared = dict.fromkeys(("speed", "track", "altMSL"), 0)
    wrong = []
    for name, log in logs.items():
        by_time = _positions_by_time(log)
        for epoch in _fixes(log):
            tpvs = by_time.get(epoch["time"], [])
            for key, field, scale, half in (
                ("speed", "speed_dmps", 10, 0.5),
                ("track", "course_2deg", 0.5, 0.5),
                ("altMSL", "alt_m", 1, 0.5),
            ):
                values = [tpv[key] * scale for tpv in tpvs if key in tpv]
                if epoch[field] is None or not values:
                    continue
                compared[key] += 1
                turn = 180 if key == "track" else 10**9
                apart = min(min(abs(v - epoch[field]), turn - abs(v - epoch[field])) for v in values)
                if apart > half + 0.01 and not (key == "altMSL" and (name, epoch["time"]) in OTHER_HEIGHT):
                    wrong.append((name, epoch["time"], key, values, epoch[field]))
    assert not wrong, (len(wrong), compared, wrong[:20])
    assert min(compared.values()) > 400, compared
