"""The model that ships is what the documented command makes: its file says how; the same days give the same bytes."""

import json
from concurrent.futures import Executor, Future
from importlib.resources import files
from typing import Any

import pytest

from milepost.evidence.dock.case import CLOSE_NAMES
from milepost.evidence.dock.look import NAMES
from milepost.evidence.dock.scoring import MODEL_FILE, Scorer, packed, unpacked
from milepost_tools.train import dock as training
from milepost_tools.train.verb import DAYS, SEED


class Here(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        done: Future = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def shipped() -> dict[str, Any]:
    return unpacked(files("milepost.evidence.dock").joinpath(MODEL_FILE).read_bytes())


def test_the_file_that_ships_tells_the_training_of_the_documented_command() -> None:
    model = shipped()
    assert model["training"] == json.loads(json.dumps(training.parameters(SEED, DAYS)))
    assert model["version"] == f"trees/{SEED}/{DAYS}"
    assert model["look_names"] == list(NAMES) and model["close_names"] == list(CLOSE_NAMES)
    for kind, recipe in (
        ("first", training.LOOK_RECIPE),
        ("late", training.LOOK_RECIPE),
        ("close", training.CLOSE_RECIPE),
    ):
        assert len(model[kind]["value"]) == recipe.trees
        assert max(map(len, model[kind]["value"])) < 2 * recipe.leaves


def test_training_days_are_even() -> None:
    assert {day.seed % 2 for day in training.days(SEED, DAYS + DAYS // training.EARLY)} == {0}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_seed_and_days_give_the_same_file_and_it_judges() -> None:
    once, again = (packed(training.train(1000, 8, Here(), "trees/1000/8")) for _ in range(2))
    assert once == again
    model = unpacked(once)
    assert model["training"]["days"] == 8
    assert model["close"]["value"] and Scorer(model).trained
