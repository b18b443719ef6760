"""Telegraf for the bench: what a company would put between its broker and InfluxDB instead of us."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

_VERSION = "1.37.2"
_TAGS = "custom,inputs.mqtt_consumer,outputs.influxdb_v2,parsers.influx,serializers.influx"
_BUILD_S = 900


class NoTelegraf(RuntimeError):
    """It is not here and cannot be built; the message says why."""


def telegraf() -> Path:
    """$MILEPOST_TELEGRAF, the one on the PATH, or 1.37.2 built from its Go module (half a minute once, kept in
    ${XDG_CACHE_HOME:-~/.cache}/milepost). Raises NoTelegraf."""
    if given := os.environ.get("MILEPOST_TELEGRAF"):
        return Path(given)
    if found := shutil.which("telegraf"):
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "milepost"
    built = cache / f"telegraf-{_VERSION}"
    if built.exists():
        return built
    if shutil.which("go") is None:
        raise NoTelegraf("no telegraf on the PATH, and no Go to build it; set MILEPOST_TELEGRAF")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "telegraf.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            _build(Path(folder))
            (Path(folder) / "telegraf").replace(built)
    return built


def _build(folder: Path) -> None:
    for name in ("go.mod", "go.sum"):
        (folder / name).write_bytes(files("milepost_tools.bench").joinpath("telegraf", name).read_bytes())
    words = ["nice", "-n", "10", "go", "build", "-mod=mod", "-tags", _TAGS, "-o", "telegraf"]
    words.append("github.com/influxdata/telegraf/cmd/telegraf")
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    except subprocess.TimeoutExpired:
        raise NoTelegraf(f"telegraf was not built within {_BUILD_S} s") from None
    if done.returncode:
        raise NoTelegraf(f"telegraf cannot be built: {done.stderr.strip()[-300:]}")
