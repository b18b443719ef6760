"""Gradient-boosted trees on the logistic loss, by histograms; numpy alone, the same bytes for the same rows.

Trees are complete and of one depth, as `milepost.evidence.dock.trees` reads them; a missing value goes left.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 48
_MISSING = -1e9


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to boost. rate: of learning; leaf_weight: least sum of hessians in a leaf; ridge: on the leaves.

    share: of the measures that each tree may use.
    """

    trees: int = 120
    depth: int = 4
    rate: float = 0.12
    leaf_weight: float = 4.0
    ridge: float = 3.0
    share: float = 1.0


def fit(rows: np.ndarray, yes: np.ndarray, weight: np.ndarray, recipe: Recipe) -> dict[str, Any]:
    """Trees for rows (n, measures) and outcomes 0/1 (n); without calibration yet. weight: of each row."""
    rows = np.nan_to_num(rows, nan=_MISSING)
    cuts = [_cuts(rows[:, n]) for n in range(rows.shape[1])]
    binned = np.column_stack([np.searchsorted(cut, rows[:, n], side="left") for n, cut in enumerate(cuts)])
    binned = np.ascontiguousarray(binned.T.astype(np.int64))
    mean = float((yes * weight).sum() / weight.sum())
    base = float(np.log(mean / (1 - mean)))
    total = np.full(len(yes), base)
    feature, threshold, leaf = [], [], []
    luck = np.random.default_rng(1)
    some = max(1, round(recipe.share * len(cuts)))
    for _ in range(recipe.trees):
        allowed = np.sort(luck.permutation(len(cuts))[:some]).tolist()
        chance = 1 / (1 + np.exp(-total))
        slope, bend = (yes - chance) * weight, np.maximum(chance * (1 - chance), 1e-6) * weight
        tree = _tree(binned, cuts, allowed, slope, bend, recipe)
        feature.append(tree[0])
        threshold.append(tree[1])
        leaf.append(tree[2])
        total += np.array(tree[2])[tree[3]]
    return {
        "depth": recipe.depth,
        "base": round(base, 6),
        "calibration": [1.0, 0.0],
        "feature": feature,
        "threshold": threshold,
        "leaf": [[round(value, 5) for value in values] for values in leaf],
    }


def scores(trees: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Uncalibrated log-odds of many rows at once."""
    rows = np.nan_to_num(rows, nan=_MISSING)
    total = np.full(len(rows), trees["base"])
    every = np.arange(len(rows))
    for feature, threshold, leaf in zip(trees["feature"], trees["threshold"], trees["leaf"], strict=True):
        feature_, threshold_, node = np.array(feature), np.array(threshold), np.zeros(len(rows), np.int64)
        for _ in range(trees["depth"]):
            node = 2 * node + 1 + (rows[every, feature_[node]] > threshold_[node])
        total += np.array(leaf)[node - (2 ** trees["depth"] - 1)]
    return total


def calibration(total: np.ndarray, yes: np.ndarray, weight: np.ndarray) -> list[float]:
    """Scale and shift of the log-odds that fit outcomes not trained on (Platt), by Newton's steps."""
    inputs = np.column_stack((total, np.ones(len(total))))
    beta = np.array([1.0, 0.0])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-inputs @ beta))
        slope = inputs.T @ ((yes - chance) * weight) - 1e-3 * (beta - np.array([1.0, 0.0]))
        bend = (inputs * (chance * (1 - chance) * weight)[:, None]).T @ inputs + 1e-3 * np.eye(2)
        beta = beta + np.linalg.solve(bend, slope)
    return [round(float(beta[0]), 4), round(float(beta[1]), 4)]


def _cuts(values: np.ndarray) -> np.ndarray:
    found = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.round(found, 4)


def _tree(
    binned: np.ndarray, cuts: list[np.ndarray], allowed: list[int], slope: np.ndarray, bend: np.ndarray, recipe: Recipe
) -> tuple[list[int], list[float], list[float], np.ndarray]:
    inner = 2**recipe.depth - 1
    feature, threshold = [0] * inner, [1e12] * inner  # nothing is greater: all go left
    node = np.zeros(len(slope), np.int64)
    for level in range(recipe.depth):
        first, width = 2**level - 1, 2**level
        place = node - first
        best = np.full(width, 1e-6)
        for n in allowed:
            cut = cuts[n]
            if not len(cut):
                continue
            slots = len(cut) + 1
            key = place * slots + binned[n]
            g = np.bincount(key, slope, width * slots).reshape(width, slots).cumsum(1)
            h = np.bincount(key, bend, width * slots).reshape(width, slots).cumsum(1)
            left_g, left_h = g[:, :-1], h[:, :-1]
            right_g, right_h = g[:, -1:] - left_g, h[:, -1:] - left_h
            gain = left_g**2 / (left_h + recipe.ridge) + right_g**2 / (right_h + recipe.ridge)
            gain -= g[:, -1:] ** 2 / (h[:, -1:] + recipe.ridge)
            gain[(left_h < recipe.leaf_weight) | (right_h < recipe.leaf_weight)] = -1.0
            top = gain.argmax(1)
            for each in np.flatnonzero(gain[np.arange(width), top] > best):
                best[each] = gain[each, top[each]]
                feature[first + each], threshold[first + each] = n, float(cut[top[each]])
        chosen = np.array(feature)[node]
        limit = np.array([_slot(cuts[f], t) for f, t in zip(feature, threshold, strict=True)])[node]
        node = 2 * node + 1 + (binned[chosen, np.arange(len(node))] > limit)
    place = node - inner
    g, h = np.bincount(place, slope, 2**recipe.depth), np.bincount(place, bend, 2**recipe.depth)
    return feature, threshold, (recipe.rate * g / (h + recipe.ridge)).tolist(), place


def _slot(cut: np.ndarray, threshold: float) -> int:
    """The last bin that goes left."""
    return BINS + 1 if threshold > 1e11 else int(np.searchsorted(cut, threshold, side="left"))
