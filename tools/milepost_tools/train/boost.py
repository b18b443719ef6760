"""Gradient-boosted trees by scikit-learn, written as `milepost.evidence.dock.trees` reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost.errors import Invalid
from milepost.evidence.dock.trees import MISSING


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to boost. trees: how many; leaves, depth: of a tree, at most; rate: of learning; ridge: on the leaves; least:
    rows in a leaf, at least; share: of the measures that each split may ask for; bins: into which values go."""

    trees: int
    leaves: int
    depth: int
    rate: float
    ridge: float = 4.0
    least: int = 20
    share: float = 0.4
    bins: int = 127


def fit(rows: np.ndarray, yes: np.ndarray, weight: np.ndarray, recipe: Recipe) -> dict[str, Any]:
    """Trees for rows (n, measures) and outcomes 0/1 (n); without calibration yet. weight: of each row.

    The same rows give the same trees: one thread adds up. Raises Invalid where scikit-learn is missing.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  (only training needs it)
        from threadpoolctl import threadpool_limits  # noqa: PLC0415
    except ImportError as error:
        raise Invalid(f"training needs scikit-learn ({error}): pip install 'milepost[train]'") from None
    model = HistGradientBoostingClassifier(
        max_iter=recipe.trees, max_leaf_nodes=recipe.leaves, max_depth=recipe.depth, learning_rate=recipe.rate,
        l2_regularization=recipe.ridge, min_samples_leaf=recipe.least, max_features=recipe.share,
        max_bins=recipe.bins, random_state=1,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  (declared too narrowly)
    )  # fmt: skip
    with threadpool_limits(1):
        model.fit(np.nan_to_num(rows, nan=MISSING), yes > 0.5, sample_weight=weight)
    walked = [_walked(step[0].nodes) for step in model._predictors]  # it has no public way out
    return {
        "base": round(float(model._baseline_prediction.item()), 6),
        "calibration": [1.0, 0.0],
        "feature": [feature for feature, _ in walked],
        "value": [value for _, value in walked],
    }


def _walked(nodes: np.ndarray) -> tuple[list[int], list[float]]:
    """The nodes of a tree, left before right: measures, and thresholds or leaves."""
    feature, value, todo = [], [], [0]
    while todo:
        node = nodes[todo.pop()]
        if node["is_leaf"]:
            feature.append(-1)
            value.append(round(float(node["value"]), 5))
        else:
            feature.append(int(node["feature_idx"]))
            value.append(round(float(node["num_threshold"]), 4))
            todo += [int(node["right"]), int(node["left"])]
    return feature, value


def scores(trees: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Uncalibrated log-odds of many rows at once."""
    rows = np.nan_to_num(rows, nan=MISSING).astype(np.float64)
    total = np.full(len(rows), trees["base"])
    for feature, value in zip(trees["feature"], trees["value"], strict=True):
        _add(rows, iter(zip(feature, value, strict=True)), np.arange(len(rows)), total)
    return total


def _add(rows: np.ndarray, walk: Iterator[tuple[int, float]], here: np.ndarray, total: np.ndarray) -> None:
    """Add the leaves of the subtree that comes next in the walk to the rows that are here."""
    feature, value = next(walk)
    if feature < 0:
        total[here] += value
        return
    right = rows[here, feature] > value
    _add(rows, walk, here[~right], total)
    _add(rows, walk, here[right], total)


def calibration(total: np.ndarray, yes: np.ndarray, weight: np.ndarray) -> list[float]:
    """Scale and shift of the log-odds that fit outcomes not trained on (Platt)."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (only training needs it)

    fitted = LogisticRegression(C=1_000.0).fit(total[:, None], yes > 0.5, sample_weight=weight)
    return [round(float(fitted.coef_.item()), 4), round(float(fitted.intercept_.item()), 4)]
