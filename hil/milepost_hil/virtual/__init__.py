"""The virtual board: `VirtualBoard` is the door; the modules a program finds on it: see `virtual.shim`."""

from milepost_hil.virtual.board import VirtualBoard
from milepost_hil.virtual.child import BoardUnavailable, interpreter

__all__ = ["BoardUnavailable", "VirtualBoard", "interpreter"]
