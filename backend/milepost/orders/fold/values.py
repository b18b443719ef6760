"""Reading what a fact's body holds: it may come from a file, so nothing in it is taken on trust."""

from typing import Any, cast


def texts(value: Any) -> list[str]:
    """The texts of a list; empty for anything else."""
    return [each for each in cast("list[Any]", value) if isinstance(each, str)] if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; empty for anything else."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", each) for each in cast("list[Any]", value) if isinstance(each, dict)]


def fields(value: Any) -> dict[str, Any]:
    """An object; empty for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """A number; None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any, default: int) -> int:
    """A whole number from 1 on, else the default."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default
