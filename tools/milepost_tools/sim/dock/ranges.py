"""Every number of the simulated dock that is drawn: its range, unit and where it comes from.

Sources: "measured" are published or measured figures of real rooms and readers; "trade" is what vendors and
regulators state; "assumed" is a guess made wide. docs/sim.md shows the same table.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Range:
    """Drawn evenly between `low` and `high`, once per `per`."""

    low: float
    high: float
    unit: str
    per: str
    source: str


RANGES: dict[str, Range] = {
    # Radio
    "level_1m_dbm": Range(-57.0, -49.0, "dBm", "site", "measured, four antennas of one room"),
    "slope_db": Range(-24.0, -18.0, "dB/decade", "site", "measured, the same"),
    "rays_exponent": Range(0.5, 0.9, "1", "site", "measured: one is free space both ways, rooms are flatter"),
    "reflection": Range(0.15, 0.65, "1", "site", "assumed: floor and wall, amplitude"),
    "antenna_sd_db": Range(0.3, 2.2, "dB", "site", "measured: antennas of one model differ by this"),
    "place_sd_db": Range(1.2, 3.0, "dB", "site", "measured: rest of 3.8 dB after tag and channel"),
    "place_length_m": Range(0.25, 0.55, "m", "site", "about a wavelength"),
    "hop_sd_db": Range(1.2, 3.1, "dB", "site", "measured: 2.2, p90 3.1"),
    "noise_sd_db": Range(0.3, 0.9, "dB", "site", "measured: 0.6, p90 0.9"),
    "tag_sd_db": Range(1.5, 3.5, "dB", "site", "measured: 2.5"),
    "threshold_dbm": Range(-76.0, -64.0, "dBm", "site", "measured: weakest reads -72; R200 -69"),
    "threshold_soft_db": Range(0.8, 2.5, "dB", "site", "assumed: width of the edge of the field"),
    "beam_deg": Range(65.0, 110.0, "deg", "site", "trade: patch antennas at half power"),
    "back_lobe_db": Range(9.0, 20.0, "dB", "site", "measured: 14"),
    "truck_wall_db": Range(8.0, 25.0, "dB", "site", "measured: 18"),
    "truck_guide_db": Range(0.0, 12.0, "dB", "site", "assumed: a truck's body carries waves along, at its far end"),
    "shadow_db": Range(0.0, 10.0, "dB", "tag", "assumed: a load between a standing tag and the antenna"),
    "dry_block_db": Range(0.0, 12.0, "dB", "unit", "measured: blockage of a quarter of the loads"),
    "wet_block_db": Range(15.0, 25.0, "dB", "unit", "measured: liquids and metal"),
    "phase_sd_rad": Range(0.1, 0.58, "rad", "site", "measured: 0.16, p90 0.58"),
    "hop_period_s": Range(0.15, 0.4, "s", "site", "trade: 0.2 s in the US, up to 0.4 s elsewhere"),
    # Reading
    "one_tag_rate_hz": Range(40.0, 90.0, "1/s", "reader", "measured: 70 on one antenna"),
    "crowd_gain": Range(0.4, 1.2, "1", "reader", "measured: 69 tags give 123 to 138 reads/s"),
    "round_base_ms": Range(8.0, 16.0, "ms", "reader", "assumed: overhead of an inventory round"),
    "round_tag_ms": Range(5.5, 9.0, "ms", "reader", "measured: the same rates seen as rounds"),
    "weak_rate_hz": Range(25.0, 50.0, "1/s", "reader", "trade: R200 class"),
    "capture": Range(0.0, 0.5, "1", "reader", "assumed: how much louder tags answer more often"),
    "switch_ms": Range(5.0, 40.0, "ms", "reader", "measured: 24 instead of 70 reads/s on four antennas"),
    "dwell_s": Range(0.05, 0.4, "s", "reader", "trade: antenna sequencing"),
    "persistence_s": Range(0.5, 2.5, "s", "site", "trade: Gen2 session S1"),
    "report_hold_s": Range(0.1, 0.25, "s", "site", "trade: filter of repeated reads"),
    "idle_duty": Range(0.05, 0.6, "1", "site", "trade: portal mode, slower while no beam is broken"),
    "dead_tag": Range(0.002, 0.02, "1", "site", "measured: never-read tags"),
    # Place
    "pitch_m": Range(3.5, 4.3, "m", "site", "trade: 3.7 to 4.0"),
    "inner_antenna_m": Range(-1.5, -0.4, "m", "site", "trade: -0.9"),
    "outer_antenna_m": Range(0.0, 0.5, "m", "site", "trade: +0.2"),
    "antenna_side_m": Range(1.2, 1.7, "m", "site", "trade: 1.4"),
    "antenna_height_m": Range(0.8, 2.8, "m", "antenna", "trade"),
    "antenna_turn_deg": Range(0.0, 60.0, "deg", "site", "assumed: turned from across towards its own side"),
    "inner_gate_m": Range(-1.2, -0.3, "m", "site", "assumed"),
    "outer_gate_m": Range(0.1, 0.9, "m", "site", "assumed"),
    # People
    "walk_mps": Range(0.9, 1.4, "m/s", "carrier", "measured"),
    "pallet_truck_mps": Range(1.0, 2.2, "m/s", "carrier", "measured"),
    "forklift_mps": Range(2.0, 3.5, "m/s", "carrier", "measured"),
    "fork_gap_m": Range(0.0, 0.15, "m", "carrier", "assumed: between a load and its forklift's mast"),
    "hand_gap_m": Range(0.0, 0.6, "m", "carrier", "assumed: a drawbar's length between a load and who moves it"),
    "train_gap_s": Range(3.0, 7.0, "s", "train", "asked for: down to 3 s"),
    "halt_s": Range(2.0, 40.0, "s", "load", "assumed: a load stops in the door before it goes on"),
    "staged_m": Range(2.2, 5.5, "m", "unit", "measured"),
    # System
    "clock_offset_s": Range(-0.5, 0.5, "s", "reader", "asked for: some tenths"),
    "clock_drift_ppm": Range(-20.0, 20.0, "ppm", "reader", "trade: crystals"),
    "duplicate": Range(0.0, 0.03, "1", "site", "measured: 1 to 3 % over MQTT"),
    "lost": Range(0.0, 0.02, "1", "site", "assumed: single reads; bursts come on top"),
    "reorder_s": Range(0.0, 30.0, "s", "site", "measured"),
    "offline_min": Range(1.0, 60.0, "min", "gap", "measured"),
}


def draw(rng: np.random.Generator, name: str, share: tuple[float, float] = (0.0, 1.0)) -> float:
    """One value of the range `name`; `share` narrows it to a part (0 the low end, 1 the high one)."""
    span = RANGES[name]
    return float(span.low + (span.high - span.low) * rng.uniform(*share))
