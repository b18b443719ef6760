"""Ingest over TLS: a client that reads many packets at once leaves nothing in the hands of the TLS layer."""

from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from milepost.ingest.model import topic
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings

from .brokers import MosquittoHouse
from .conftest import STREAM, batch, fix, until

DEVICE = "truck-1"
BATCHES, FIXES = 12, 2_500  # each batch is longer than a record of TLS, which holds 16 kB at most


@pytest.fixture
def broker(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[MosquittoHouse]:
    """Our example of Mosquitto with a certificate."""
    cert, key = certificate
    made = MosquittoHouse(tmp_path, {"allow_anonymous false": f"certfile {cert}\nkeyfile {key}\nallow_anonymous false"})
    yield made
    made.stop()


def send(broker: MosquittoHouse, cert: Path, numbers: range) -> None:
    """These batches of a device reach the broker."""
    broker.accounts.put(DEVICE, "secret")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=DEVICE)
    client.tls_set(str(cert))
    client.username_pw_set(DEVICE, "secret")
    client.connect(broker.host, broker.port)
    client.loop_start()
    for n in numbers:
        # Jumps to and fro, which is what takes room on the wire.
        records = [
            fix(n * FIXES + each, lat_e6=each % 2 * 80_000_000, lon_e6=each % 3 * 60_000_000) for each in range(FIXES)
        ]
        payload = batch(records, n * FIXES + 1)
        assert len(payload) > 16_384
        client.publish(topic(DEVICE, "up"), payload, qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def test_a_backlog_of_messages_longer_than_a_tls_record_comes_whole(
    broker: MosquittoHouse, certificate: tuple[Path, Path], spool: Spool, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Less than a record: the rest of it is with the TLS layer then.
    monkeypatch.setattr("milepost.ingest.client._READ", 4_096)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))  # as an operator names a CA of the house
    place = Broker(broker.host, broker.port, "mp-ingest", "service-password", tls=True)
    first = Ingest(settings, spool, [], place)
    first.start()  # once, so that the broker keeps for its session what comes meanwhile
    assert first.wait_ready()
    first.stop()
    send(broker, certificate[0], range(BATCHES - 1))
    ingest = Ingest(settings, spool, [], place)
    ingest.start()
    try:
        until(lambda: spool.watermark(DEVICE, STREAM) == (BATCHES - 1) * FIXES, 20)
        # And one with nothing behind it: no later bytes draw what is left of it out of the TLS layer.
        send(broker, certificate[0], range(BATCHES - 1, BATCHES))
        until(lambda: spool.watermark(DEVICE, STREAM) == BATCHES * FIXES, 10)
        assert ingest.receiver.troubles() == []
    finally:
        ingest.stop()


def test_a_broker_nobody_vouches_for_gets_no_password(
    broker: MosquittoHouse, spool: Spool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    ingest = Ingest(settings, spool, [], Broker(broker.host, broker.port, "mp-ingest", "service-password", tls=True))
    ingest.start()
    try:
        until(lambda: any("CERTIFICATE_VERIFY_FAILED" in each for each in ingest.receiver.troubles()))
        assert ingest.receiver.sessions()[0] == 0
    finally:
        ingest.stop()
