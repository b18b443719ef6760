"""Dock doors simulated with their truth: what readers and light gates would have written, and what really happened.

Pure and seeded. `simulate` makes a scene, `write` puts it into the files that `milepost correlate` reads.
"""

from milepost_tools.sim.dock.files import write
from milepost_tools.sim.dock.scene import PROFILES, Scene, Stage, play, simulate

__all__ = ["PROFILES", "Scene", "Stage", "play", "simulate", "write"]
