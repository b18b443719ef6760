"""The pure fold from a set of facts to the state of orders."""

from milepost.orders.fold.engine import Story, fold, trace
from milepost.orders.fold.registers import Moment

__all__ = ["Moment", "Story", "fold", "trace"]
