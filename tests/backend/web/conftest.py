"""Fixtures of the pages' tests: branches on the map, and a browser without scripts."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.masterdata import service as masterdata
from milepost.times import now_ms

sys.path.insert(0, str(Path(__file__).parent))

ALL = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver", "customer")
_numbers = itertools.count(1)


@pytest.fixture
def branches(db: Database) -> None:
    """Three branches; the first is the nearest to the pickup of `ask`."""
    rows = (("ZJ", "张江", "Zhangjiang", 31.205, 121.59), ("BC", "北蔡", "Beicai", 31.18, 121.54),
            ("JD", "嘉定", "Jiading", 31.38, 121.26))  # fmt: skip
    with db.tx() as conn:
        for key, zh, en, lat, lng in rows:
            values = {"id": key, "name_zh": zh, "name_en": en, "region": "Pudong", "big_region": "Shanghai",
                      "calendar": "default", "lat": lat, "lng": lng, "active": True}  # fmt: skip
            masterdata.create(conn, "branch", values, now_ms())


@pytest.fixture
def ask(client_of: Callable[..., TestClient], branches: None) -> Callable[..., str]:
    """`ask(branch="ZJ", submit=True, **fields)` → number of a new order, made over the API."""
    api = client_of(*ALL)

    def make(branch: str | None = "ZJ", submit: bool = True, **fields: Any) -> str:
        body: dict[str, Any] = {
            "type": "consignment", "customer": "C-1", "channel": "web", "number": f"T-{next(_numbers):05d}",
            "lines": [{"name": "cartons", "qty": 5}], "contact": {"name": "Wang", "phone": "13800000000"}, "dates": {},
            "from": {"name": "Shipper", "address": "Road 1", "lat": 31.2, "lng": 121.6},
            "to": {"name": "Consignee Li", "address": "Road 2", "phone": "13911112222"}, "pickup": "asap",
        }  # fmt: skip
        body |= {"branch": branch} if branch else {}
        answer = api.post("/api/v1/orders", json=body | fields)
        assert answer.status_code == 201, answer.text
        if submit:
            answer = api.post(f"/api/v1/orders/{body['number']}/submit", json={})
            assert answer.is_success, answer.text
        return body["number"]

    return make
