"""Let `milepost correlate` judge a day of files, and score what it says."""

import subprocess
import sys
from pathlib import Path

from milepost_tools.sim.otherdock.score import Tally, score


def judge(folder: Path, *, plain: bool = False) -> Tally:
    """Judge a day's folder by a process of its own and score it.

    folder: as `lines.write` made it; decisions.jsonl is written into it. plain: without the trained model.
    Raises RuntimeError with the process's words when it fails.
    """
    decisions = folder / "decisions.jsonl"
    files = {
        "--reads": folder / "reads.jsonl",
        "--gates": folder / "gates.jsonl",
        "--sessions": folder / "sessions.json",
        "--orders": folder / "orders.json",
        "--out": decisions,
    }
    arguments = [str(part) for pair in files.items() for part in pair]
    command = [sys.executable, "-c", "from milepost.cli import main; main()", "correlate", "--json", *arguments]
    command += ["--plain"] if plain else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: correlate ended with {done.returncode}: {done.stderr[-2000:]}")
    return score(folder, decisions)
