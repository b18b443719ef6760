"""`milepost telemetry setup`: safe to repeat, tokens in one place only."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from milepost.telemetry.influx_setup import set_up
from milepost.telemetry.verb import telemetry
from milepost_tools.bench.influxd import ADMIN, Influxd


def run(*args: str):
    return CliRunner().invoke(telemetry, ["setup", *args], env={"INFLUX_TOKEN": ADMIN})


def test_it_can_be_run_again_and_changes_only_what_differs(influxd: Influxd) -> None:
    url = influxd.url("again")
    first = set_up(url, ADMIN, raw_days=30, minute_days=400)
    assert len(first.done) == 4
    second = set_up(url, ADMIN, raw_days=30, minute_days=400)
    assert (second.done, second.write_token, second.read_token) == ([], first.write_token, first.read_token)
    third = set_up(url, ADMIN, raw_days=60, minute_days=400)
    assert third.done == ["bucket again: kept for 60 days, before 30 days"]
    renewed = set_up(url, ADMIN, raw_days=60, minute_days=400, renew=True)
    assert not {renewed.write_token, renewed.read_token} & {first.write_token, first.read_token}


def test_a_new_organisation_is_made(influxd: Influxd) -> None:
    url = f"influx://127.0.0.1:{influxd.port}/New%20Company?bucket=b"
    assert set_up(url, ADMIN, raw_days=1, minute_days=1).done[0] == "organisation New Company made"
    assert set_up(url, ADMIN, raw_days=1, minute_days=1).done == []


def test_the_file_of_settings_is_for_its_owner_alone(influxd: Influxd, tmp_path: Path) -> None:
    out = tmp_path / "influx.env"
    out.write_text("old")
    out.chmod(0o644)
    ran = run("--url", influxd.url("file"), "--out", str(out), "--json")
    assert ran.exit_code == 0, ran.output
    assert out.stat().st_mode & 0o777 == 0o600
    settings = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert settings["MILEPOST_TELEMETRY_URL"] == influxd.url("file")
    assert settings["MILEPOST_TELEMETRY_TOKEN"] not in ran.output  # they stand in one place
    assert json.loads(ran.stdout)["file"] == str(out)


def test_without_a_file_the_settings_are_printed(influxd: Influxd) -> None:
    ran = run("--url", influxd.url("printed"))
    names = [line.split("=")[0] for line in ran.stdout.splitlines()]
    assert names[:3] == ["MILEPOST_TELEMETRY_URL", "MILEPOST_TELEMETRY_TOKEN", "MILEPOST_TELEMETRY_READ_TOKEN"]


@pytest.mark.parametrize("url", ["http://x:1/org", "influx://x:1", "influx:///org", "influx://x/org?buckt=b"])
def test_a_url_that_is_none_is_a_mistake_of_usage(url: str) -> None:
    ran = run("--url", url)
    assert ran.exit_code == 2
    assert "influx://host:8086/ORG" in ran.output


def test_a_token_without_rights_is_told_so(influxd: Influxd) -> None:
    with pytest.raises(OSError, match="all-access token"):
        set_up(influxd.url("denied"), "nonsense", raw_days=1, minute_days=1)


def test_nobody_there(influxd: Influxd) -> None:
    with pytest.raises(OSError, match="cannot be reached"):
        set_up("influx://127.0.0.1:9/acme", ADMIN, raw_days=1, minute_days=1)


def test_retention_is_on(influxd: Influxd) -> None:
    place = set_up(influxd.url("kept"), ADMIN, raw_days=30, minute_days=400).place
    admin = httpx.Client(base_url=influxd.base_url, headers={"Authorization": f"Token {ADMIN}"})
    kept = {
        name: admin.get("/api/v2/buckets", params={"name": name}).json()["buckets"][0]["retentionRules"][0]
        for name in (place.bucket, place.minute_bucket)
    }
    admin.close()
    assert [each["everySeconds"] for each in kept.values()] == [30 * 86_400, 400 * 86_400]
