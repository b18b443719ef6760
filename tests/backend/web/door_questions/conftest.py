"""Everything planned at two docks, made once, and a database of its own for each test."""

import copy
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.app import create_api
from milepost.db import Database, metadata
from milepost.evidence.sink import DetectorSink
from milepost.masterdata import service as masterdata
from milepost.orders import service as orders
from milepost.schema import load_tables
from milepost.settings import Settings
from milepost.times import now_ms

from .live_doors import MIN, ROLES, Docks, Live


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Docks]:
    """Everything was planned and confirmed two hours ago: made once, and copied for each test."""
    load_tables()
    folder = tmp_path_factory.mktemp("planned")
    db = Database(f"sqlite:///{folder / 'milepost.db'}")
    metadata.create_all(db.engine)
    with pytest.MonkeyPatch.context() as past:
        for module in list(sys.modules.values()):
            if module.__name__.startswith("milepost") and getattr(module, "now_ms", None) is now_ms:
                past.setattr(module, "now_ms", lambda: now_ms() - 120 * MIN)
        with db.tx() as conn:
            shapes = {"name_zh": "张江", "name_en": "Zhangjiang", "region": "Pudong", "big_region": "Shanghai",
                      "calendar": "default", "lat": 31.2, "lng": 121.59, "active": True}  # fmt: skip
            masterdata.create(conn, "branch", {"id": "ZJ", **shapes}, now_ms())
            grants = [Grant(role) for role in ROLES]
            person = access.create_person(
                conn, login="planner", name="Planner", password_hash="-", grants=grants, now=now_ms()
            )
            token = access.open_session(conn, person, now=now_ms(), life_ms=24 * 60 * MIN)
        api = TestClient(create_api(db, Settings(data_dir=folder)))  # pyright: ignore[reportCallIssue]
        api.headers["Authorization"] = f"Bearer {token}"
        made = Docks(db, api)
    db.close()
    return folder / "milepost.db", made


@pytest.fixture
def db(planned: tuple[Path, Docks], tmp_path: Path) -> Iterator[Database]:
    """A database of its own, as it was when everything had been planned."""
    shutil.copy(planned[0], tmp_path / "milepost.db")
    database = Database(f"sqlite:///{tmp_path / 'milepost.db'}")
    yield database
    database.close()


@pytest.fixture
def live(planned: tuple[Path, Docks], db: Database, client_of: Callable[..., TestClient]) -> Live:
    docks = copy.copy(planned[1])
    docks.db, docks.api, docks.sink = db, client_of(*ROLES), DetectorSink(db, orders.on_facts)
    return Live(docks)


@pytest.fixture
def keeper(client_of: Callable[..., TestClient], live: Live) -> TestClient:
    client = client_of(("keeper", "site", live.docks.sites["DC1"]))
    client.headers["Accept-Language"] = "en"
    return client
