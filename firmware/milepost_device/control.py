"""What the backend asks for: desired configuration (`cfg`, retained) and commands (`cmd`).

Every answer is an event record, durable like any reading. A command's id is remembered, so that a command
which the backend repeats until it sees the result is carried out once; for a reboot also over the reset.
"""

import json

from micropython import const

from milepost_device import config as configuration
from milepost_device import wire

COMMANDS = "/commands.json"  # ids of the last commands that reset the board
_REMEMBERED = const(16)
_TEXT = const(120)


class Control:
    """Dispatches cfg and cmd.

    on_config(config) applies a configuration already saved; verbs: name -> coroutine function(args) that
    returns a dict for the event or raises ValueError(text). reset() restarts the board; files are paths.
    """

    def __init__(
        self,
        clock,
        on_config,
        verbs,
        reset,
        *,
        config_file=configuration.CONFIG,
        commands_file=COMMANDS,
        build=(0, 0x3FFFFFFF),
    ):
        self._clock = clock
        self._on_config = on_config
        self._verbs = verbs
        self._reset = reset
        self._config_file = config_file
        self._commands_file = commands_file
        self._build = build  # s since 2020: the only times that can be true
        self.config = configuration.load_config(config_file)
        self._refused = b""
        self._done = []  # ids carried out in this boot
        stored = configuration.load(commands_file) or {}
        ids = stored.get("ids")
        self._reset_ids = ids if isinstance(ids, list) else []

    def attach(self, uplink) -> None:
        """Give the uplink that takes the answers; before the first message can come."""
        self.uplink = uplink

    def verbs(self, verbs: dict) -> None:
        """Add verbs of the role: name -> coroutine function(args)."""
        self._verbs.update(verbs)

    async def handle(self, name: str, payload: bytes) -> None:
        """Work off one message of the topics cfg and cmd."""
        if name == "cfg":
            self._configure(payload)
        else:
            await self._command(payload)

    def _event(self, code: int, args: dict) -> None:
        self.uplink.record(self.uplink.event(code, args))

    # --- configuration -------------------------------------------------------------------------------

    def _configure(self, payload: bytes) -> None:
        if not payload or payload == self._refused:
            return  # retained message deleted, or one already answered on an earlier connection
        version = 0
        desired = None
        try:
            desired = json.loads(payload)
            reason = configuration.validate(desired)
            if isinstance(desired, dict) and isinstance(desired.get("version"), int):
                version = max(0, min(desired["version"], 0x3FFFFFFF))
        except ValueError:
            reason = "no JSON"
        merged = self.config
        if reason is None and isinstance(desired, dict):
            merged = configuration.merge(desired)
            if merged == self.config:
                return
            try:
                configuration.save(self._config_file, desired)
            except OSError as e:
                reason = "cannot be stored: %s" % e
        if reason is not None:
            self._refused = payload
            self._event(wire.EV_CONFIG, {"version": version, "ok": 0, "reason": reason[:_TEXT]})
            return
        self.config = merged
        self._on_config(merged)
        self.uplink.reconfigure(merged)
        self._event(wire.EV_CONFIG, {"version": version, "ok": 1})

    # --- commands ------------------------------------------------------------------------------------

    async def _command(self, payload: bytes) -> None:
        try:
            command = json.loads(payload)
            ident, verb = command["id"], command["verb"]
            args = command.get("args") or {}
            if not isinstance(ident, str) or not 0 < len(ident) <= 64 or not isinstance(args, dict):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            self._event(wire.EV_LOG, {"text": "cmd: no JSON object with id, verb, args"})
            return
        if ident in self._done:
            return
        self._done.append(ident)
        if len(self._done) > _REMEMBERED:
            self._done.pop(0)
        if ident in self._reset_ids:  # carried out before the reset; the answer may have been lost
            self._event(wire.EV_COMMAND, {"id": ident, "ok": 1, "repeated": 1})
            return
        if self._too_late(command.get("not_after")):
            self._answer(ident, False, {"reason": "expired"})
        elif verb == "reboot":
            await self._reboot(ident)
        elif verb == "time":
            self._set_time(args)
        elif verb in self._verbs:
            try:
                self._answer(ident, True, await self._verbs[verb](args))
            except ValueError as e:
                self._answer(ident, False, {"reason": str(e)[:_TEXT]})
        else:
            self._answer(ident, False, {"reason": "unknown verb %s" % str(verb)[:32]})

    def _answer(self, ident: str, ok: bool, results: dict) -> None:
        args = {"id": ident, "ok": 1 if ok else 0}
        args.update(results)
        self._event(wire.EV_COMMAND, args)

    def _too_late(self, not_after) -> bool:
        """Whether the command's time is over; never said by a clock that does not know the time."""
        clock = self._clock
        clock.stamp()
        if not isinstance(not_after, int) or clock.clock == wire.CLOCK_NONE:
            return False
        return clock.t > not_after - wire.EPOCH

    async def _reboot(self, ident: str) -> None:
        # First the id, then the answer, then the reset: a power cut between them never repeats the reset.
        self._reset_ids = (self._reset_ids + [ident])[-_REMEMBERED:]
        configuration.save(self._commands_file, {"ids": self._reset_ids})
        self._answer(ident, True, {})
        await self._reset()

    def _set_time(self, args: dict) -> None:
        """verb `time` {"unix_ms": n}: the backend's clock, for devices that have no better one."""
        unix_ms = args.get("unix_ms")
        if not isinstance(unix_ms, int):
            return
        t = unix_ms // 1000 - wire.EPOCH
        if self._build[0] <= t <= self._build[1]:
            set_clock(self._clock, self.uplink, t, unix_ms % 1000, wire.CLOCK_NTP)


def set_clock(clock, uplink, t: int, ms: int, quality: int) -> bool:
    """Set the device clock and record a clock step if it is news: its own time is true at that uptime."""
    if clock.set(t, ms, quality):
        args = {"boot": clock.boot, "uptime_ms": clock.uptime_ms & 0x3FFFFFFF}
        uplink.record(uplink.event(wire.EV_CLOCK_STEP, args))
        return True
    return False
