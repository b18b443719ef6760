"""The trees: read as they were fitted, refused where they do not fit, and the score of the bench counts rightly."""

import json
from importlib.resources import files

import numpy as np
import pytest

from milepost.evidence.dock.scoring import MODEL_FILE, Scorer, shipped, unpacked
from milepost.evidence.dock.trees import Trees
from milepost_tools.bench.dock_score import calibration_error
from milepost_tools.train import boost

RECIPE = boost.Recipe(trees=60, leaves=16, depth=6, rate=0.3)


def rows() -> tuple[np.ndarray, np.ndarray]:
    luck = np.random.default_rng(4)
    x = luck.normal(size=(3000, 4))
    x[luck.random(x.shape) < 0.1] = np.nan
    return x, (np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) > 0).astype(float)


def test_trees_learn_what_no_sum_of_measures_can_say() -> None:
    x, y = rows()
    fitted = boost.fit(x[:2000], y[:2000], np.ones(2000), RECIPE)
    right = (boost.scores(fitted, x[2000:]) > 0) == (y[2000:] > 0.5)
    assert right.mean() > 0.85


def test_the_service_reads_them_as_they_were_fitted_and_the_same_rows_give_the_same_file() -> None:
    x, y = rows()
    fitted = boost.fit(x, y, np.ones(len(y)), RECIPE)
    assert json.dumps(fitted) == json.dumps(boost.fit(x, y, np.ones(len(y)), RECIPE))
    trees, wanted = Trees(json.loads(json.dumps(fitted))), boost.scores(fitted, x[:50])
    assert [trees.score(row) for row in x[:50].tolist()] == pytest.approx(wanted.tolist())


def test_a_model_of_other_measures_is_refused() -> None:
    data = unpacked(files("milepost.evidence.dock").joinpath(MODEL_FILE).read_bytes())
    assert Scorer(data).version == shipped().version != "plain"
    with pytest.raises(ValueError, match="milepost train dock"):
        Scorer({**data, "look_names": data["look_names"][1:]})


def test_the_calibration_error_is_the_gap_between_word_and_truth() -> None:
    assert calibration_error([(0.95, True)] * 95 + [(0.95, False)] * 5) == pytest.approx(0.0)
    assert calibration_error([(0.95, True)] * 50 + [(0.95, False)] * 50) == pytest.approx(0.45)
