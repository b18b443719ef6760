"""From a device through the real broker into the spool and back as an acknowledgement."""

import json
import time
from collections.abc import Callable

from milepost.ingest.decode import readings
from milepost.ingest.service import Ingest

from .conftest import BrokerHouse, Remember, batch, drive, fix, until


def test_a_batch_is_stored_acknowledged_and_handed_on(house: BrokerHouse, ingest_of: Callable[..., Ingest]) -> None:
    sink = Remember()
    ingest_of(sink)
    device = house.device("truck-1")
    device.send(drive(1, 50))
    until(lambda: device.acknowledged(50))
    until(lambda: sink.items)
    found = readings(sink.items[0])
    assert [each.seq for each in found] == list(range(1, 51))
    assert found[0].device == "truck-1"
    assert found[0].body.lat == 31.23049
    device.close()
