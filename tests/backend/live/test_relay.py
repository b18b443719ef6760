"""What a worker sees reaches the boards of other processes: over a real broker, conflated, and again when missed."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.broker import EmbeddedBroker
from milepost.db import Database
from milepost.fleet.accounts import NatsFile
from milepost.ingest.reading import FixBody, Reading
from milepost.ingest.session import Broker
from milepost.live import changes
from milepost.live.changes import Change, Ignition, Position, Presence, Seen
from milepost.live.feed import Feed
from milepost.live.hub import LiveHub
from milepost.live.relay import TOPIC, Relay
from milepost.live.state import Limits

T0 = 1_790_000_000_000
_text = st.text(max_size=12)
_at = st.integers(0, 1 << 52)
_deg = st.floats(-180, 180)
_vehicle = st.sampled_from(["v1", "v2", "v3"])
_changes = st.one_of(
    st.builds(
        Position, _vehicle, _at, _deg, _deg, st.none() | st.floats(0, 360), st.none() | st.floats(0, 90),
        st.just(60_000), st.just(600_000),
    ),
    st.builds(Ignition, _vehicle, _at, st.booleans()),
    st.builds(Presence, _vehicle, _at, st.booleans()),
    st.builds(Seen, st.sampled_from(["tag", "gate"]), _text, st.dictionaries(_text, st.integers() | _text, max_size=3)),
)  # fmt: skip


@given(_changes)
def test_a_change_survives_the_way_through_json(change: Change) -> None:
    import json  # noqa: PLC0415

    assert changes.decode(json.loads(json.dumps(changes.encode(change)))) == change


_junk = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _text | st.lists(st.integers(), max_size=2)
)


@given(st.tuples(st.sampled_from(["f", "i", "p", "s", "x"]), st.lists(_junk, max_size=8)) | _junk)
def test_nonsense_is_no_change_and_does_no_harm(nonsense: Any) -> None:
    values = [nonsense[0], *nonsense[1]] if isinstance(nonsense, tuple) else nonsense
    found = changes.decode(values)
    if found is not None:
        LiveHub(Nowhere()).apply([found])


@given(st.lists(_changes, max_size=20))
def test_conflation_keeps_the_newest_of_each_sign_and_every_read_at_a_door(some: list[Change]) -> None:
    kept = changes.newest(some)
    assert [each for each in kept if isinstance(each, Seen)] == [each for each in some if isinstance(each, Seen)]
    for kind in (Position, Ignition, Presence):
        for vehicle in ("v1", "v2", "v3"):
            of_it = [each for each in some if isinstance(each, kind) and each.vehicle == vehicle]
            left = [each for each in kept if isinstance(each, kind) and each.vehicle == vehicle]
            assert [each.at for each in left] == ([max(each.at for each in of_it)] if of_it else [])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The embedded broker with the service's own account: it may speak and listen on mp/v1/live."""
    server = EmbeddedBroker(tmp_path_factory.mktemp("relay"))
    NatsFile(server.users_file, server.reload).service("mp-ingest", "secret")
    host, port = server.start()
    yield Broker(host, port, "mp-ingest", "secret")
    server.stop()


class Nowhere:
    def target_at(self, device: str, at: int) -> tuple[str, str] | None:
        return ("vehicle", "v" + device[1:])

    def target_of(self, device: str, first: int, last: int) -> tuple[str, str] | None:
        return self.target_at(device, last)

    def limits_of(self, device: str, moving: bool = False) -> Limits:
        return Limits()


class Store:
    """The one method of a telemetry store that a feed uses."""

    def __init__(self) -> None:
        self.found: dict[str, Reading] = {}
        self.asked = 0

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, Reading]:
        self.asked += 1
        return dict(self.found)


def position(vehicle: str, at: int, lat: float = 31.0) -> Position:
    return Position(vehicle, at, 121.0, lat, 90, 12.0, 60_000, 600_000, "d1")


def fix(device: str, at: int) -> Reading:
    return Reading(device, 1, 1, "fix", at, "gnss", at, FixBody(31.5, 121.5, 5, 12.0, 90, 9, 0.9, 0))


def comes_true(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def far(db: Database, broker: Broker) -> Iterator[tuple[LiveHub, Store, Feed]]:
    """The hub of a process that ingests nothing, fed."""
    hub, store = LiveHub(Nowhere(), clock=lambda: T0), Store()
    feed = Feed(broker, "mp-web-test", hub, store, db, Nowhere())  # pyright: ignore[reportArgumentType]
    feed.start()
    comes_true(feed._client.is_connected)
    yield hub, store, feed
    feed.stop()


def rows(hub: LiveHub) -> dict[str, Any]:
    hub.tick()
    return {row[0]: row for row in hub.full().v}


def test_what_one_process_sees_another_shows(broker: Broker, far: tuple[LiveHub, Store, Feed]) -> None:
    hub, _, _ = far
    relay = Relay(broker, "a")
    relay.start()
    comes_true(relay._client.is_connected)
    for n in range(50):
        relay.apply([position("v1", T0 + n, 31 + n / 1000)])
    relay.apply(
        [Seen("tag", "r1/1/7", {"door": "d1", "epc": "E2"}), Seen("tag", "r1/1/7", {"door": "d1", "epc": "E2"})]
    )
    comes_true(lambda: "v1" in rows(hub) and rows(hub)["v1"][7] == T0 + 49)
    assert [event["epc"] for event in hub.full().e] == ["E2"], "a read that comes twice is told once"
    relay.stop()


def test_what_was_missed_is_found_in_the_store(
    far: tuple[LiveHub, Store, Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, store, feed = far
    monkeypatch.setattr("milepost.live.feed._LOOK_AGAIN_S", (0.1,))
    feed.take(TOPIC + "a", b'{"run":"x","n":1,"c":[]}')
    comes_true(lambda: not feed._due, 40)
    asked = store.asked
    feed.take(TOPIC + "a", b'{"run":"x","n":2,"c":[]}')
    time.sleep(0.6)
    assert store.asked == asked, "nothing was missed"
    store.found["t9"] = fix("t9", T0)
    feed.take(TOPIC + "a", b'{"run":"x","n":4,"c":[]}')
    comes_true(lambda: "v9" in rows(hub))


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", b'{"run":1,"n":"x","c":3}', b"[" * 9999])
def test_a_frame_that_is_none_is_passed_over(far: tuple[LiveHub, Store, Feed], payload: bytes) -> None:
    far[2].take(TOPIC + "a", payload)


def test_a_hub_never_takes_the_number_of_another_for_its_own() -> None:
    """A viewer that comes from another worker, or from before a restart, gets the whole state whatever it has seen."""
    hubs = [LiveHub(Nowhere(), clock=lambda: T0) for _ in range(8)]
    for hub in hubs:
        hub.apply([position("v1", T0)])
        for n in range(20):
            hub.apply([position("v1", T0 + n + 1)])
            hub.tick()
    for hub in hubs:
        for other in hubs:
            assert hub.since(other.seq).reset == (hub is not other)
        assert hub.seq < 1 << 53, "JavaScript counts no further"
