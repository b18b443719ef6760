"""A plain MQTT connection for frames between processes: clean session, QoS 0, comes back by itself."""

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from milepost.ingest.session import Broker


def client_for(broker: Broker, client_id: str) -> mqtt.Client:
    """A client that connects in the background once `loop_start` is called, and again whenever it has lost the broker.

    It queues nothing while it is away: whoever publishes asks `is_connected` first.
    """
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
    client.username_pw_set(broker.user, broker.password)
    if broker.tls:
        client.tls_set()
    client.connect_timeout = 3.0
    client.reconnect_delay_set(1, 5)
    client.connect_async(broker.host, broker.port, keepalive=15)
    return client
