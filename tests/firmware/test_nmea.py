"""The NMEA parser, run under MicroPython: what a receiver says becomes one epoch an instant, or nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

Feed = Callable[..., dict[str, Any]]
FeedMany = Callable[[list[list[bytes]]], list[dict[str, Any]]]


def line(body: str, lower: bool = False) -> bytes:
    """Return the sentence of a body: $, checksum, line end."""
    total = reduce(lambda a, b: a ^ b, body.encode())
    return f"${body}*{total:02x}\r\n".encode() if lower else f"${body}*{total:02X}\r\n".encode()


def rmc(t: str = "040506.00", talker: str = "GN", **change: str) -> bytes:
    fields = {"status": "A", "lat": "3113.82400", "ns": "N", "lon": "12128.42200", "ew": "E", "speed": "12.000",
              "course": "90.00", "date": "020326", "mode": "A"} | change  # fmt: skip
    text = "{status},{lat},{ns},{lon},{ew},{speed},{course},{date},,,{mode}".format(**fields)
    return line(f"{talker}RMC,{t},{text}")


def gga(t: str = "040506.00", talker: str = "GN", **change: str) -> bytes:
    fields = {"lat": "3113.82400", "ns": "N", "lon": "12128.42200", "ew": "E", "quality": "1", "sats": "09",
              "hdop": "0.9", "alt": "12.3"} | change  # fmt: skip
    text = "{lat},{ns},{lon},{ew},{quality},{sats},{hdop},{alt},M,8.1,M,,".format(**fields)
    return line(f"{talker}GGA,{t},{text}")


@pytest.fixture
def feed_many(device_run: Callable, tmp_path: Path) -> FeedMany:
    """Feed each list of pieces to a parser of its own; a piece b"" is silence."""

    def run(cases: list[list[bytes]], build_t: int | None = None) -> list[dict[str, Any]]:
        file = tmp_path / "cases"
        lines = [json.dumps({"pieces": [p.hex() for p in pieces], "build_t": build_t}) for pieces in cases]
        file.write_text("\n".join(lines))
        return [json.loads(text) for text in device_run("nmea_feed.py", [str(file)])]

    return run


@pytest.fixture
def feed(feed_many: Callable) -> Feed:
    """Feed bytes to one parser, silence at the end, and return its epochs and counters."""

    def run(*pieces: bytes, build_t: int | None = None) -> dict[str, Any]:
        return feed_many([[*pieces, b""]], build_t)[0]

    return run


def fixes(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [epoch for epoch in result["epochs"] if epoch["valid"]]


def the_fix(result: dict[str, Any]) -> dict[str, Any]:
    assert len(fixes(result)) == 1, result
    return fixes(result)[0]


# --- cases from the field ------------------------------------------------------------------------

_2020 = datetime(2020, 1, 1, tzinfo=UTC)
_BUILT_2026 = int((datetime(2026, 1, 1, tzinfo=UTC) - _2020).total_seconds())
_MARCH_2_040506 = int((datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC) - _2020).total_seconds())


def test_G01_date_one_rollover_behind_is_repaired_and_flagged(feed: Feed):
    lines = b"".join(
        gga(f"04050{6 + i}.00" if i < 4 else "040510.00", speed="0.120")
        + rmc(f"04050{6 + i}.00" if i < 4 else "040510.00", date="170706", course="", speed="0.120")
        for i in range(5)
    )
    told = fixes(feed(lines, build_t=_BUILT_2026))
    assert [(e["verdict"], e["t"], e["ms"]) for e in told] == [(1, _MARCH_2_040506 + i, 0) for i in range(5)]


def test_G03_valid_fix_with_an_empty_course(feed: Feed):
    moving = gga("040505.00", talker="BD") + rmc("040505.00", talker="BD", course="77.0")
    standing = gga(talker="BD") + rmc(talker="BD", course="", speed="0.120")
    before, fix = fixes(feed(moving + standing))
    assert before["course_2deg"] == 39  # 78 deg: the nearest step
    assert fix["course_2deg"] is None
    assert fix["speed_dmps"] == 1  # 0.0617 m/s in steps of 0.1


def test_G05_longitude_without_leading_zeros(feed: Feed):
    sent = {"lat": "5100.00000", "lon": "130.00000", "ew": "W"}
    fix = the_fix(feed(gga(talker="GP", **sent) + rmc(talker="GP", **sent)))
    assert (fix["lat_e6"], fix["lon_e6"]) == (51_000_000, -1_500_000)


def test_G07_86_characters_and_a_lower_case_checksum(feed: Feed):
    told = feed(
        b"$GBGGA,040506.00,3113.8241234,N,12128.4221234,E,4,13,0.9,200.747,M,-32.00,M,01,0000*6e\r\n"
        b"$GBRMC,040506.00,A,3113.8241234,N,12128.4221234,E,0.10,,020326,,,R*40\r\n"
    )
    fix = the_fix(told)
    assert (fix["lat_e6"], fix["lon_e6"], fix["quality"]) == (31_230_402, 121_473_702, 4)


def test_G12_bytes_lost_between_two_sentences(feed: Feed):
    torn = rmc()[:-4] + line("GNVTG,,T,,M,0.120,N,0.222,K,A")  # checksum and line end of the RMC are lost
    told = feed(gga() + torn + gga("040507.00") + rmc("040507.00"), build_t=_BUILT_2026)
    first, second = fixes(told)
    assert not first["rmc"]
    assert first["verdict"] == 3  # a lone GGA has no date: no trusted time comes of it
    assert (second["verdict"], second["t"]) == (0, _MARCH_2_040506 + 1)
    assert told["counts"] == {"good": 4, "bad_sum": 0, "torn": 1, "refused": 0, "again": 0}


# --- one epoch an instant ------------------------------------------------------------------------


def test_rmc_and_gga_of_an_instant_make_one_fix(feed_many: FeedMany):
    both = feed_many([[rmc() + gga()], [gga() + rmc()]])
    for told in both:
        fix = the_fix(told)  # told at once, without waiting for the next instant
        del fix["valid"]
        assert fix == {
            "tod_ms": 14_706_000, "rmc": True, "gga": True, "year": 2026, "month": 3, "day": 2, "quality": 1,
            "lat_e6": 31_230_400, "lon_e6": 121_473_700, "alt_m": 12, "speed_dmps": 62, "course_2deg": 45,
            "sats": 9, "hdop_d": 9,
        }  # fmt: skip


def test_any_cut_of_the_bytes_gives_the_same(feed_many: FeedMany):
    data = b"\x00\xff$GPGS" + gga() + rmc() + b"$GNRMC,0405" + gga("040507.00") + rmc("040507.00")
    whole, *cut = feed_many(
        [[data, b""]]
        + [[data[:at], data[at:], b""] for at in range(1, len(data))]
        + [[*(data[i : i + 1] for i in range(len(data))), b""]]
    )
    assert len(fixes(whole)) == 2
    assert all(told == whole for told in cut)


def test_rmc_alone_is_told_by_the_next_instant_or_by_silence(feed_many: FeedMany):
    waiting, next_one, silent = feed_many([[rmc()], [rmc() + rmc("040507.00")], [rmc(), b""]])
    assert waiting["epochs"] == []
    assert [e["tod_ms"] for e in next_one["epochs"]] == [14_706_000]
    assert [e["tod_ms"] for e in silent["epochs"]] == [14_706_000]
    assert the_fix(silent)["sats"] is None


def test_gga_alone_is_a_fix_without_date_speed_and_course(feed: Feed):
    fix = the_fix(feed(gga()))
    assert (fix["year"], fix["speed_dmps"], fix["course_2deg"], fix["alt_m"]) == (0, None, None, 12)


def test_a_lone_gga_that_claims_a_fix_from_no_satellite_is_none(feed: Feed):
    assert fixes(feed(gga(sats="00"))) == []
    assert fixes(feed(gga(sats="00", quality="6")))  # dead reckoning needs none
    assert fixes(feed(gga(sats="00") + rmc()))  # some receivers never count them; the RMC vouches


def test_an_instant_told_twice_is_one_fix(feed: Feed):
    told = feed(gga() + rmc() + gga() + rmc() + gga("040507.00") + gga("040507.00") + rmc("040507.00"))
    assert [e["tod_ms"] for e in fixes(told)] == [14_706_000, 14_707_000]
    assert told["counts"]["again"] == 3


def test_what_one_instant_knew_does_not_reach_into_the_next(feed: Feed):
    _, second = fixes(feed(gga() + rmc() + rmc("040507.00", speed="", course="")))
    unknown = ("alt_m", "speed_dmps", "course_2deg", "sats", "hdop_d")
    assert [second[name] for name in unknown] == [None] * 5


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "GB", "BD", "GQ", "QZ", "IN"])
def test_any_talker(feed: Feed, talker: str):
    assert the_fix(feed(gga(talker=talker) + rmc(talker=talker)))


def test_the_vendors_own_sentences_are_no_rmc(feed: Feed):
    """$PGRMC is a Garmin setting: a talker never begins with P."""
    told = feed(line("PGRMC,040506.00,A,3113.82400,N,12128.42200,E,12.000,90.00,020326,,,A"))
    assert told["epochs"] == []
    assert told["counts"]["good"] == 1


# --- no fix --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        rmc(status="V") + gga(quality="0"),
        rmc(status="V") + gga(),
        rmc() + gga(quality="0"),
        rmc(mode="N") + gga(),
        rmc(status="V", lat="", ns="", lon="", ew="", speed="", course=""),
    ],
    ids=["both say no", "RMC says no", "GGA says no", "mode N", "void and empty"],
)
def test_no_fix_when_one_of_them_says_no(feed: Feed, sent: bytes):
    told = feed(sent)
    assert [(e["valid"], e["lat_e6"], e["alt_m"], e["speed_dmps"]) for e in told["epochs"]] == [
        (False, None, None, None)
    ]
    assert told["counts"]["refused"] == 0


def test_a_cold_receiver_without_time_tells_nothing(feed: Feed):
    told = feed(line("GNRMC,,V,,,,,,,,,,N") + line("GNGGA,,,,,,0,00,99.99,,,,,,"))
    assert told["epochs"] == []
    assert told["counts"] == {"good": 2, "bad_sum": 0, "torn": 0, "refused": 0, "again": 0}


def test_rmc_and_gga_that_contradict_each_other_make_no_fix(feed: Feed):
    told = feed(gga(lat="3114.82400") + rmc())
    assert fixes(told) == []
    assert told["counts"]["refused"] == 1
    assert fixes(feed(gga(lat="3113.824") + rmc(lat="3113.82413")))  # fewer digits are no contradiction


# --- every field is checked, all or nothing ------------------------------------------------------

BAD_RMC = {
    "latitude 91": {"lat": "9100.00000"},
    "latitude 90 and a bit": {"lat": "9000.00100"},
    "minutes 60": {"lat": "3160.00000"},
    "longitude 181": {"lon": "18100.00000"},
    "six digits before the point": {"lon": "112128.42200"},
    "two points": {"lat": "31.13.82400"},
    "letters": {"lat": "31I3.82400"},
    "no latitude": {"lat": ""},
    "hemisphere X": {"ns": "X"},
    "no hemisphere": {"ew": ""},
    "two hemispheres": {"ns": "NS"},
    "north and south exchanged with east": {"ns": "E"},
    "negative speed": {"speed": "-1.0"},
    "speed beyond 1000 kn": {"speed": "1000.001"},
    "speed 1e3": {"speed": "1e3"},
    "course 361": {"course": "361"},
    "negative course": {"course": "-10.0"},
    "32nd of March": {"date": "320326"},
    "day 0": {"date": "000326"},
    "month 13": {"date": "021326"},
    "30th of February": {"date": "300224"},
    "29th of February without a leap year": {"date": "290226"},
    "date of five digits": {"date": "20326"},
    "status X": {"status": "X"},
    "no status": {"status": ""},
}
BAD_GGA = {
    "latitude 91": {"lat": "9100.00000"},
    "longitude 181": {"lon": "18100.00000"},
    "quality 10": {"quality": "10"},
    "quality -1": {"quality": "-1"},
    "quality A": {"quality": "A"},
    "300 satellites": {"sats": "300"},
    "satellites x": {"sats": "x"},
    "negative hdop": {"hdop": "-0.9"},
    "height beyond 60 km": {"alt": "60001"},
    "height under the sea": {"alt": "-2001"},
    "height of dashes": {"alt": "--5"},
    "a lone minus": {"alt": "-"},
    "a very long number": {"alt": "0000000000012.3"},
}
BAD_TIMES = ["240506.00", "046006.00", "040560.00", "235961", "04050", "0405061", "040506.0a", "-40506.00", "0405 6"]


@pytest.mark.parametrize("change", BAD_RMC.values(), ids=BAD_RMC.keys())
def test_an_impossible_rmc_changes_nothing(feed: Feed, change: dict[str, str]):
    told = feed(gga() + rmc(**change))
    fix = the_fix(told)
    assert (fix["rmc"], fix["year"], fix["speed_dmps"], fix["lat_e6"]) == (False, 0, None, 31_230_400)
    assert told["counts"]["refused"] == 1


@pytest.mark.parametrize("change", BAD_GGA.values(), ids=BAD_GGA.keys())
def test_an_impossible_gga_changes_nothing(feed: Feed, change: dict[str, str]):
    told = feed(rmc() + gga(**change))
    fix = the_fix(told)
    assert (fix["gga"], fix["sats"], fix["hdop_d"], fix["alt_m"]) == (False, None, None, None)
    assert told["counts"]["refused"] == 1


@pytest.mark.parametrize("t", BAD_TIMES)
def test_an_impossible_time_is_refused(feed: Feed, t: str):
    told = feed(rmc(t) + gga(t))
    assert told["epochs"] == []
    assert told["counts"]["refused"] == 2


def test_a_leap_second_is_a_time(feed: Feed):
    assert the_fix(feed(rmc("235960.00") + gga("235960.00")))["tod_ms"] == 86_400_000


def test_corners_that_are_right(feed_many: FeedMany):
    told = feed_many(
        [
            [rmc(lat="9000.00000", lon="18000.00000", course="360.0", speed="0"), b""],
            [rmc(lat="0000.00000", ns="S", lon="00000.00000", ew="W", course="359.0"), b""],
            [rmc(lat="3113.8240", lon="2128.4", date="290224", speed="1000"), b""],
            [gga(hdop="99.99", alt="-431.4", sats="0012"), b""],
            [gga(hdop="", alt="", sats=""), b""],
            [gga(hdop="0.0"), b""],
        ]
    )
    pole, zero, leap, low, empty, no_hdop = (the_fix(one) for one in told)
    assert (pole["lat_e6"], pole["lon_e6"], pole["course_2deg"], pole["speed_dmps"]) == (90000000, 180000000, 0, 0)
    assert (zero["lat_e6"], zero["lon_e6"], zero["course_2deg"]) == (0, 0, 0)
    assert (leap["day"], leap["lon_e6"], leap["speed_dmps"]) == (29, 21_473_333, 5144)
    assert (low["hdop_d"], low["alt_m"], low["sats"]) == (999, -431, 12)
    assert (empty["hdop_d"], empty["alt_m"], empty["sats"]) == (None, None, None)
    assert no_hdop["hdop_d"] is None


# --- damaged bytes -------------------------------------------------------------------------------


def test_damage_is_counted_by_kind(feed_many: FeedMany):
    good = gga() + rmc()
    wrong = rmc().replace(b"*", b"*0", 1)[:-3] + b"\r\n"
    cases = {
        "another checksum": (wrong, {"bad_sum": 1}),
        "checksum is no number": (b"$GNRMC,1*G0\r\n", {"torn": 1}),
        "line end instead of a checksum": (b"$GNRMC,040506.00,A\r\n", {"torn": 1}),
        "a byte over 126": (b"$GNRMC,04\xff0506\r\n", {"torn": 1}),
        "too long": (b"$GN" + b"R" * 300 + b"*00\r\n", {"torn": 1}),
        "only noise": (bytes(range(37, 256)) * 3, {}),
        "no field": (line("GN"), {"good": 1}),
        "64 fields": (line("GNRMC" + "," * 64), {"good": 1}),
        "dollar upon dollar": (b"$$$", {"torn": 3}),
    }
    results = feed_many([[junk + good, b""] for junk, _ in cases.values()])
    for (name, (_, expected)), told in zip(cases.items(), results, strict=True):
        assert the_fix(told)["lat_e6"] == 31_230_400, name
        counts = {"good": 2, "bad_sum": 0, "torn": 0, "refused": 0, "again": 0}
        for kind, number in expected.items():
            counts[kind] += number
        assert told["counts"] == counts, name
