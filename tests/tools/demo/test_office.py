"""What the demo's people do, through the real API: every step is one that its role may take."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from milepost.access import service as access
from milepost.app import create_api
from milepost.db import Database
from milepost.settings import Settings
from milepost_tools.demo import people, places
from milepost_tools.demo.client import ApiError, Client
from milepost_tools.demo.scenario import UNITS_PER_ORDER, Round
from milepost_tools.demo.world import World

PASSWORD = "milepost-demo"


@pytest.fixture
def cast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_with_tables: Path) -> Iterator[dict[str, Client]]:
    # Sixteen good password hashes would take most of the test's time.
    monkeypatch.setattr(access, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    db = Database(f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path)}")
    api = create_api(db, Settings(data_dir=tmp_path))  # pyright: ignore[reportCallIssue]
    yield dict(people.hire(db, lambda: TestClient(api), people.CAST, PASSWORD))
    db.close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World(3)
    yield world
    world.stop()


@pytest.fixture
def first(cast: dict[str, Client], world: World) -> Round:
    return Round(1, cast, places.build(cast["dispatcher"]), world, lambda _text: None)


def test_prepared_orders_wait_for_the_door(first: Round, cast: dict[str, Client], world: World) -> None:
    first.prepare()
    assert len(first.shipments) == 3
    for shipment in first.shipments:
        order = cast["demo"].get(f"/orders/{shipment.number}")
        assert order["state"] == "waybilled"
        assert [stage["key"] for stage in order["stages"] if stage["done"]] == [
            "requested",
            "entered",
            "confirmed",
            "picked",
        ]
        assert {unit["id"] for unit in order["units"]} == {pallet.id for pallet in shipment.pallets}
        assert len(order["units"]) == UNITS_PER_ORDER
        assert {epc for unit in order["units"] for epc in unit["epcs"]} == {
            pallet.epc.hex().upper() for pallet in shipment.pallets
        }
        trip = cast["demo"].get(f"/trips/{shipment.trip}")
        assert {each["order"] for each in trip["expected"]} == {shipment.order}
    assert set(world.door.staged) == {pallet.epc for shipment in first.shipments for pallet in shipment.pallets}
    assert first.mistake is not None
    assert first.mistake.pallet in first.shipments[1].pallets


def test_rounds_never_share_a_number_or_a_tag(first: Round, cast: dict[str, Client], world: World) -> None:
    first.prepare()
    world.trucks[0] = World(3).trucks[0]
    second = Round(2, cast, first.places, world, lambda _text: None)
    numbers = [shipment.number for shipment in first.shipments]
    tags = {pallet.epc for shipment in first.shipments for pallet in shipment.pallets}
    with pytest.raises(ApiError, match="end that first"):
        second.prepare()  # the trucks are still on the trips of the first round
    assert not {shipment.number for shipment in second.shipments} & set(numbers)
    assert not {pallet.epc for shipment in second.shipments for pallet in shipment.pallets} & tags
    for shipment in first.shipments:
        cast["dispatcher"].post(f"/trips/{shipment.trip}/vehicle/end")
    world.trucks[0] = World(3).trucks[0]
    Round(3, cast, first.places, world, lambda _text: None).prepare()


def test_a_refusal_names_who_asked_for_what(cast: dict[str, Client]) -> None:
    with pytest.raises(ApiError, match=r"driver: POST /api/v1/sites: 403 forbidden") as caught:
        places.build(cast["driver"])
    assert caught.value.status == 403
    assert caught.value.code == "forbidden"
