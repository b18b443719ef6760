"""Numbers of a request: a JSON number is one, `true` and "12" are not; a form has only texts, and says so."""

from typing import Any

from pydantic import BeforeValidator, ValidationInfo

FORM = {"form": True}  # pass as `context` to validate what came from a form


def _number(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and info.context != FORM):
        raise ValueError("must be a number")
    return value


Number = BeforeValidator(_number, json_schema_input_type=float)
