"""Which records of a device have arrived, hour by hour: pure rules, and the rows that hold them."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.db import Database
from milepost.ingest import completeness_rows as rows
from milepost.ingest import ranges
from milepost.ingest.completeness import HOUR_MS, Count, Hole, Stream, counts, whole
from milepost.ingest.completeness_sink import CompletenessSink, News
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.spool import Message, Spool
from milepost.times import to_rfc3339
from milepost_device import wire

from .conftest import STREAM, T0, batch, fix

DAYS = 400
DAY_MS = 86_400_000
START = (wire.EPOCH + T0) * 1000 // HOUR_MS * HOUR_MS
SECOND = (START // 1000) - wire.EPOCH  # of the wire, at the beginning of the first hour
NINE, TEN, ELEVEN, TWELVE = (START + n * HOUR_MS for n in range(4))
SENT = START + 6 * HOUR_MS


def at(seq: int, minutes: float) -> wire.Fix:
    return fix(seq, t=SECOND + int(minutes * 60))


def gap(first: int, last: int, minutes: float) -> wire.Event:
    args = {"first_seq": first, "last_seq": last}
    return wire.Event(t=SECOND + int(minutes * 60), clock=wire.CLOCK_GNSS, code=wire.EV_GAP, args=args)


def item(n: int, payload: bytes, received_ms: int = SENT) -> SpoolItem:
    return SpoolItem(n, "truck-1", UP, received_ms, payload)


def news_of(*payloads: bytes, received_ms: int = SENT) -> News:
    found = News(DAYS * DAY_MS)
    for n, payload in enumerate(payloads):
        found.take(item(n, payload, received_ms))
    return found


def counted(*payloads: bytes, received_ms: int = SENT) -> tuple[dict[int, Count], list[Hole]]:
    found = news_of(*payloads, received_ms=received_ms)
    assert len(found.streams) == 1
    return counts(STREAM, next(iter(found.streams.values())), {key[2]: hour for key, hour in found.hours.items()}, True)


def test_records_count_in_the_hour_of_their_own_time() -> None:
    found, holes = counted(batch([at(n, n) for n in range(1, 91)]))
    assert {hour: each.received for hour, each in found.items()} == {NINE: 59, TEN: 31}
    assert holes == []
    assert [found[hour].verdict for hour in (NINE, TEN)] == ["complete", "unknown"]  # more of the newest may come
    assert whole(found)[1] == "complete"


def test_late_is_what_no_receipt_had_within_a_minute() -> None:
    early = item(1, batch([at(n, n) for n in (1, 2, 3)]), START + 3 * 60_000)
    again = item(2, batch([at(n, n) for n in (1, 2, 3)]), START + DAY_MS)
    for order in ((early, again), (again, early)):
        found = News(DAYS * DAY_MS)
        for each in order:
            found.take(each)
        hours = {key[2]: hour for key, hour in found.hours.items()}
        assert counts(STREAM, found.streams["truck-1", STREAM], hours, True)[0][NINE].late == 1


def test_a_hole_is_missing_below_the_tail_and_pending_above() -> None:
    low, high = batch([at(n, n) for n in (1, 2)]), batch([at(n, n) for n in (8, 9)], first=8, tail=5)
    found, holes = counted(low, high)
    assert (found[NINE].missing, found[NINE].pending) == (2, 3)
    assert [(each.first, each.last, each.what) for each in holes] == [(3, 4, "missing"), (5, 7, "pending")]
    assert found[NINE].verdict == "incomplete"
    still = counted(low, batch([at(n, n) for n in (8, 9)], first=8, tail=3), batch([at(10, 70)], first=10, tail=3))[0]
    assert (still[NINE].pending, still[NINE].missing, still[NINE].verdict) == (5, 0, "unknown")


def test_what_the_device_says_it_lost_is_dropped_and_no_longer_missing() -> None:
    lost = batch([gap(3, 6, 10), at(9, 11)], first=8, tail=8)
    found, holes = counted(batch([at(n, n) for n in (1, 2)]), lost)
    assert (found[NINE].dropped, found[NINE].missing, found[NINE].verdict) == (4, 1, "incomplete")
    assert holes[0].what == "missing" and (holes[0].first, holes[0].last) == (7, 7)
    # Only what lies below the record is believed, and what has come is not lost.
    liar = counted(batch([at(1, 1), gap(1, 90, 2), at(3, 3)]), batch([at(9, 9)], first=9))[0]
    assert liar[NINE].dropped == 0


def test_the_beginning_of_a_stream_is_not_missing() -> None:
    found, holes = counted(batch([at(n, 1) for n in (101, 102)], first=101, tail=101))
    assert (found[NINE].missing, found[NINE].pending, holes) == (0, 0, [])
    # What the first tail promised and never came is.
    found, _ = counted(batch([at(101, 1)], first=101, tail=91), batch([at(102, 2)], first=102, tail=102))
    assert found[NINE].missing == 10


def test_what_cannot_be_decoded_has_arrived() -> None:
    unknown = batch([at(1, 1), wire.Unknown(77, b"\x01\x02"), at(3, 3)])
    found, holes = counted(unknown)
    assert (found[NINE].received, found[NINE].unreadable, found[NINE].missing) == (2, 1, 0)
    assert [each.what for each in holes] == ["unreadable"]
    later_version = bytearray(batch([at(n, n) for n in (4, 5, 6)], first=4))
    later_version[1] = 9
    later_version[-4:] = wire.crc32(bytes(later_version[:-4])).to_bytes(4, "little")
    found, _ = counted(unknown, bytes(later_version), batch([at(7, 7)], first=7))
    assert (found[NINE].received, found[NINE].unreadable, found[NINE].missing) == (3, 4, 0)
    # Read again after an update, it is a record like any other.
    found, _ = counted(unknown, batch([at(1, 1), at(2, 2), at(3, 3)]))
    assert (found[NINE].received, found[NINE].unreadable) == (3, 0)


def test_records_without_a_clock_count_once_they_are_placed() -> None:
    waiting = [fix(2, t=1, ms=60_000, clock=wire.CLOCK_NONE)]
    found, _ = counted(batch([at(1, 1)]), batch(waiting, first=2), batch([at(3, 3)], first=3, tail=3))
    assert (found[NINE].received, found[NINE].missing, found[NINE].pending) == (2, 0, 0)


def test_a_time_that_cannot_be_makes_no_hour() -> None:
    found = news_of(batch([at(1, 1), at(2, 90 * 60), at(3, 2)]), received_ms=START)
    assert [key[2] for key in found.hours] == [NINE]
    assert found.streams["truck-1", STREAM].unplaced == ((2, 2),)


def test_a_hole_over_hours_is_spread_evenly_between_its_neighbours() -> None:
    found, holes = counted(batch([at(1, 30)]), batch([at(302, 180 + 31)], first=302, tail=302))
    assert {hour: each.missing for hour, each in found.items()} == {NINE: 49, TEN: 100, ELEVEN: 100, TWELVE: 51}
    assert sum(each.last - each.first + 1 for each in holes) == 300
    assert found[TEN].received == 0 and found[TEN].verdict == "incomplete"


def test_a_hole_between_times_in_no_order_stands_in_the_hour_behind_it() -> None:
    found, _ = counted(batch([at(1, 130)]), batch([at(5, 5)], first=5, tail=5))
    assert (found[NINE].missing, found[ELEVEN].missing) == (3, 0)


# --- any order, any repeats ---

_DEVICE = st.lists(st.tuples(st.sampled_from(["ok", "lost", "held", "strange"]), st.integers(1, 9)), max_size=12)


def _payloads(pieces: Sequence[tuple[str, int]]) -> list[bytes]:
    """Batches of a device whose ring went like this: minutes pass by 7 a record."""
    found, seq = [], 1
    for kind, n in pieces:
        if kind == "ok":
            found.append(batch([at(seq + k, 7 * (seq + k)) for k in range(n)], first=seq, tail=max(1, seq - 3)))
        elif kind == "strange":
            found.append(batch([wire.Unknown(99, bytes([k])) for k in range(n)], first=seq))
        elif kind == "lost" and seq > 1:
            found.append(batch([gap(seq, seq + n - 1, 7 * (seq + n))], first=seq + n, tail=seq + n))
            seq += 1
        seq += n
    return found


@given(_DEVICE, st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.requirement("G-07")
def test_any_order_repeats_and_spools_give_the_same_account(pieces: list[tuple[str, int]], data: st.DataObject) -> None:
    payloads = _payloads(pieces)
    sent = START + DAY_MS
    plain = news_of(*payloads, received_ms=sent)
    mixed = data.draw(st.lists(st.sampled_from(payloads), max_size=12)) if payloads else []
    mixed = data.draw(st.permutations([*payloads, *mixed]))
    cut = data.draw(st.integers(0, len(mixed)))
    one, other = news_of(*mixed[:cut], received_ms=sent), news_of(*mixed[cut:], received_ms=sent)
    streams = {key: one.streams.get(key, Stream()).merged(other.streams.get(key, Stream())) for key in plain.streams}
    assert streams == plain.streams
    hours = dict(one.hours)
    for key, hour in other.hours.items():
        hours[key] = hours[key].merged(hour) if key in hours else hour
    assert hours == plain.hours
    if plain.hours:
        stream = plain.streams["truck-1", STREAM]
        by_hour = {key[2]: hour for key, hour in plain.hours.items()}
        found, holes = counts(STREAM, stream, by_hour, True)
        total, _ = whole(found)
        top = max(stream.placed[-1][1], *(r[1] for r in stream.unreadable), 0)
        low = min(stream.placed[0][0], max(stream.begin, 1))
        # Every number between the ends stands in exactly one column.
        assert total.received + total.missing + total.dropped + total.unreadable + total.pending == top - low + 1
        assert sum(each.last - each.first + 1 for each in holes) == top - low + 1 - total.received


_SETS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=9)


def _set_of(pairs: Sequence[tuple[int, int]]) -> tuple[ranges.Ranges, set[int]]:
    return (
        ranges.of((low, low + more) for low, more in pairs),
        {n for low, more in pairs for n in range(low, low + more + 1)},
    )


@given(_SETS, _SETS)
def test_ranges_are_sets(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    (one, a), (other, b) = _set_of(some), _set_of(others)

    def plain(found: ranges.Ranges) -> set[int]:
        assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(found))
        return {n for low, high in found for n in range(low, high + 1)}

    assert plain(ranges.union(one, other)) == a | b
    assert plain(ranges.minus(one, other)) == a - b
    assert plain(ranges.common(one, other)) == a & b
    assert ranges.size(one) == len(a)
    assert ranges.overlap(one, 5, 30) == len(a & set(range(5, 31)))
    assert ranges.decode(ranges.encode(one)) == one


@given(st.text(alphabet="0123456789,-", max_size=20))
def test_a_text_of_ranges_is_right_or_refused(text: str) -> None:
    try:
        found = ranges.decode(text)
    except ValueError:
        return
    assert all(low <= high for low, high in found)
    assert ranges.of(found) == found


# --- rows ---


def _sink(db: Database, folder: Path, name: str, *payloads: bytes) -> None:
    spool = Spool(folder / f"{name}.db")
    spool.append([Message("truck-1", UP, SENT, payload) for payload in payloads])
    sink = CompletenessSink(db, spool, 36_500)
    if items := spool.after(sink.position()):
        sink.handle(items)
        assert sink.position() == items[-1].id
    spool.close()


@pytest.mark.requirement("G-07")
@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_two_workers_with_spools_of_their_own_keep_one_account(db: Database, tmp_path: Path) -> None:
    one = batch([at(n, n) for n in range(1, 31)])
    two = batch([at(n, n) for n in range(20, 71)], first=20, tail=5)
    three = batch([at(90, 190)], first=90, tail=90)
    for name, payloads in (("a", (one,)), ("b", (three,)), ("b", (two,)), ("c", (one,)), ("d", (three,))):
        _sink(db, tmp_path, name, *payloads)
    with db.read() as conn:
        [((device, number), stream, hours)] = list(rows.load(conn, NINE, START + 4 * HOUR_MS))
        assert (device, number, stream.placed, stream.tail, stream.begin) == (
            "truck-1", STREAM, ((1, 70), (90, 90)), 90, 1,
        )  # fmt: skip
        assert {hour: ranges.size(each.received) for hour, each in hours.items()} == {NINE: 59, TEN: 11, TWELVE: 1}
        found, _ = counts(number, stream, hours, True)
        assert sum(each.missing for each in found.values()) == 19
        [(_, _, some)] = list(rows.load(conn, ELEVEN, TWELVE))  # nothing in it, but the hole goes through it
        assert sorted(some) == [TEN, TWELVE]
        assert counts(number, stream, some, True)[0][ELEVEN] == found[ELEVEN]


def test_old_hours_are_forgotten_and_leave_no_hole(db: Database, tmp_path: Path) -> None:
    _sink(db, tmp_path, "a", batch([at(n, n) for n in range(1, 31)]), batch([at(40, 70)], first=40, tail=40))
    with db.tx() as conn:
        rows.forget(conn, TEN)
        [(_, stream, hours)] = list(rows.load(conn, NINE, ELEVEN))
        found, _holes = counts(STREAM, stream, hours, True)
        assert (sorted(found), found[TEN].received, found[TEN].missing) == ([TEN], 1, 9)
        rows.forget(conn, TWELVE)
        assert list(rows.load(conn, NINE, TWELVE)) == []
    _sink(db, tmp_path, "b", batch([at(41, 71)], first=41, tail=41))
    with db.read() as conn:
        [(_, stream, hours)] = list(rows.load(conn, NINE, ELEVEN))
        assert counts(STREAM, stream, hours, True)[1] == []


# --- HTTP ---

SPAN = {"from": to_rfc3339(NINE), "to": to_rfc3339(TWELVE)}


@pytest.mark.requirement("G-07")
def test_the_account_of_a_device(db: Database, tmp_path: Path, client_of: Callable[..., TestClient]) -> None:
    lost = batch([gap(21, 28, 30), *(at(n, 70) for n in range(32, 36))], first=31, tail=30)
    _sink(db, tmp_path, "a", batch([at(n, n) for n in range(1, 21)]), lost, batch([at(36, 130)], first=36))
    engineer = client_of("engineer")
    found = engineer.get("/api/v1/devices/truck-1/completeness", params={**SPAN, "tz": "Asia/Shanghai"}).json()
    names = ("received", "missing", "dropped", "late", "unreadable", "pending", "verdict")
    assert [(each["hour"][:16], *(each[name] for name in names)) for each in found["hours"]] == [
        ("2026-05-04T03:00", 21, 1, 8, 21, 0, 1, "incomplete"),
        ("2026-05-04T04:00", 4, 0, 0, 4, 0, 0, "complete"),
        ("2026-05-04T05:00", 1, 0, 0, 1, 0, 0, "unknown"),
    ]
    assert (found["numbered"], found["total"]["received"], found["total"]["verdict"]) == (True, 26, "incomplete")
    assert found["until"].startswith("2026-05-04T05:10")
    assert [(each["first"], each["last"], each["what"]) for each in found["holes"]] == [
        (21, 28, "dropped"), (29, 29, "missing"), (30, 30, "pending"),
    ]  # fmt: skip
    nothing = engineer.get("/api/v1/devices/truck-9/completeness", params=SPAN).json()
    assert (nothing["hours"], nothing["total"]["verdict"], nothing["until"]) == ([], "unknown", None)


def test_all_devices_of_an_hour_worst_first(db: Database, tmp_path: Path, client_of: Callable[..., TestClient]) -> None:
    for device, hole in (("good", 0), ("bad", 5), ("worse", 9)):
        spool = Spool(tmp_path / f"{device}.db")
        first = 3 + hole
        for payload in (batch([at(1, 1), at(2, 2)]), batch([at(first, 3)], first=first, tail=first)):
            spool.append([Message(device, UP, SENT, payload)])
        sink = CompletenessSink(db, spool, 36_500)
        sink.handle(spool.after(0))
        spool.close()
    engineer = client_of("engineer")
    params = {"hour": to_rfc3339(NINE + 60_000), "limit": "2"}
    page = engineer.get("/api/v1/completeness", params=params).json()
    assert [(each["device"], each["missing"]) for each in page["items"]] == [("worse", 9), ("bad", 5)]
    rest = engineer.get("/api/v1/completeness", params=params | {"cursor": page["next"]}).json()
    assert [(each["device"], each["verdict"]) for each in rest["items"]] == [("good", "unknown")]
    assert (rest["next"], rest["hour"]) == (None, to_rfc3339(NINE))
    assert engineer.get("/api/v1/completeness", params=params | {"cursor": "x"}).status_code == 422
    assert engineer.get("/api/v1/completeness", params={"hour": "noon"}).status_code == 422


def test_accounts_of_devices_are_for_people_of_the_whole_company(client_of: Callable[..., TestClient]) -> None:
    for grants, status in (
        (("dispatcher",), 200),
        (("auditor",), 200),
        ((("dispatcher", "branch", "SH"),), 403),
        (("customer",), 403),
        ((), 401),
    ):
        client = client_of(*grants)
        assert client.get("/api/v1/devices/truck-1/completeness").status_code == status
        assert client.get("/api/v1/completeness").status_code == status
    long = {"from": "2026-01-01T00:00:00Z", "to": "2026-05-03T00:00:00Z"}
    assert client_of("engineer").get("/api/v1/devices/truck-1/completeness", params=long).status_code == 422
