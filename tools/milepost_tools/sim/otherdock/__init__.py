"""A second generator of dock days, for judging only: another physics and other ways than `milepost sim dock`.

It shares nothing with that simulator but the file formats of docs/correlate.md. Nothing is ever tuned or trained on it.
Rays and scattered waves instead of a law over distance, a link budget both ways, inventory rounds with slots, carriers
with speed profiles, goods and machines that shade by direction. `python -m milepost_tools.sim.otherdock --help`.
"""

from milepost_tools.sim.otherdock.day import simulate
from milepost_tools.sim.otherdock.judge import judge
from milepost_tools.sim.otherdock.lines import write
from milepost_tools.sim.otherdock.world import Day

__all__ = ["Day", "judge", "simulate", "write"]
