"""A number of a request is a JSON number; only a form brings it as text."""

from typing import Any

import pytest
from pydantic import ValidationError

from milepost.numbers import FORM
from milepost.orders.bodies import BODIES

_WEIGHED = BODIES["weighed"]


@pytest.mark.parametrize("kg", [True, False, "12", "", [], {}, None])
def test_what_is_no_number_is_refused(kg: Any):
    with pytest.raises(ValidationError):
        _WEIGHED.model_validate({"kg": kg, "max_piece_kg": 1})


@pytest.mark.parametrize("kg", [12, 12.0])
def test_a_number_is_taken(kg: Any):
    assert _WEIGHED.model_validate({"kg": kg, "max_piece_kg": 1}).fields()["kg"] == 12


def test_a_form_brings_texts():
    assert _WEIGHED.model_validate({"kg": "12", "max_piece_kg": "1"}, context=FORM).fields()["kg"] == 12
    with pytest.raises(ValidationError):
        _WEIGHED.model_validate({"kg": True, "max_piece_kg": "1"}, context=FORM)
