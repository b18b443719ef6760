"""The way from flash to the backend and back: real MicroPython process, real broker, real TCP."""

import json
import time

import pytest

from milepost_device import wire
from milepost_device.wire import EV_COMMAND, EV_CONFIG, EV_LOG

PREFIX = "mp/v1/9/dev1/"  # crc32("dev1") % 16 = 9


def numbers(backend):
    return [r.args["n"] for r in backend.events(EV_LOG) if "n" in r.args]


def test_every_record_arrives_once_and_flash_is_freed(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", backlog=200, count=40, rate_hz=20).start()
    wait_for(lambda: len(backend.records) >= 241 and device.drained())
    assert numbers(backend) == [*range(200), *range(1, 41)]
    assert backend.doubled == 0
    assert device.last["used"] == 0


def test_flash_is_freed_only_by_the_backends_acknowledgement(make, wait_for):
    backend = make.backend()
    backend.acking = False
    device = make.device(role="load", backlog=50, config={"ack_stall_s": 2}).start()
    wait_for(lambda: len(backend.records) == 51)
    time.sleep(0.5)  # PUBACKs of the broker are in by now
    assert device.last["acked"] == 0
    assert device.last["tail"] == 1
    backend.acking = True  # the stalled oldest batch comes again and is answered
    wait_for(device.drained, 10, "the ring empties after the first acknowledgement")
    assert device.last["resent"] >= 1


def test_acknowledgement_of_another_stream_frees_nothing(make, wait_for):
    backend = make.backend()
    backend.acking = False
    device = make.device(role="load", backlog=10).start()
    wait_for(lambda: len(backend.records) == 11)
    other = (backend.stream + 1).to_bytes(4, "little") + (11).to_bytes(4, "little")
    backend.send(PREFIX + "ack", other)
    beyond = backend.stream.to_bytes(4, "little") + (999).to_bytes(4, "little")
    backend.send(PREFIX + "ack", beyond)
    backend.send(PREFIX + "ack", b"short")
    wait_for(lambda: device.last["foreign"] == 2)
    assert device.last["acked"] == 0


def test_kill_at_any_moment_loses_nothing(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", backlog=30, count=1000, rate_hz=50)
    for pause_s in (0.01, 0.3, 0.13, 0.5):
        device.start()
        wait_for(lambda: device.last)  # the boot is on flash; from here on it may die at any moment
        time.sleep(pause_s)
        device.kill()
    device.start(count=5)
    wait_for(lambda: device.drained() and device.last["boot"] == 5 and device.last["head"] > 30)
    assert sorted(backend.records) == list(range(1, device.last["head"] + 1))
    assert [r.args["boot"] for r in backend.events(wire.EV_BOOT)] == [1, 2, 3, 4, 5]


def test_broker_killed_in_the_middle_of_the_window(make, nats, wait_for):
    backend = make.backend()
    device = make.device(role="load", backlog=3000, count=100, rate_hz=50, sectors=64).start()
    wait_for(lambda: len(backend.records) > 300)
    nats.kill()
    time.sleep(0.5)
    nats.start()
    wait_for(lambda: device.drained() and device.last["head"] == 3101, 40, "everything arrives")
    assert sorted(backend.records) == list(range(1, 3102))
    assert device.last["connects"] == 2


def test_M03_broker_that_forgot_its_sessions_is_subscribed_again(make, nats, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=1000, rate_hz=10).start()
    wait_for(device.linked)
    nats.kill()
    nats.forget()
    nats.start()
    wait_for(lambda: device.last["connects"] == 2)
    before = device.last["acked"]
    wait_for(lambda: device.last["acked"] > before + 5, what="acknowledgements reach the device again")
    backend.send(PREFIX + "cmd", {"id": "c1", "verb": "nonsense", "args": {}})
    answer = wait_for(lambda: backend.events(EV_COMMAND), 30)
    assert answer[0].args == {"id": "c1", "ok": 0, "reason": "unknown verb nonsense"}


def test_reset_of_the_connection_heals_within_2_s(make, wait_for):
    backend = make.backend()
    proxy = make.proxy()
    device = make.device(proxy.port, role="load", count=1000, rate_hz=20).start()
    wait_for(device.linked)
    proxy.reset()
    start = time.monotonic()
    cut_at = device.last["head"]
    wait_for(lambda: max(backend.records) > cut_at + 10)
    assert time.monotonic() - start < 2
    assert sorted(backend.records) == list(range(1, len(backend.records) + 1))


def test_dead_path_heals_within_8_s(make, wait_for):
    backend = make.backend()
    proxy = make.proxy()
    device = make.device(proxy.port, role="load", count=2000, rate_hz=20).start()
    wait_for(device.linked)
    proxy.hole = True
    start = time.monotonic()
    time.sleep(1)
    old, proxy._pairs = proxy._pairs, []
    fresh = make.proxy()  # the old connections stay in the hole, new ones get through
    proxy.target = fresh.port
    wait_for(lambda: device.last["reason"].startswith("no PUBACK"), 10)
    proxy.hole = False
    for a, b in old:
        a.close()
        b.close()
    cut_at = max(backend.records)
    wait_for(lambda: max(backend.records) > cut_at + 10)
    assert time.monotonic() - start < 8


def test_M01_broker_that_acknowledges_what_it_throws_away(make, nats, wait_for):
    allow = '{ user: "dev1", password: "p", permissions: { publish: ["mp.v1.9.dev1.>"], subscribe: [">"] } }'
    deny = allow.replace('publish: ["mp.v1.9.dev1.>"]', 'publish: ["nothing"]')
    backend_user = '{ user: "backend", password: "b" }'
    nats.users = f"users: [ {backend_user}, {allow} ]"
    nats.kill()
    nats.start()
    backend = make.backend(user="backend", password="b")
    device = make.device(
        role="load", count=200, rate_hz=20, user="dev1", password="p", config={"ack_stall_s": 2}
    ).start()
    wait_for(device.linked)
    nats.users = f"users: [ {backend_user}, {deny} ]"
    nats.kill()
    nats.start()
    wait_for(lambda: device.last["connects"] >= 2 and device.last["head"] >= 100, 30)
    time.sleep(3)
    acked, head = device.last["acked"], device.last["head"]
    assert head - acked > 30  # published, PUBACKed, thrown away: kept in flash all the same
    nats.users = f"users: [ {backend_user}, {allow} ]"
    nats.kill()
    nats.start()
    wait_for(lambda: device.last["head"] == 201 and device.drained(), 40, "0 of all records lost")
    assert numbers(backend) == list(range(1, 201))


@pytest.mark.mosquitto
def test_M05_batches_beyond_the_limit_of_the_broker_become_smaller(make, mosquitto, wait_for):
    broker = mosquitto("max_packet_size 600")
    backend = make.backend(port=broker.port)
    device = make.device(broker.port, role="load", backlog=3000, count=5, sectors=64).start()
    wait_for(lambda: device.drained() and device.last["head"] >= 3006, 30, "the backlog drains")
    assert device.last["limit"] == 512
    assert device.last["connects"] == 3, "two tries at the large size, then smaller: no loop of reconnects"
    assert sorted(backend.records) == list(range(1, device.last["head"] + 1))


def test_live_records_are_not_starved_by_a_backlog(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", backlog=12000, count=20, rate_hz=10, sectors=200).start()
    live = 12000
    wait_for(lambda: len([s for s in backend.records if s > live]) >= 1, 30)
    assert len(backend.records) < 12000, "the first live record came before the end of the catch-up"
    wait_for(lambda: device.drained() and device.last["head"] == 12021, 60)
    assert sorted(backend.records) == list(range(1, 12022))


def test_full_ring_drops_the_oldest_and_says_so(make, nats, wait_for):
    device = make.device(role="load", backlog=6000, sectors=8)
    nats.kill()
    device.start()
    wait_for(lambda: device.last and device.last["dropped"] > 3000, 30)
    nats.start()
    backend = make.backend()
    wait_for(device.drained, 30)
    head = device.last["head"]
    held = set(backend.records)
    assert held | backend.gaps == set(range(1, head + 1))
    assert not held & backend.gaps
    assert max(held) == head


# --- configuration and commands ----------------------------------------------------------------------


def test_configuration_is_validated_whole_applied_and_answered(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=2000, rate_hz=10).start()
    wait_for(device.linked)
    backend.send(PREFIX + "cfg", {"version": 5, "report_interval_s": 10, "batch_max": 99}, retain=True)
    refused = wait_for(lambda: backend.events(EV_CONFIG))
    assert refused[0].args == {"version": 5, "ok": 0, "reason": "batch_max: integer 256..1024 is needed"}
    assert json.loads((device.folder / "config.json").read_text())["version"] == 0
    backend.send(PREFIX + "cfg", {"version": 6, "batch_wait_ms": 150, "future_key": [1]}, retain=True)
    events = wait_for(lambda: len(backend.events(EV_CONFIG)) == 2 and backend.events(EV_CONFIG))
    assert events[1].args == {"version": 6, "ok": 1}
    wait_for(lambda: backend.states[-1]["cfg"] == 6, what="the state message tells the new version")
    device.kill()
    device.start()
    wait_for(lambda: device.linked() and device.last["boot"] == 2)
    assert json.loads((device.folder / "config.json").read_text())["batch_wait_ms"] == 150
    time.sleep(0.5)  # the retained message came again: nothing to say about it
    assert len(backend.events(EV_CONFIG)) == 2


def test_reboot_happens_once_however_often_it_is_asked(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=2000, rate_hz=10).start()
    wait_for(device.linked)
    command = {"id": "r1", "verb": "reboot", "args": {}, "not_after": int(time.time()) + 600}
    backend.send(PREFIX + "cmd", command)
    backend.send(PREFIX + "cmd", command)
    device.process.wait(10)
    assert device.lines.count("reset") == 1
    device.start()
    wait_for(lambda: device.linked() and device.last["boot"] == 2)
    answers = backend.events(EV_COMMAND)
    assert answers[0].args == {"id": "r1", "ok": 1}
    backend.send(PREFIX + "cmd", command)
    time.sleep(1)
    assert device.process.poll() is None
    assert device.lines.count("reset") == 1


def test_expired_command_is_refused_once_the_time_is_known(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=2000, rate_hz=10).start()
    wait_for(device.linked)
    now = int(time.time())
    backend.send(PREFIX + "cmd", {"id": "t1", "verb": "time", "args": {"unix_ms": now * 1000}})
    step = wait_for(lambda: backend.events(wire.EV_CLOCK_STEP))[0]
    assert step.clock == wire.CLOCK_NTP
    assert step.t == now - wire.EPOCH
    assert step.args["boot"] == 1
    backend.send(PREFIX + "cmd", {"id": "c2", "verb": "reboot", "args": {}, "not_after": now - 60})
    answer = wait_for(lambda: backend.events(EV_COMMAND))[0]
    assert answer.args == {"id": "c2", "ok": 0, "reason": "expired"}
    assert device.process.poll() is None


def test_garbage_on_cmd_and_cfg_harms_nothing(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=2000, rate_hz=10).start()
    wait_for(device.linked)
    for payload in (b"", b"{", b"[]", b'{"id": 5, "verb": "reboot"}', b"\xff\xfe", b"null", b"x" * 5000):
        backend.send(PREFIX + "cmd", payload)
        backend.send(PREFIX + "cfg", payload)
    backend.send(PREFIX + "cmd", {"id": "x", "verb": "nonsense", "args": {}})
    wait_for(lambda: backend.events(EV_COMMAND))
    assert device.last["connects"] == 1
    assert len(backend.events(EV_CONFIG)) == 5  # each said once why; "" and what does not fit say nothing


def test_last_will_says_offline(make, wait_for):
    backend = make.backend()
    device = make.device(role="load", count=2000, rate_hz=10).start()
    wait_for(lambda: backend.states and backend.states[-1]["online"])
    device.kill()
    wait_for(lambda: not backend.states[-1]["online"])
