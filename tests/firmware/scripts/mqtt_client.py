"""Runs the MQTT client against 127.0.0.1:argv[1] and prints what happens as JSON lines.

argv[2]: {"seconds": how long at most, "until": [key, value] whose line ends it sooner, "subs": [[topic, qos]...],
"publish": how many, "insist": bool (publish again on each connection what no PUBACK came for, as an outbox
does), "will": bool, "keepalive_s", ...}
"""

import asyncio
import json
import sys
import time

from milepost_device.mqtt import Client, MQTTError

PORT = int(sys.argv[1])
ARGS = json.loads(sys.argv[2])
UNTIL = ARGS.get("until")
writes = [0]
seen = asyncio.Event()


def say(**what):
    if UNTIL and what.get(UNTIL[0]) == UNTIL[1]:
        seen.set()
    what["ms"] = time.ticks_ms()
    print(json.dumps(what))


class CountingWriter:
    """Passes on to the stream and counts the writes: one packet must be one write."""

    def __init__(self, stream):
        self._s = stream
        self.drain = stream.drain
        self.close = stream.close
        self.wait_closed = stream.wait_closed

    def write(self, data):
        writes[0] += 1
        self._s.write(data)


async def transport():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    return reader, CountingWriter(writer)


async def main():
    client = Client(
        transport,
        "dev1",
        user=ARGS.get("user"),
        password=ARGS.get("password"),
        keepalive_s=ARGS.get("keepalive_s", 60),
        will=("w/t", b"gone", True) if ARGS.get("will") else None,
        window=ARGS.get("window", 4),
        size=ARGS.get("size", 512),
    )
    for topic, qos in ARGS.get("subs", ()):
        client.subscribe(topic, qos)
    client.on_message = lambda topic, payload, retained: say(
        message=topic.decode(), payload=bytes(payload).decode(), retained=retained
    )
    client.on_connect = lambda: say(connected=client.connects)

    owed = list(range(ARGS.get("publish", 0)))

    async def publish(tokens):
        for n in tokens:
            while True:
                await client.room()
                try:
                    before = writes[0]
                    await client.publish("p/t", b"%d" % n * 10, token=n)
                    say(published=n, writes=writes[0] - before, inflight=client.inflight)
                    break
                except MQTTError as e:
                    say(error=str(e))

    def acknowledged(token):
        owed.remove(token)
        say(puback=token, inflight=client.inflight)

    def lost(reason, by_peer, oldest):
        say(closed=reason, by_peer=by_peer, oldest=oldest)
        if ARGS.get("insist"):
            jobs[0].cancel()
            jobs[0] = asyncio.create_task(publish(list(owed)))

    client.on_puback = acknowledged
    client.on_close = lost
    asyncio.create_task(client.run())
    jobs = [asyncio.create_task(publish(list(owed)))]
    try:
        await asyncio.wait_for(seen.wait(), ARGS["seconds"])
    except asyncio.TimeoutError:
        pass
    say(end=client.reason, oversize=client.oversize, failures=client.failures)


asyncio.run(main())
