"""Boosted trees as a file of numbers, judged with numpy alone.

A tree stands in the file as its nodes in the order in which one walks it, left before right: `feature` holds the
measure that a node asks for, -1 at a leaf, `value` its threshold or the leaf's worth. A greater value goes right, a
missing one left.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

MISSING = -1e9


class Trees:
    """Scores a vector of measures: the log-odds of yes."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.base: float = data["base"]
        self.scale, self.shift = data["calibration"]
        self._stays = data.get("stays", (1.0, 0.0))
        feature = np.array([each for tree in data["feature"] for each in tree], np.int32)
        self._value = np.array([each for tree in data["value"] for each in tree], np.float64)
        self._next, self._depth = _ways(data["feature"])
        self._roots = np.cumsum([0, *(len(tree) for tree in data["feature"][:-1])])
        self._threshold = np.where(feature < 0, np.inf, self._value)  # a leaf leads to itself
        self._asks = np.maximum(feature, 0)

    def score(self, vector: np.ndarray | Sequence[float]) -> float:
        """Calibrated log-odds for one vector."""
        values = np.asarray(vector, np.float64)
        values = np.where(np.isnan(values), MISSING, values)
        node = self._roots
        for _ in range(self._depth):
            node = self._next[2 * node + (values[self._asks[node]] > self._threshold[node])]
        return self.scale * (self.base + float(self._value[node].sum())) + self.shift

    def stays(self, crossed: float) -> float:
        """The chance that what crossed with a chance of `crossed` is still across when its session closes."""
        scale, shift = self._stays
        return chance(scale * odds(crossed) + shift)


def _ways(features: Sequence[Sequence[int]]) -> tuple[np.ndarray, int]:
    """Where each node leads to, left and right one behind the other, over all trees; and how deep the deepest is."""
    lead: list[int] = []
    deepest = 0
    for tree in features:
        first = len(lead) // 2
        open_: list[tuple[int, int]] = []  # nodes whose right side comes next, with their depth
        depth = 0
        for place, feature in enumerate(tree, first):
            deepest = max(deepest, depth)
            if feature >= 0:
                lead += [place + 1, -1]
                open_.append((place, depth))
                depth += 1
                continue
            lead += [place, place]
            if open_:
                parent, above = open_.pop()
                lead[2 * parent + 1] = place + 1
                depth = above + 1
    return np.array(lead, np.int64), deepest


def chance(log_odds: float) -> float:
    """Log-odds as a probability, kept off 0 and 1."""
    return float(1.0 / (1.0 + np.exp(-min(12.0, max(-12.0, log_odds)))))


def odds(probability: float) -> float:
    """The log-odds of a probability."""
    bounded = min(1 - 1e-6, max(1e-6, probability))
    return float(np.log(bounded / (1 - bounded)))
