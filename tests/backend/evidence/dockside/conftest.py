"""A yard whose doors look both ways."""

import pytest

from ..conftest import Yard
from .scene import equip


@pytest.fixture
def both_sides(yard: Yard) -> Yard:
    equip(yard)
    return yard
