"""Where running boards are listed: pyserial never shows a PTY (docs/hil.md T16), so we keep our own list."""

import json
import os
import tempfile
from pathlib import Path


def runtime_folder() -> Path:
    """$XDG_RUNTIME_DIR/milepost, else $TMPDIR/milepost-<uid>; made with mode 0700."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        folder = Path(runtime) / "milepost"
    else:
        folder = Path(tempfile.gettempdir()) / f"milepost-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def publish(name: str, facts: dict[str, object]) -> Path:
    """Writes boards/<name>.json (tmp + rename) and returns its path."""
    folder = runtime_folder() / "boards"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(facts))
    fresh.replace(path)
    return path


def running() -> list[dict[str, object]]:
    """All boards whose supervisor lives; entries of dead ones are removed on the way."""
    boards: list[dict[str, object]] = []
    for path in sorted((runtime_folder() / "boards").glob("*.json")):
        try:
            facts = json.loads(path.read_text())
            os.kill(int(facts["supervisor_pid"]), 0)
        except (OSError, ValueError, KeyError):
            path.unlink(missing_ok=True)
            continue
        boards.append(facts)
    return boards


def taken(name: str) -> bool:
    """Whether a board of that name runs on this machine."""
    return any(facts.get("name") == name for facts in running())
