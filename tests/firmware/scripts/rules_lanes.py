"""Which records go next: a model backend that loses, delays and forgets must end up with all of them."""

import random

import rules

from milepost_device.lanes import AGAIN, CATCH_UP, LIVE, NOTHING, Lanes


def test_one_record_waits_for_the_batch_and_then_goes():
    lanes = Lanes(1000, 10000)
    lanes.restart(0, 0)
    lanes.appended(1, 50)
    assert lanes.choose(1, 1, False, 100) == NOTHING
    assert lanes.delay_ms == 950
    assert lanes.choose(1, 1, True, 100) == CATCH_UP, "a full batch does not wait"
    assert lanes.choose(1, 1, False, 1050) == CATCH_UP
    assert (lanes.first, lanes.last) == (1, 1)
    lanes.sent(CATCH_UP, 1, 1050)
    assert lanes.choose(1, 1, False, 3000) == NOTHING


def test_backlog_does_not_starve_the_newest():
    lanes = Lanes(1000, 10000)
    lanes.restart(0, 0)
    assert lanes.choose(1, 5000, False, 0) in (LIVE, CATCH_UP)
    now = 0
    head = 5000
    waited = 0
    for i in range(60):
        lane = lanes.choose(1, head, False, now)
        if lane == LIVE:
            assert lanes.last == head
            lanes.sent(LIVE, head, now)
            waited = 0
        elif lane == CATCH_UP:
            lanes.sent(CATCH_UP, min(lanes.last, lanes.first + 59), now)
        now += 100
        waited += 100
        if i % 10 == 9:
            head += 1
            lanes.appended(head, now)
        lanes.acknowledged(i * 60, now)
        assert waited <= 2000
    assert lanes.first > 60, "the backlog moves too"


def test_missing_acknowledgement_sends_the_oldest_batch_again_ever_more_rarely():
    lanes = Lanes(0, 1000)
    lanes.restart(0, 0)
    assert lanes.choose(1, 10, True, 0) == CATCH_UP
    lanes.sent(CATCH_UP, 10, 0)
    at = []
    for now in range(0, 20000, 100):
        if lanes.choose(1, 10, False, now) == AGAIN:
            assert lanes.first == 1
            lanes.sent(AGAIN, 10, now)
            at.append(now)
    assert at == [1000, 3000, 7000, 15000]
    lanes.acknowledged(10, 20000)
    assert lanes.choose(1, 10, False, 20100) == NOTHING


def test_slow_backend_does_not_have_everything_sent_twice():
    lanes = Lanes(0, 1000)
    lanes.restart(0, 0)
    sent = 0
    while lanes.choose(1, 100, True, 0) == CATCH_UP:
        lanes.sent(CATCH_UP, min(lanes.last, lanes.first + 9), 0)
        sent += 10
    assert sent == 100
    assert lanes.choose(1, 100, False, 1500) == AGAIN
    lanes.sent(AGAIN, 10, 1500)
    for i in range(1, 11):  # late, but all of it comes
        lanes.acknowledged(i * 10, 1600 + i * 100)
        assert lanes.choose(1, 100, False, 1600 + i * 100) == NOTHING


def test_after_one_batch_came_through_all_that_was_thrown_away_follows_at_once():
    """M01: not one batch per stall time, which would take an hour for a long outage."""
    lanes = Lanes(0, 1000)
    lanes.restart(0, 0)
    while True:  # all of it is lost
        lane = lanes.choose(1, 600, True, 0)
        if lane == NOTHING:
            break
        lanes.sent(lane, min(lanes.last, lanes.first + 9), 0)
    assert lanes.choose(1, 600, False, 1000) == AGAIN
    lanes.sent(AGAIN, 10, 1000)
    lanes.acknowledged(10, 1100)
    sent = set()
    for now in range(1100, 2900, 10):
        lane = lanes.choose(11, 600, False, now)
        assert lane != AGAIN
        if lane != NOTHING:
            last = min(lanes.last, lanes.first + 9)
            sent |= set(range(lanes.first, last + 1))
            lanes.sent(lane, last, now)
    assert sent == set(range(11, 601))


def run(seed):
    """Random losses, drops, reconnects: everything not dropped arrives, and the sender comes to rest."""
    rng = random
    rng.seed(seed)
    lanes = Lanes(100, 500)
    now, head, tail, acked = 0, rng.randint(0, 1500), 1, 0
    have = set()
    lanes.restart(0, 0)
    line = []  # (arrival, first, last)
    losing = 0
    produced_until = 8000
    for _ in range(60000):
        now += rng.randint(1, 20)
        if now < produced_until and rng.randint(0, 3) == 0:
            head += 1
            lanes.appended(head, now)
        if rng.randint(0, 400) == 0 and now < produced_until:
            losing = now + rng.randint(0, 1500)
        if rng.randint(0, 600) == 0 and now < produced_until:
            line.clear()
            lanes.restart(max(acked, tail - 1), now)
        if rng.randint(0, 900) == 0 and now < produced_until and head > tail + 50:
            tail += 30  # the ring dropped its oldest sector
        lane = lanes.choose(max(tail, acked + 1), head, False, now)
        if lane != NOTHING:
            assert max(tail, acked + 1) <= lanes.first <= lanes.last <= head
            last = min(lanes.last, lanes.first + rng.randint(0, 59))
            if now > losing:
                line.append((now + rng.randint(5, 100), lanes.first, last, tail))
            lanes.sent(lane, last, now)
        elif not line and acked >= head and now > produced_until:
            break
        while line and line[0][0] <= now:
            _, first, last, told_tail = line.pop(0)
            have |= set(range(first, last + 1))
            mark = max(acked, told_tail - 1)
            while mark + 1 in have:
                mark += 1
            acked = mark
            lanes.acknowledged(acked, now)
    assert acked == head, (seed, acked, head)
    for seq in range(1, head + 1):
        assert seq in have or seq < tail


def test_whatever_is_lost_on_the_way_arrives_in_the_end():
    for seed in range(60):
        run(seed)


rules.main(globals())
