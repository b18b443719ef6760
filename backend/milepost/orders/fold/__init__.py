"""The pure fold from a set of facts to the state of orders."""

from milepost.orders.fold.engine import fold

__all__ = ["fold"]
