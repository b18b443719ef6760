"""A scene as the files that `milepost correlate` reads, with truth.json beside them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from milepost_tools.sim.dock.scene import Scene


def write(scene: Scene, folder: Path) -> dict[str, int]:
    """Write reads.jsonl, gates.jsonl, sessions.json, orders.json and truth.json; returns lines or entries of each.

    folder: is made when it is not there; files in it are written over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _lines(folder / "reads.jsonl", scene.reads)
    _lines(folder / "gates.jsonl", scene.gates)
    for name, value in (("sessions", scene.sessions), ("orders", scene.orders), ("truth", scene.truth)):
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {
        "reads": len(scene.reads),
        "gates": len(scene.gates),
        "sessions": len(scene.sessions),
        "orders": len(scene.orders),
        "passages": len(scene.truth["passages"]),
    }


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
