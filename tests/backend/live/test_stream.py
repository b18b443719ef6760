"""The stream over HTTP: who may see it, what they see, that it can be resumed, that it never queues."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from starlette.websockets import WebSocketDisconnect

from milepost.db import Database
from milepost.fleet import service as fleet
from milepost.live.hub import LiveHub
from milepost.live.state import Limits
from milepost.times import now_ms


class Nothing:
    """Targets of a hub that is fed by hand."""

    def target_at(self, device: str, at: int) -> tuple[str, str] | None:
        return None

    def target_of(self, device: str, first: int, last: int) -> tuple[str, str] | None:
        return self.target_at(device, last)

    def limits_of(self, device: str, moving: bool = False) -> Limits:
        return Limits()


@pytest.fixture
def hub() -> LiveHub:
    return LiveHub(Nothing())


@pytest.fixture
def viewer(client_of: Callable[..., TestClient], hub: LiveHub) -> Callable[..., TestClient]:
    def make(*grants: Any) -> TestClient:
        client = client_of(*grants)
        client.app.state.live = hub  # pyright: ignore[reportAttributeAccessIssue]
        return client

    return make


def move(hub: LiveHub, vehicle: str = "v1", lat: float = 31.0) -> None:
    hub._board.fix(vehicle, lng=121.0, lat=lat, course=0, speed_mps=9, at=now_ms())
    hub.tick()


def closed_with(client: TestClient, url: str = "/api/v1/live", **headers: str) -> int:
    with client.websocket_connect(url, headers=headers) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    return closed.value.code


def test_while_the_database_is_away_a_board_is_told_to_come_again(viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = viewer("dispatcher")

    def away(*_: object) -> None:
        locked = sqlite3.OperationalError("database is locked")
        locked.sqlite_errorname = "SQLITE_BUSY"
        raise OperationalError("SELECT 1", {}, locked)

    monkeypatch.setattr("milepost.live.api._sight", away)
    assert closed_with(client) == 1013


def test_a_new_viewer_gets_the_whole_state_and_then_each_change(viewer, hub: LiveHub) -> None:
    move(hub)
    with viewer("dispatcher").websocket_connect("/api/v1/live") as socket:
        first = socket.receive_json()
        assert first["reset"] and [row[0] for row in first["v"]] == ["v1"]
        socket.send_json({"ack": first["seq"]})
        move(hub, lat=31.1)
        second = socket.receive_json()
        assert second["v"][0][2] == 31.1 and "reset" not in second


def test_a_viewer_that_comes_back_gets_what_it_missed_and_every_event(viewer, hub: LiveHub) -> None:
    move(hub)
    seen = hub.seq
    for n in range(3):
        hub.notify("alert", {"n": n})
        move(hub, lat=31.2 + n / 10)
    with viewer("dispatcher").websocket_connect(f"/api/v1/live?since={seen}") as socket:
        frame = socket.receive_json()
    assert [row[2] for row in frame["v"]] == [31.4]
    assert [event["n"] for event in frame["e"]] == [0, 1, 2]


def test_an_empty_frame_comes_within_two_and_a_half_seconds(viewer, hub: LiveHub) -> None:
    with viewer("dispatcher").websocket_connect(f"/api/v1/live?since={hub.seq}") as socket:
        before = now_ms()
        frame = socket.receive_json()
        assert frame["v"] == [] and frame["e"] == [] and frame["seq"] == hub.seq
        assert now_ms() - before <= 3_200


def test_a_viewer_that_does_not_answer_is_skipped_not_queued(viewer, hub: LiveHub) -> None:
    move(hub)
    with viewer("dispatcher").websocket_connect("/api/v1/live") as socket:
        frames = [socket.receive_json()]
        for n in range(2):
            move(hub, lat=31.1 + n / 10)
            frames.append(socket.receive_json())
        for n in range(5):  # three frames are unanswered: nothing more is sent
            move(hub, lat=31.5 + n / 10)
            time.sleep(0.05)  # time enough to be sent each one, were it not for the pace
        socket.send_json({"ack": frames[-1]["seq"]})
        caught_up = socket.receive_json()
        assert caught_up["v"][0][2] == 31.9 and caught_up["seq"] == hub.seq


def test_who_is_not_signed_in_sees_nothing(viewer) -> None:
    stranger = viewer()
    assert closed_with(stranger) == 4401
    assert stranger.get("/api/v1/live").status_code == 401
    assert stranger.get("/api/v1/live/changes?since=0").status_code == 401


def test_a_socket_opened_by_another_site_is_closed(viewer) -> None:
    assert closed_with(viewer("dispatcher"), Origin="https://evil.example") == 4403


def test_a_process_without_the_hub_says_so(client_of) -> None:
    client = client_of("dispatcher")
    assert closed_with(client) == 4503
    answer = client.get("/api/v1/live")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_a_driver_sees_only_the_own_vehicle_on_every_way(viewer, hub: LiveHub, db: Database) -> None:
    with db.tx() as conn:
        mine, other = (fleet.add_vehicle(conn, plate=plate) for plate in ("沪A12345", "沪A12346"))
    hub.notify("alert", {"n": 1}, vehicle=other)
    hub.notify("alert", {"n": 2}, vehicle=mine)
    move(hub, mine)
    move(hub, other)
    driver = viewer(("driver", "vehicle", mine))
    with driver.websocket_connect("/api/v1/live") as socket:
        frame = socket.receive_json()
    for seen in (frame, driver.get("/api/v1/live").json(), driver.get("/api/v1/live/changes?since=0").json()):
        assert [row[0] for row in seen["v"]] == [mine]
        assert [event["n"] for event in seen["e"]] == [2]


def test_the_long_poll_answers_at_once_when_there_is_news_and_empty_when_not(viewer, hub: LiveHub) -> None:
    client = viewer("dispatcher")
    move(hub)
    seen = hub.seq
    assert client.get(f"/api/v1/live/changes?since={seen}&wait_s=0.2").json()["v"] == []
    move(hub, lat=31.7)
    assert client.get(f"/api/v1/live/changes?since={seen}").json()["v"][0][2] == 31.7


@pytest.mark.parametrize("nonsense", ["{", '"ack"', '{"ack":"x"}', "[]", '{"ack":null}'])
def test_nonsense_from_a_viewer_does_no_harm(viewer, hub: LiveHub, nonsense: str) -> None:
    move(hub)
    with viewer("dispatcher").websocket_connect("/api/v1/live") as socket:
        socket.receive_json()
        socket.send_text(nonsense)
        move(hub, lat=31.3)
        assert socket.receive_json()["v"][0][2] == 31.3
