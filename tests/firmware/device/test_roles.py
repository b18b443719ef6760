"""Tracker and reader as whole devices: bytes into the UART, records out at the backend."""

import threading
import time

import pytest

from milepost_device import wire
from milepost_device.wire import crc16_gen2

VERSION, SET_REGION, SET_QUERY, MULTI_POLL, SET_POWER = 0x03, 0x07, 0x0E, 0x27, 0xB6
EPC = bytes.fromhex("E28011700000020A1B2C3D4E")
DAY_S = 1798761600 // 86400 * 86400  # 2027-01-01, inside the firmware's window


def sentence(body):
    total = 0
    for byte in body.encode():
        total ^= byte
    return f"${body}*{total:02X}\r\n".encode()


def angle(e6, digits):
    degrees, rest = divmod(abs(e6), 1000000)
    minutes = rest * 60 / 1000000
    return f"{degrees:0{digits}d}{minutes:08.5f}"


def epoch(second, lat_e6, lon_e6, speed_knots=0.0, course=90.0, sats=9, hdop=0.9, date="010127"):
    """RMC and GGA of one second of 2027-01-01 12:00."""
    clock = f"12{second // 60:02d}{second % 60:02d}.00"
    place = f"{angle(lat_e6, 2)},N,{angle(lon_e6, 3)},E"
    return sentence(f"GNRMC,{clock},A,{place},{speed_knots:.2f},{course:.1f},{date},,,A") + sentence(
        f"GNGGA,{clock},{place},1,{sats:02d},{hdop:.1f},35.0,M,47.0,M,,"
    )


def notice(epc=EPC, rssi=-55, head=0xBB):
    """Tag notification as the module sends it."""
    pc = len(epc) // 2 << 11
    pc_epc = pc.to_bytes(2, "big") + epc
    params = bytes([rssi & 255]) + pc_epc + crc16_gen2(pc_epc).to_bytes(2, "big")
    body = bytes([2, 0x22, len(params) >> 8, len(params) & 255]) + params
    return bytes([head]) + body + bytes([sum(body) & 255, 0x7E if head == 0xBB else 0xDD])


class Module:
    """A UHF module at the other end of the UART: answers commands, notes them, polls when told."""

    def __init__(self, uart, head=0xBB):
        self.commands = []
        self.polling = threading.Event()
        self.mute = False
        self.head = head
        self._link = uart.accept()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        data = b""
        while True:
            try:
                part = self._link.recv(256)
            except OSError:
                return
            if not part:
                return
            data += part
            while len(data) >= 7 and len(data) >= (size := 7 + int.from_bytes(data[3:5], "big")):
                frame, data = data[:size], data[size:]
                if not self.mute and frame[0] == self.head:
                    self._command(frame[2], frame[5:-2])

    def _command(self, code, params):
        self.commands.append((code, params))
        if code == MULTI_POLL:
            self.polling.set()
            return
        answer = b"\x00" if code != VERSION else b"\x01M100 V1.00"
        body = bytes([1, code, 0, len(answer)]) + answer
        end = 0x7E if self.head == 0xBB else 0xDD
        self.send(bytes([self.head]) + body + bytes([sum(body) & 255, end]))

    def send(self, data):
        self._link.sendall(data)


# --- tracker -----------------------------------------------------------------------------------------


def fixes(backend):
    return [r for _, r in sorted(backend.records.items()) if isinstance(r, wire.Fix)]


def test_tracker_reports_positions_with_gnss_time_and_a_clock_step(make, wait_for):
    backend, uart = make.backend(), make.uart()
    device = make.device(role="tracker", uart=uart.port, config={"report_interval_s": 1}).start()
    link = uart.accept()
    start = DAY_S - wire.EPOCH + 12 * 3600
    for n in range(5):
        link.sendall(epoch(n, 52000000 + 100 * n, 13000000, 20.0))
        time.sleep(1)
    wait_for(lambda: len(fixes(backend)) >= 5 and device.drained())
    got = fixes(backend)
    assert [(f.t, f.ms, f.clock) for f in got] == [(start + n, 0, wire.CLOCK_GNSS) for n in range(5)]
    assert [f.lat_e6 for f in got] == [52000000 + 100 * n for n in range(5)]
    assert (got[0].lon_e6, got[0].alt_m, got[0].speed_dmps, got[0].course_2deg) == (13000000, 35, 103, 45)
    assert (got[0].sats, got[0].hdop_d, got[0].source) == (9, 9, wire.SOURCE_GNSS)
    boot = backend.events(wire.EV_BOOT)[0]
    assert (boot.clock, boot.t) == (wire.CLOCK_NONE, 1)
    (step,) = backend.events(wire.EV_CLOCK_STEP)
    assert step.clock == wire.CLOCK_GNSS
    assert start <= step.t <= start + 1
    assert step.args["boot"] == 1
    assert step.args["uptime_ms"] >= boot.ms


def test_garbage_torn_lines_and_impossible_dates_give_no_wrong_fix(make, wait_for):
    backend, uart = make.backend(), make.uart()
    device = make.device(role="tracker", uart=uart.port).start()
    link = uart.accept()
    good = epoch(1, 52000000, 13000000)
    link.sendall(
        bytes(range(256)) * 4 + good[:40] + b"\r\n" + good.replace(b"A,52", b"A,12") + epoch(0, 1, 1, date="010119")
    )
    time.sleep(0.5)
    link.sendall(epoch(2, 52000000, 13000000))
    wait_for(lambda: any(f.clock == wire.CLOCK_GNSS for f in fixes(backend)))
    device.kill()
    for fix in fixes(backend):
        if fix.clock == wire.CLOCK_GNSS:
            assert fix.t == DAY_S - wire.EPOCH + 12 * 3600 + 2
            assert (fix.lat_e6, fix.lon_e6) == (52000000, 13000000)


def test_locate_is_answered_by_a_fresh_fix(make, wait_for):
    backend, uart = make.backend(), make.uart()
    config = {"report_interval_s": 600, "stationary_interval_s": 600}
    device = make.device(role="tracker", uart=uart.port, config=config).start()
    link = uart.accept()
    link.sendall(epoch(0, 52000000, 13000000))
    wait_for(lambda: fixes(backend))
    backend.send("mp/v1/9/dev1/cmd", {"id": "l1", "verb": "locate", "args": {}})
    for n in range(1, 30):
        link.sendall(epoch(n, 52000007, 13000000))
        time.sleep(0.2)
        if backend.events(wire.EV_COMMAND):
            break
    (answer,) = wait_for(lambda: backend.events(wire.EV_COMMAND))
    assert answer.args["ok"] == 1
    assert answer.args["lat_e6"] == 52000007
    assert backend.records[answer.args["seq"]].lat_e6 == 52000007
    assert len(fixes(backend)) == 2, "no other report was due"
    assert device.process.poll() is None


def test_locate_without_position_says_so(make, wait_for):
    backend, uart = make.backend(), make.uart()
    device = make.device(role="tracker", uart=uart.port).start()
    uart.accept()
    wait_for(device.linked)
    backend.send("mp/v1/9/dev1/cmd", {"id": "l2", "verb": "locate"})
    (answer,) = wait_for(lambda: backend.events(wire.EV_COMMAND))
    assert answer.args == {"id": "l2", "ok": 0, "reason": "no position within 5 s"}


# --- reader ------------------------------------------------------------------------------------------


def tags(backend):
    return [r for _, r in sorted(backend.records.items()) if isinstance(r, wire.Tag)]


@pytest.mark.parametrize("head", [0xBB, 0xAA])
def test_reader_sets_the_module_up_in_its_dialect(make, wait_for, head):
    backend, uart = make.backend(), make.uart()
    config = {"power_cdbm": 2000, "region": 3}
    make.device(role="reader", uart=uart.port, config=config).start()
    module = Module(uart, head)
    assert module.polling.wait(10)
    assert module.commands[-5:] == [
        (VERSION, b"\x01"),
        (SET_REGION, b"\x03"),
        (SET_POWER, b"\x07\xd0"),
        (SET_QUERY, b"\x10\x20"),  # session 0: repeated reads tell the direction
        (MULTI_POLL, b"\x22\xff\xff"),
    ]
    module.send(notice(head=head))
    (tag,) = wait_for(lambda: tags(backend))
    assert tag.epc == EPC


def test_reads_of_a_tag_become_one_record_per_window(make, wait_for):
    backend, uart = make.backend(), make.uart()
    make.device(role="reader", uart=uart.port, config={"tag_window_ms": 400, "rssi_floor_dbm": -70}).start()
    module = Module(uart)
    assert module.polling.wait(10)
    other = EPC[:-1] + b"\x00"
    for rssi in (-60, -50, -58):
        module.send(notice(rssi=rssi) + notice(other, rssi=-71) + b"\xbb\x01\xff\x00\x01\x15\x16\x7e")
        time.sleep(0.1)
    (tag,) = wait_for(lambda: tags(backend))
    assert (tag.epc, tag.pc, tag.count) == (EPC, 0x3000, 3)
    assert (tag.rssi_first, tag.rssi_max, tag.rssi_last) == (-60, -50, -58)
    assert 150 <= tag.span_ms <= 350
    assert tag.slope == (-58 + 60) * 10000 // tag.span_ms
    assert (tag.clock, tag.t) == (wire.CLOCK_NONE, 1)
    time.sleep(0.6)
    module.send(notice(rssi=-40))
    wait_for(lambda: len(tags(backend)) == 2, what="a second window")


def test_garbage_and_wrong_checksums_give_no_tag(make, wait_for):
    backend, uart = make.backend(), make.uart()
    make.device(role="reader", uart=uart.port, config={"tag_window_ms": 100}).start()
    module = Module(uart)
    assert module.polling.wait(10)
    good = notice()
    wrong_crc = bytearray(good)
    wrong_crc[10] ^= 1
    wrong_crc[-2] = (wrong_crc[-2] + (1 if wrong_crc[10] & 1 else -1)) & 255  # frame sum right, Gen2 CRC wrong
    module.send(bytes(range(255)) + bytes(wrong_crc) + good[:15])
    time.sleep(0.4)
    module.send(notice(EPC[:-1] + b"\x11"))
    (tag,) = wait_for(lambda: tags(backend))
    assert tag.epc == EPC[:-1] + b"\x11"


def test_silent_module_is_set_up_again_and_its_silence_is_told(make, wait_for):
    backend, uart = make.backend(), make.uart()
    make.device(role="reader", uart=uart.port).start()
    module = Module(uart)
    assert module.polling.wait(10)
    module.mute = True
    module.polling.clear()
    texts = wait_for(lambda: [e.args.get("text") for e in backend.events(wire.EV_LOG)], 10)
    assert texts == ["UHF module gives no answer on its UART"]
    module.mute = False
    assert module.polling.wait(10), "set up again within seconds"
    wait_for(lambda: len(backend.events(wire.EV_LOG)) == 2)


def test_gate_records_the_first_edge_and_ignores_bounces(make, wait_for):
    backend, uart = make.backend(), make.uart()
    device = make.device(role="reader", uart=uart.port, config={"gate_debounce_ms": 60}).start()
    Module(uart)
    wait_for(device.linked)
    pin = device.folder / "gate"
    pin.touch()
    time.sleep(0.3)
    pin.unlink()
    time.sleep(0.3)
    pin.touch()
    time.sleep(0.015)
    pin.unlink()  # a bounce
    wait_for(lambda: len([r for r in backend.records.values() if isinstance(r, wire.Gate)]) == 2)
    time.sleep(0.5)
    first, second = [r for _, r in sorted(backend.records.items()) if isinstance(r, wire.Gate)]
    assert (first.gate, first.state, first.span_ms) == (wire.GATE_INNER, 1, 0)
    assert (second.gate, second.state) == (wire.GATE_INNER, 0)
    assert 250 <= second.span_ms <= 400
    assert abs(second.ms - first.ms - second.span_ms) <= 2


def test_time_from_the_backend_places_records_of_a_reader(make, wait_for):
    backend, uart = make.backend(), make.uart()
    make.device(role="reader", uart=uart.port, config={"tag_window_ms": 100}).start()
    module = Module(uart)
    assert module.polling.wait(10)
    now_ms = time.time_ns() // 1000000
    wait_for(lambda: backend.states)
    backend.send("mp/v1/9/dev1/cmd", {"id": "t", "verb": "time", "args": {"unix_ms": now_ms}})
    wait_for(lambda: backend.events(wire.EV_CLOCK_STEP))
    module.send(notice())
    (tag,) = wait_for(lambda: tags(backend))
    assert tag.clock == wire.CLOCK_NTP
    assert abs((tag.t + wire.EPOCH) * 1000 + tag.ms - time.time_ns() // 1000000) < 5000
