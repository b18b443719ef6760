"""From what a reader heard to the lines that arrive: its clock, losses, repeats, disorder, gaps without a network."""

from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.dock.ranges import draw


@dataclass(frozen=True, slots=True)
class Net:
    """How bad the way from the readers to the log is, drawn per site."""

    lost: float
    duplicate: float
    reorder_s: float
    reorder_share: float
    offline_a_reader: float
    burst_a_hour: float


def draw_net(rng: np.random.Generator) -> Net:
    """One site's network."""
    return Net(
        lost=draw(rng, "lost"),
        duplicate=draw(rng, "duplicate"),
        reorder_s=draw(rng, "reorder_s"),
        reorder_share=float(rng.uniform(0, 0.02)),
        offline_a_reader=float(rng.uniform(0, 0.3)),
        burst_a_hour=float(rng.uniform(0, 3)),
    )


def clock(t_s: np.ndarray, start_s: float, offset_s: float, drift_ppm: float, jump: tuple[float, float, float] | None,
          ) -> np.ndarray:  # fmt: skip
    """What a clock showed at the true times. jump: (from, to, seconds) during which it was further off."""
    shown = t_s + offset_s + (t_s - start_s) * drift_ppm * 1e-6
    if jump is not None:
        shown = np.where((t_s >= jump[0]) & (t_s < jump[1]), shown + jump[2], shown)
    return shown


def kept(t_s: np.ndarray, start_s: float, end_s: float, net: Net, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Which reads survive single losses and short bursts of loss, and how many bursts there were."""
    keep = rng.random(len(t_s)) >= net.lost
    bursts = int(rng.poisson(net.burst_a_hour * (end_s - start_s) / 3600))
    for begin in rng.uniform(start_s, end_s, bursts):
        keep &= ~((t_s >= begin) & (t_s < begin + rng.uniform(0.3, 4.0)))
    return keep, bursts


def arrivals(
    t_s: np.ndarray, start_s: float, end_s: float, net: Net, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """(index of the read, when its line arrives, gaps): some come twice, some late, some after an offline gap."""
    arrive = t_s + rng.uniform(0.02, 0.3, len(t_s))
    late = rng.random(len(t_s)) < net.reorder_share
    arrive[late] += rng.uniform(0, net.reorder_s + 1e-6, int(late.sum()))
    gaps = int(rng.random() < net.offline_a_reader)
    for _ in range(gaps):
        begin = float(rng.uniform(start_s, end_s))
        end = begin + 60 * min(draw(rng, "offline_min"), (end_s - start_s) / 120)
        arrive = np.where((t_s >= begin) & (t_s < end), end + (t_s - begin) * 0.01, arrive)
    again = np.flatnonzero(rng.random(len(t_s)) < net.duplicate)
    index = np.concatenate([np.arange(len(t_s)), again])
    return index, np.concatenate([arrive, arrive[again] + rng.exponential(5.0, len(again))]), gaps
