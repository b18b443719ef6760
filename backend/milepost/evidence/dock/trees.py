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
        self.feature = np.array(data["feature"], np.int32)  # trees x inner nodes
        self.threshold = np.array(data["threshold"], np.float64)
        self.leaf = np.array(data["leaf"], np.float64)
        self._rows = np.arange(len(self.leaf))

    def score(self, vector: Sequence[float]) -> float:
        """Calibrated log-odds for one vector."""
        values = np.nan_to_num(np.array(vector, np.float64), nan=_MISSING)
        rows, node = self._rows, np.zeros(len(self._rows), np.int64)
        for _ in range(self.depth):
            node = 2 * node + 1 + (values[self.feature[rows, node]] > self.threshold[rows, node])
        total = self.base + float(self.leaf[rows, node - (2**self.depth - 1)].sum())
        return self.scale * total + self.shift


def chance(log_odds: float) -> float:
    """Log-odds as a probability, kept off 0 and 1."""
    return float(1.0 / (1.0 + np.exp(-min(12.0, max(-12.0, log_odds)))))


def odds(probability: float) -> float:
    """The log-odds of a probability."""
    bounded = min(1 - 1e-6, max(1e-6, probability))
    return float(np.log(bounded / (1 - bounded)))
