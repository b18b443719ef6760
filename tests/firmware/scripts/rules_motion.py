"""Distance, send policy, anchor; tag windows."""

import math
import random
import time

import rules

from milepost_device import config
from milepost_device.motion import ARRIVED, DEPARTED, NONE, Anchor, SendPolicy, course_change_deg, distance_m
from milepost_device.tagwindow import MAX_TAGS, TagWindow

LAT, LON = 52000000, 13000000


def settings(**changes):
    value = config.defaults()
    value.update(changes)
    return value


def haversine_m(a, b, c, d):
    a, b, c, d = [math.radians(v / 1e6) for v in (a, b, c, d)]
    h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6378137 * math.asin(math.sqrt(h))


def test_distance_agrees_with_the_sphere():
    for _ in range(3000):
        lat = random.randint(-79000000, 79000000)
        lon = random.randint(-180000000, 180000000)
        span = random.choice((50, 1000, 20000, 300000))
        lat2 = lat + random.randint(-span, span)
        lon2 = lon + random.randint(-span, span)
        lon2 = (lon2 + 180000000) % 360000000 - 180000000
        true = haversine_m(lat, lon, lat2, lon2)
        got = distance_m(lat, lon, lat2, lon2)
        # the cosine comes in whole degrees: 1.7 % of the east-west part at 45, more towards the poles
        allowed = 2 + (10 if true > 1400 else 0) + true * (0.02 + 0.02 * abs(math.tan(math.radians(lat / 1e6))))
        assert abs(got - true) <= allowed, (lat, lon, lat2, lon2, true, got)


def test_distance_far_away_and_over_the_date_line():
    assert distance_m(LAT, LON, -LAT, LON) == 10000000
    assert distance_m(0, 179999990, 0, -179999990) == 2
    assert distance_m(90000000, 0, 90000000, 500000) == 0


def test_course_change_takes_the_short_way():
    assert course_change_deg(0, 179) == 2
    assert course_change_deg(0, 90) == 180
    assert course_change_deg(10, 20) == 20


def fix(policy, now, lat=LAT, speed=100, course=45, standing=False):
    wants = policy.wants(lat, LON, speed, course, now, standing)
    if wants:
        policy.reported(lat, LON, speed, course, now)
    return wants


def test_reports_by_time_distance_course_and_speed():
    policy = SendPolicy(settings(report_interval_s=60, min_distance_m=100, min_course_deg=15, min_speed_delta_kmh=10))
    assert fix(policy, 0), "the first one"
    assert not fix(policy, 1)
    assert not fix(policy, 2, LAT + 850)  # 95 m
    assert fix(policy, 3, LAT + 950)  # 106 m
    assert not fix(policy, 4, LAT + 950, course=52)  # 14 degrees
    assert fix(policy, 5, LAT + 950, course=53)
    assert not fix(policy, 6, LAT + 950, speed=127, course=53)  # 9.7 km/h
    assert fix(policy, 7, LAT + 950, speed=129, course=53)
    assert not fix(policy, 66, LAT + 950, speed=129, course=53)
    assert fix(policy, 67, LAT + 950, speed=129, course=53)


def test_rules_set_to_0_are_off():
    policy = SendPolicy(settings(report_interval_s=60, min_distance_m=0, min_course_deg=0, min_speed_delta_kmh=0))
    assert fix(policy, 0)
    assert not fix(policy, 59, LAT + 50000, speed=900, course=120)


def test_course_of_a_slow_vehicle_is_noise():
    policy = SendPolicy(settings(report_interval_s=60))
    assert fix(policy, 0, speed=5)
    assert not fix(policy, 1, speed=5, course=100)


def test_standing_is_reported_rarely():
    policy = SendPolicy(settings(report_interval_s=1, stationary_interval_s=300))
    assert fix(policy, 0)
    for now in range(1, 300):
        assert not fix(policy, now, LAT + now % 7 * 300, speed=0, standing=True)
    assert fix(policy, 300, standing=True)


def feed(anchor, now, lat=LAT, speed=0, sats=9, hdop=10, ignition=None):
    return anchor.update(lat, LON, speed, sats, hdop, now, ignition)


def arrive(anchor):
    for now in range(200):
        if feed(anchor, now) == ARRIVED:
            return now
    return None


def test_arrival_after_standing_long_enough():
    anchor = Anchor(settings(arrive_after_s=60))
    assert arrive(anchor) == 62  # the third good fix begins it
    assert anchor.standing


def test_first_fixes_without_quality_are_no_anchor():
    anchor = Anchor(settings(arrive_after_s=5))
    for now in range(100):
        assert feed(anchor, now, LAT + 90000, sats=3) == NONE
        assert feed(anchor, now, LAT + 90000, hdop=80) == NONE
    assert arrive(anchor) is not None
    assert abs(anchor.lat_e6 - LAT) < 20


def test_departure_by_leaving_the_circle():
    anchor = Anchor(settings(arrive_after_s=5, anchor_radius_m=60))
    arrive(anchor)
    changes = [feed(anchor, 300 + i, LAT + 200 * i, speed=80) for i in range(1, 12)]
    assert changes.count(DEPARTED) == 1
    assert changes.index(DEPARTED) <= 5
    assert not anchor.standing


def test_noise_and_single_jumps_are_no_departure():
    anchor = Anchor(settings(arrive_after_s=5, anchor_radius_m=60))
    arrive(anchor)
    random.seed(4)
    for now in range(300, 5000):
        noise = random.randint(-300, 300)
        if now % 50 == 0:
            noise = 1200  # a jump of 130 m
        assert feed(anchor, now, LAT + noise, speed=random.randint(0, 20)) == NONE


def test_ignition_off_keeps_the_anchor():
    anchor = Anchor(settings(arrive_after_s=5))
    arrive(anchor)
    for now in range(300, 400):
        assert feed(anchor, now, LAT + 5000, ignition=False) == NONE
    assert DEPARTED in [feed(anchor, now, LAT + 5000, ignition=True) for now in range(400, 404)]


def test_window_of_a_tag():
    window = TagWindow(500, -70)
    assert window.read(b"a", 1, 0, -60, 1000) is None
    window.read(b"a", 1, 0, -50, 1200)
    window.read(b"a", 1, 0, -80, 1300)  # below the floor
    window.read(b"b", 1, 0, -65, 1300)
    window.read(b"a", 1, 0, -55, 1400)
    assert window.expired(1499) is None
    assert window.next_ms(1499) == 1
    reads = window.expired(1500)
    assert (reads.epc, reads.count, reads.span_ms, reads.slope) == (b"a", 3, 400, 125)
    assert (reads.rssi_first, reads.rssi_max, reads.rssi_last) == (-60, -50, -55)
    assert window.expired(1500) is None
    reads = window.expired(1800)
    assert (reads.epc, reads.count, reads.slope) == (b"b", 1, None)


def test_read_after_the_end_of_a_window_closes_it():
    window = TagWindow(500)
    window.read(b"a", 1, 0, -60, 1000)
    closed = window.read(b"a", 1, 0, -61, 1600)
    assert closed.rssi_max == -60
    assert window.expired(2100).rssi_max == -61


def test_too_many_tags_close_the_oldest_window_and_lose_nothing():
    window = TagWindow(500)
    closed = []
    for i in range(MAX_TAGS + 50):
        reads = window.read(b"%d" % i, 1, 0, -60, i)
        if reads:
            closed.append(reads)
    assert [r.epc for r in closed] == [b"%d" % i for i in range(50)]
    assert window.early == 50
    rest = 0
    while window.expired(2000):
        rest += 1
    assert rest == MAX_TAGS


def test_windows_over_the_wrap_of_the_ticks():
    window = TagWindow(500)
    start = time.ticks_add(0, -100)
    window.read(b"a", 1, 0, -60, start)
    window.read(b"a", 1, 0, -58, time.ticks_add(start, 200))
    assert window.expired(time.ticks_add(start, 499)) is None
    assert window.expired(time.ticks_add(start, 500)).span_ms == 200


rules.main(globals())
