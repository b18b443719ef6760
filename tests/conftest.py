"""Fixtures that every part uses."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the third-party data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("MILEPOST_CORPUS", ROOT.parent / "shared" / "data"))
    if not (folder / "cases.jsonl").exists():
        pytest.skip(f"no third-party data in {folder}; set MILEPOST_CORPUS")
    return folder
