"""What tag reads and light gates prove about units at dock doors: the dock-door decision (docs/correlate.md). Pure.

`Correlator` takes reads and gate edges in any portions and gives decisions by event time. `files` reads and writes the
files of `milepost correlate`.
"""

from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.model import Decision, Order, Session, Unit

__all__ = ["Correlator", "Decision", "Order", "Session", "Unit"]
