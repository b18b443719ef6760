"""Boosted trees as a file of numbers, judged with numpy alone.

Every tree is complete and of the same depth: inner nodes in heap order hold a measure and a threshold, a greater value
goes right, a missing one left.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_MISSING = -1e9


class Trees:
    """Scores a vector of measures: the log-odds of yes."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.depth: int = data["depth"]
        self.base: float = data["base"]
        self.scale, self.shift = data["calibration"]
        self._stays = data.get("stays", (1.0, 0.0))
        self.feature = np.array(data["feature"], np.int32)  # trees x inner nodes
        self.threshold = np.array(data["threshold"], np.float64)
        self.leaf = np.array(data["leaf"], np.float64)
        self._rows = np.arange(len(self.leaf))
        self._first = self._rows * (2**self.depth - 1)
        self._feature, self._threshold = self.feature.ravel(), self.threshold.ravel()

    def score(self, vector: np.ndarray | Sequence[float]) -> float:
        """Calibrated log-odds for one vector."""
        values = np.asarray(vector, np.float64)
        values = np.where(np.isnan(values), _MISSING, values)
        node = np.zeros(len(self._rows), np.int64)
        for _ in range(self.depth):
            place = self._first + node
            node = 2 * node + 1 + (values[self._feature[place]] > self._threshold[place])
        total = self.base + float(self.leaf[self._rows, node - (2**self.depth - 1)].sum())
        return self.scale * total + self.shift

    def stays(self, crossed: float) -> float:
        """The chance that what crossed with a chance of `crossed` is still across when its session closes."""
        scale, shift = self._stays
        return chance(scale * odds(crossed) + shift)


def chance(log_odds: float) -> float:
    """Log-odds as a probability, kept off 0 and 1."""
    return float(1.0 / (1.0 + np.exp(-min(12.0, max(-12.0, log_odds)))))


def odds(probability: float) -> float:
    """The log-odds of a probability."""
    bounded = min(1 - 1e-6, max(1e-6, probability))
    return float(np.log(bounded / (1 - bounded)))
