"""Who judges the measures: the trained trees where a file of them is given, else the plain model."""

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from milepost.evidence.dock import plain
from milepost.evidence.dock.case import CLOSE_NAMES
from milepost.evidence.dock.look import NAMES
from milepost.evidence.dock.trees import Trees, chance

MODEL_FILE = "dock-model.json.gz"


class Scorer:
    """Chances for the first look, the late look and the close. Without `data` the plain model judges alone."""

    def __init__(self, data: dict[str, Any] | None = None) -> None:
        if data is not None and (data["look_names"], data["close_names"]) != (list(NAMES), list(CLOSE_NAMES)):
            raise ValueError(f"{MODEL_FILE} was trained on other measures; run `milepost train dock` anew")
        self.version: str = "plain" if data is None else data["version"]
        self.trained = data is not None
        self._first, self._late, self._close = (
            (None, None, None)
            if data is None
            else (Trees(data["first"]), Trees(data["late"]), Trees(data["close"]) if data["close"] else None)
        )

    def first(self, vector: np.ndarray) -> float:
        """The chance that it crossed, 2 s after the moment."""
        return chance(plain.score(vector) if self._first is None else self._first.score(vector))

    def late(self, vector: np.ndarray) -> float:
        """The same 25 s after."""
        return chance(plain.score(vector) if self._late is None else self._late.score(vector))

    def stays(self, seen_first: float) -> float:
        """The chance that a unit of the list that crossed by the first look is across when its session closes."""
        return seen_first if self._first is None else self._first.stays(seen_first)

    def close(self, vector: np.ndarray) -> float:
        """The chance that it is across when the session closes."""
        return chance(vector[2] + 1.0 if self._close is None else self._close.score(vector))


@cache
def shipped() -> Scorer:
    """The scorer of the file beside this module; the plain one when there is none."""
    source = files("milepost.evidence.dock").joinpath(MODEL_FILE)
    return Scorer(unpacked(source.read_bytes()) if source.is_file() else None)


def packed(model: dict[str, Any]) -> bytes:
    """A model as its file holds it; the same model gives the same bytes."""
    return gzip.compress(json.dumps(model, separators=(",", ":")).encode(), mtime=0)


def unpacked(file: bytes) -> dict[str, Any]:
    """The model in a file. Raises OSError or ValueError where it is none."""
    return json.loads(gzip.decompress(file))
