"""The board: what a viewer sees, and that catching up gives exactly what a new viewer gets."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.live.state import Board, Frame, Limits, contact, motion

T0 = 1_700_000_000_000


def put(board: Board, vehicle: str = "v1", *, at: int = T0, speed: float | None = 10.0, lat: float = 31.0) -> bool:
    return board.fix(vehicle, lng=121.0, lat=lat, course=90.4, speed_mps=speed, at=at)


def row(board: Board, vehicle: str = "v1") -> list[Any]:
    return next(row for row in board.full().v if row[0] == vehicle)


class Mirror:
    """What a browser does with frames (static/js/store.js keeps to the same rule)."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.seq = -1

    def apply(self, frame: Frame) -> None:
        if frame.reset:
            self.rows.clear()
            self.events.clear()
        self.rows.update({row[0]: row for row in frame.v})
        self.events.extend(frame.e)
        self.seq = frame.seq


def test_a_fix_is_seen_at_the_next_tick_in_the_contract_form() -> None:
    board = Board(first_seq=7)
    put(board)
    assert board.full().v == []
    frame = board.tick(T0 + 500)
    assert frame is not None
    assert (frame.seq, frame.t) == (8, T0 + 500)
    assert frame.v == [["v1", 121.0, 31.0, 90, 10.0, "moving", "live", T0]]


def test_a_tick_without_changes_is_silent_and_keeps_the_sequence_number() -> None:
    board = Board()
    put(board)
    board.tick(T0)
    assert board.tick(T0 + 250) is None
    assert board.seq == 1


def test_an_older_fix_that_arrives_late_does_not_move_the_vehicle_back() -> None:
    board = Board()
    put(board, at=T0, lat=31.0)
    assert not put(board, at=T0 - 1000, lat=30.0)
    board.tick(T0)
    assert row(board)[2] == 31.0


def test_idling_needs_the_ignition() -> None:
    assert motion(0.0, None) == "stopped"
    assert motion(0.0, False) == "stopped"
    assert motion(0.0, True) == "idling"
    assert motion(1.5, False) == "moving"
    assert motion(None, True) == "idling"


def test_the_ignition_is_remembered_before_the_first_fix() -> None:
    board = Board()
    board.ignition("v1", True, T0)
    put(board, speed=0.0)
    board.tick(T0)
    assert row(board)[5] == "idling"


_changes = st.one_of(
    st.tuples(st.just("fix"), st.integers(0, 40)),
    st.tuples(st.just("ignition"), st.integers(0, 40)),
    st.tuples(st.just("presence"), st.integers(0, 40)),
)


@given(st.lists(_changes, unique=True, max_size=12), st.data())
def test_any_order_and_any_repeat_of_the_same_changes_gives_the_same_row(
    changes: list[tuple[str, int]], data: st.DataObject
) -> None:
    """What several workers saw comes to a board in any order, and some of it twice."""
    boards = [Board(), Board()]
    again = data.draw(
        st.permutations(changes + data.draw(st.lists(st.sampled_from(changes), max_size=5))) if changes else st.just([])
    )
    for board, order in zip(boards, (changes, again), strict=True):
        for kind, at in order:
            when = T0 + at * 1000
            if kind == "fix":
                put(board, at=when, speed=0.0, lat=31 + at / 100)
            elif kind == "ignition":
                board.ignition("v1", at % 2 == 0, when)
            else:
                board.presence("v1", at % 2 == 0, when)
        board.tick(T0 + 50_000)
    assert boards[0].full().v == boards[1].full().v


def test_silence_turns_stale_and_offline_exactly_on_time_without_a_message() -> None:
    board = Board()
    board.set_limits("v1", Limits.of_interval(30))
    put(board)
    board.tick(T0)
    assert board.tick(T0 + 89_999) is None
    stale = board.tick(T0 + 90_000)
    assert stale is not None and stale.v[0][6] == "stale"
    assert board.tick(T0 + 599_999) is None
    offline = board.tick(T0 + 600_000)
    assert offline is not None and offline.v[0][6] == "offline"


def test_limits_follow_the_devices_own_interval() -> None:
    assert Limits.of_interval(1) == Limits(60_000, 600_000)
    assert Limits.of_interval(120) == Limits(360_000, 1_200_000)
    assert contact(359_999, Limits.of_interval(120)) == "live"


def test_a_last_will_is_offline_at_once_and_a_newer_fix_ends_it() -> None:
    board = Board()
    put(board)
    board.tick(T0)
    board.presence("v1", online=False, at=T0 + 1000)
    board.tick(T0 + 1000)
    assert row(board)[6] == "offline"
    put(board, at=T0 + 2000)
    board.tick(T0 + 2000)
    assert row(board)[6] == "live"


def test_events_are_never_conflated_and_vehicles_are() -> None:
    board = Board()
    for n in range(5):
        put(board, at=T0 + n, lat=31 + n / 10)
        board.event("alert", {"n": n}, vehicle="v1")
    frame = board.tick(T0 + 10)
    assert frame is not None
    assert len(frame.v) == 1 and frame.v[0][2] == 31.4
    assert [event["n"] for event in frame.e] == [0, 1, 2, 3, 4]


def test_a_viewer_sees_only_the_vehicles_of_its_scope() -> None:
    board = Board()
    put(board, "v1")
    put(board, "v2")
    board.event("alert", {"n": 1}, vehicle="v1")
    board.event("alert", {"n": 2}, vehicle="v2")
    board.event("alert", {"n": 3})
    board.tick(T0)
    for frame in (board.full({"v2"}), board.since(0, {"v2"})):
        assert [row[0] for row in frame.v] == ["v2"]
        assert [event["n"] for event in frame.e] == [2]


def test_a_viewer_whose_events_are_no_longer_kept_is_told_to_start_anew() -> None:
    board = Board(events_kept=3)
    for n in range(5):
        board.event("alert", {"n": n})
        board.tick(T0 + n)
    assert board.since(1).reset
    assert not board.since(2).reset
    assert [event["n"] for event in board.since(2).e] == [2, 3, 4]


def test_a_viewer_of_an_earlier_process_is_told_to_start_anew() -> None:
    board = Board(first_seq=1000)
    assert board.since(999).reset
    assert board.since(1001).reset
    assert not board.since(1000).reset


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("fix"), st.sampled_from("abc"), st.integers(0, 900_000), st.floats(0, 30)),
        st.tuples(st.just("ignition"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.just("presence"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.just("event"), st.integers(0, 9)),
        st.tuples(st.just("tick"), st.integers(0, 400_000)),
        st.tuples(st.just("look")),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(_steps, st.integers(1, 20))
def test_any_stale_state_and_its_frames_equal_a_fresh_state(steps: list[tuple[Any, ...]], kept: int) -> None:
    board = Board(first_seq=50, events_kept=kept)
    stale, now, told = Mirror(), T0, 0
    for step in steps:
        match step:
            case ("fix", vehicle, age, speed):
                put(board, vehicle, at=now - age, speed=speed)
            case ("ignition", vehicle, on):
                board.ignition(vehicle, on, now)
            case ("presence", vehicle, online):
                board.presence(vehicle, online, now)
            case ("event", n):
                board.event("alert", {"n": n})
            case ("tick", passed):
                now += passed
                frame = board.tick(now)
                told += len(frame.e) if frame else 0
            case _:  # the viewer looks now and then, and misses what happens between
                stale.apply(board.since(stale.seq))
    stale.apply(board.since(stale.seq))
    fresh = Mirror()
    fresh.apply(board.full())
    assert stale.rows == fresh.rows
    assert stale.seq == fresh.seq
    # No event twice, and none missing that is still kept since the viewer last started anew.
    assert stale.events[-len(fresh.events) :] == fresh.events if fresh.events else True
    assert len(stale.events) <= told
