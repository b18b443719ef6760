"""The truth of a simulated day is what its bodies really did, and every kind of scene and fault takes place."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from milepost_tools.sim.dock import PROFILES, Stage, play, simulate
from milepost_tools.sim.dock.gates import spans
from milepost_tools.sim.dock.jobs import LINE_Y_M
from milepost_tools.sim.dock.world import Unit

CASES = [(seed, profile) for seed in range(4) for profile in PROFILES]
EVERYWHERE = {
    "loaded", "unloaded", "passed_back", "turned_around", "wrong_truck", "pass_by", "stray", "resident", "train",
    "pair", "halt_in_door", "empty_run", "person", "restaged", "taken_out", "reloaded", "sent_home", "over",
    "other_day", "untagged", "empty_list", "left_behind", "left_on_vehicle", "left_open", "opened_late",
    "closed_early", "cross_dock", "inbound_staged", "dead_tag", "dead_unit", "wet_unit", "wall_tag", "tagged_carrier",
    "pallet_stack", "forklift", "pallet_truck", "walk",
}  # fmt: skip
ONLY_JUDGING = {"conveyor", "double_deck", "case_tag"}
FAULTS = {"gate_chatter", "gate_edge_missed", "gate_stuck", "loss_burst", "offline_gap", "portal_mode", "ghost"}
ONLY_JUDGING_FAULTS = {"clock_jump", "reader_restart"}


@pytest.fixture(scope="module", params=CASES, ids=[f"{profile}-{seed}" for seed, profile in CASES])
def stage(request: pytest.FixtureRequest) -> Stage:
    seed, profile = request.param
    return play(seed, profile, doors=3, hours=1.0)


def y_at(unit: Unit, t_s: float) -> float:
    return float(unit.way.place(np.array([t_s]))[1][0])


def test_what_is_said_to_have_crossed_did_cross_and_the_rest_did_not(stage: Stage) -> None:
    units = {unit.unit: unit for unit in stage.day.world.units}
    told = 0
    for passage in stage.day.world.passages:
        if passage["unit"] is None:
            continue
        unit, t = units[passage["unit"]], passage["t"]
        before, after = y_at(unit, t - 0.05) - LINE_Y_M, y_at(unit, t + 0.05) - LINE_Y_M
        inwards = {"loaded": True, "wrong_truck": True, "unloaded": False, "passed_back": False}.get(passage["what"])
        if inwards is None:
            assert before < 0 and after < 0, passage
        else:
            assert (before < 0 < after) if inwards else (after < 0 < before), passage
            told += 1
    assert told > 30


def test_loaded_at_close_is_who_stands_in_the_truck_then(stage: Stage) -> None:
    doors = {door.name: door for door in stage.site.doors}
    for session in stage.day.sessions:
        if session.row["direction"] != "load":
            continue
        door, close_s = doors[session.row["door"]], session.row["to"] or stage.end_s
        aboard = set()
        for unit in stage.day.world.units:
            x, y = (float(each[0]) for each in unit.way.place(np.array([close_s])))
            if unit.way.t[0] <= close_s and 0 < y < 14 and abs(x - door.x_m) < 1.5:
                aboard.add(unit.unit)
        assert aboard == {*session.loaded, *session.residents}, session.row


def test_a_passage_belongs_to_the_session_of_its_door_and_time(stage: Stage) -> None:
    rows = {session.row["session"]: session.row for session in stage.day.sessions}
    for passage in stage.day.world.passages:
        if passage["session"] is not None:
            row = rows[passage["session"]]
            assert row["door"] == passage["door"]
            assert row["from"] <= passage["t"] and (row["to"] is None or passage["t"] < row["to"])
    by_door: dict[object, list[tuple[float, float]]] = {}
    for row in rows.values():
        by_door.setdefault(row["door"], []).append((row["from"], row["to"] or np.inf))
    for windows in by_door.values():
        ordered = sorted(windows)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_whoever_crosses_breaks_the_line_of_the_door(stage: Stage) -> None:
    """Ways, bodies and light gates are of one piece: the beam at the line is broken when the middle passes it."""
    for door in stage.site.doors:
        broken = spans(stage.day.world.bodies, door.x_m, LINE_Y_M)
        for passage in stage.day.world.passages:
            if passage["door"] == door.name and passage["what"] in ("loaded", "unloaded", "wrong_truck"):
                assert any(begin <= passage["t"] <= end for begin, end in broken), passage


def test_nobody_jumps(stage: Stage) -> None:
    """No way is faster than a forklift, for units and carriers alike."""
    for body in stage.day.world.bodies:
        dt = np.diff(body.way.t)
        far = np.hypot(np.diff(body.way.x), np.diff(body.way.y))
        assert (dt >= 0).all()
        assert (far <= 3.6 * dt + 1e-6).all()


def test_lists_name_each_unit_with_the_codes_that_it_carries(stage: Stage) -> None:
    units = {unit.unit: unit for unit in stage.day.world.units}
    codes = [code for order in stage.day.orders for row in order["units"] for code in row["epcs"]]
    assert all(len(code) == 24 and set(code) <= set("0123456789ABCDEF") for code in codes)
    for order in stage.day.orders:
        for row in order["units"]:
            assert row["epcs"] == units[row["unit"]].epcs
            assert set(row["epcs"]) <= {tag.epc for tag in units[row["unit"]].tags}


def test_every_kind_of_scene_takes_place_within_400_seeds() -> None:
    seen: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for seed in range(400):
        stage = play(seed, PROFILES[seed // 2 % 3], doors=2, hours=0.6)
        seen[stage.site.heldout].update({kind: 1 for kind, count in stage.day.world.kinds.items() if count})
    for heldout, counts in seen.items():
        missing = {kind for kind in EVERYWHERE if counts[kind] < 3}
        assert not missing, (heldout, missing)
    assert all(seen[True][kind] >= 3 for kind in ONLY_JUDGING)
    assert not ONLY_JUDGING & seen[False].keys()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_kind_of_fault_takes_place_within_200_seeds() -> None:
    seen: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for seed in range(200):
        scene = simulate(seed, PROFILES[seed // 2 % 3], doors=2, hours=0.5)
        seen[scene.site.heldout].update({kind: 1 for kind, count in scene.kinds.items() if count})
    for heldout, counts in seen.items():
        missing = {kind for kind in FAULTS if not counts[kind]}
        assert not missing, (heldout, missing)
    assert all(seen[True][kind] for kind in ONLY_JUDGING_FAULTS)
    assert not ONLY_JUDGING_FAULTS & seen[False].keys()
