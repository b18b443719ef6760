"""`milepost demo --check` fails for every single thing that is not proven (issue: What must work, 1)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from milepost_tools.demo.ledger import Account
from milepost_tools.demo.verdict import DEVICE_STAGES, STAGES, Mile, Mishap, miles, ok

KINDS = {"loaded": "unit.loaded", "in_transit": "vehicle.left", "arrived": "vehicle.stopped"}


def good_order() -> tuple[dict, list[dict]]:
    stages, facts = [], []
    for n, key in enumerate(STAGES, start=1):
        source = DEVICE_STAGES[key][0] if key in DEVICE_STAGES else "person"
        stages.append({
            "n": n, "key": key, "done": True, "at": f"2026-01-01T00:0{n}:00.000Z", "since": None, "grade": "B",
            "source": source, "inferred": False, "facts": [f"f{n}"],
        })  # fmt: skip
        facts.append({
            "id": f"f{n}", "kind": KINDS.get(key, "order.act"), "inputs": ["d/1/1"], "snapshot": {"n": 3},
        })  # fmt: skip
    return {"number": "SO-1", "stages": stages}, facts


def faults(order: dict, facts: list[dict]) -> dict[str, str]:
    return {mile.stage: mile.wrong for mile in miles(order, facts) if mile.wrong}


def test_nine_proven_miles_have_no_fault() -> None:
    order, facts = good_order()
    seen = miles(order, facts)
    assert [mile.stage for mile in seen] == list(STAGES)
    assert not any(mile.wrong for mile in seen)


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda stage: stage.update(done=False), "not reached"),
        (lambda stage: stage.update(inferred=True), "inferred"),
        (lambda stage: stage.update(facts=[]), "no fact"),
        (lambda stage: stage.update(facts=["gone"]), "not in the log"),
        (lambda stage: stage.update(grade=None), "no grade"),
    ],
)
def test_one_spoilt_stage_is_named(n: int, spoil: Callable[[dict], None], said: str) -> None:
    order, facts = good_order()
    spoil(order["stages"][n - 1])
    found = faults(order, facts)
    assert list(found) == [STAGES[n - 1]]
    assert said in found[STAGES[n - 1]]


@pytest.mark.parametrize("key", DEVICE_STAGES)
def test_a_person_does_not_replace_a_device(key: str) -> None:
    order, facts = good_order()
    order["stages"][STAGES.index(key)]["source"] = "person"
    assert faults(order, facts)[key].startswith("source person")


@pytest.mark.parametrize("key", DEVICE_STAGES)
@pytest.mark.parametrize("field", ["inputs", "snapshot"])
def test_a_device_fact_needs_readings_and_snapshot(key: str, field: str) -> None:
    order, facts = good_order()
    facts[STAGES.index(key)][field] = None
    assert key in faults(order, facts)


def test_a_missing_stage_counts_as_not_reached() -> None:
    order, facts = good_order()
    del order["stages"][4]
    assert faults(order, facts) == {"loaded": "not reached"}


MILES = [Mile(f"SO-{order}", n, key, "t", "A", "rfid", 1, "") for order in range(3) for n, key in enumerate(STAGES)]
MISHAP = Mishap("SO-1", "u", caught=True, healed=True)
ACCOUNT = Account("d", 7, sent=5, stored=5, lost=0, duplicated=0)


def test_all_proven_is_ok() -> None:
    assert ok(MILES, 3, MISHAP, [ACCOUNT])


def test_anything_less_is_not() -> None:
    assert not ok(MILES[:18], 2, MISHAP, [ACCOUNT])
    assert not ok(MILES[:-1], 3, MISHAP, [ACCOUNT])
    assert not ok([*MILES[:-1], replace(MILES[-1], wrong="x")], 3, MISHAP, [ACCOUNT])
    assert not ok(MILES, 3, None, [ACCOUNT])
    assert not ok(MILES, 3, replace(MISHAP, caught=False), [ACCOUNT])
    assert not ok(MILES, 3, replace(MISHAP, healed=False), [ACCOUNT])
    assert not ok(MILES, 3, MISHAP, [])
    assert not ok(MILES, 3, MISHAP, [ACCOUNT, replace(ACCOUNT, stored=4, lost=1)])
    assert not ok(MILES, 3, MISHAP, [ACCOUNT, replace(ACCOUNT, stored=6, duplicated=1)])
    assert not ok(MILES, 3, MISHAP, [ACCOUNT, replace(ACCOUNT, sent=0, stored=0)])
