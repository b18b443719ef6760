"""What one connection of JT/T 808 has come to, and what each frame on it means. Pure: frames in, outcomes out.

One connection may carry several terminals (a gateway); each proves itself. Nothing of a terminal is stored before it
has, but everybody who is known gets an answer to his heartbeat.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from milepost.ingest.foreign.identities import Identity
from milepost.ingest.foreign.jt808 import answers
from milepost.ingest.foreign.jt808.answers import FAILED, OK, UNKNOWN, UNSUPPORTED, Registration
from milepost.ingest.foreign.jt808.decode import CHANNEL, STORED
from milepost.ingest.foreign.jt808.frames import Message, parse
from milepost.ingest.foreign.model import Unreadable
from milepost.ingest.model import STATE
from milepost.ingest.spool import Message as Stored

ANSWER, REGISTER, HEARTBEAT, LOGOUT, TIME, AUTHENTICATE = 0x0001, 0x0100, 0x0002, 0x0003, 0x0004, 0x0102
_MOST_REFUSED = 5  # messages of unknown or unproven terminals, then the connection ends
_MOST_TERMINALS = 1_000
_MOST_GROUPS, _MOST_PARTS = 4, 32  # split messages that wait for their pieces
_HEARTBEAT_MS = 60_000  # how often a heartbeat is worth a line in the spool
_RESTART = 1_000  # serials further ahead than this begin anew, they are no gap


@dataclass(slots=True)
class Outcome:
    """What to do about a frame, in this order: register, store, answer, close."""

    answers: list[bytes] = field(default_factory=list)  # sent only after `store` is on disk
    store: list[Stored] = field(default_factory=list)
    register: tuple[Message, Registration] | None = None
    close: bool = False


@dataclass(slots=True)
class _Terminal:
    identity: Identity
    proven: bool
    last_serial: int | None = None
    told_at: int = 0


Find = Callable[[str], Identity | None]


class Session:
    """One connection. `find` looks a terminal up; `may_try` and `failed` bound guesses at an auth code; `unknown`
    hears of terminals that nobody knows; `missed` of gaps in the serials of one that is known."""

    def __init__(
        self,
        find: Find,
        *,
        may_try: Callable[[str], bool],
        failed: Callable[[str], None],
        unknown: Callable[[str, str], None],
        missed: Callable[[str, int], None],
    ) -> None:
        self._find = find
        self._may_try = may_try
        self._failed = failed
        self._unknown = unknown
        self._missed = missed
        self._terminals: OrderedDict[str, _Terminal] = OrderedDict()
        self._pieces: OrderedDict[tuple[str, int, int], dict[int, tuple[Message, bytes]]] = OrderedDict()
        self._refused = 0
        self._serial = 0

    @property
    def proven(self) -> list[Identity]:
        """The terminals that have proven who they are and have not logged out."""
        return [each.identity for each in self._terminals.values() if each.proven]

    def take(self, frame: bytes, now_ms: int) -> Outcome:
        """One frame without its flags, received at `now_ms` (UTC ms)."""
        try:
            message = parse(frame)
        except Unreadable as error:
            return self._bad(frame, error, now_ms)
        identity = self._find(message.terminal)
        if identity is None:
            return self._stranger(message)
        terminal = self._terminal(message.terminal, identity)
        self._count(terminal, message)
        if message.kind == ANSWER:
            return Outcome()
        if message.parts > 1:
            return self._piece(terminal, message, frame, now_ms)
        return self._whole(terminal, message, [frame], now_ms)

    def registered(self, message: Message, code: str | None) -> bytes:
        """The answer to a registration that was let in (`code`) or refused (None)."""
        if code is None:
            return answers.registered(message, answers.TAKEN, "", self._next())
        return answers.registered(message, OK, code, self._next())

    def _whole(self, terminal: _Terminal, message: Message, frames: list[bytes], now_ms: int) -> Outcome:
        if message.kind == REGISTER:
            return self._register(message)
        if message.kind == AUTHENTICATE:
            return self._authenticate(terminal, message, now_ms)
        if message.kind == TIME:
            now = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%y%m%d%H%M%S")
            return Outcome([answers.time(message, bytes.fromhex(now), self._next())])
        if message.kind == HEARTBEAT:
            return self._answer(message, OK, self._alive(terminal, now_ms))
        if message.kind == LOGOUT:
            gone = [state_of(terminal.identity, now_ms, online=False)] if terminal.proven else []
            terminal.proven = False
            return self._answer(message, OK, gone)
        if message.kind not in STORED:
            return self._answer(message, UNSUPPORTED)
        if not terminal.proven:
            return self._refuse(message)
        payload = b"".join(b"\x7e" + each + b"\x7e" for each in frames)
        return self._answer(message, OK, [Stored(terminal.identity.device, CHANNEL, now_ms, payload)])

    def _register(self, message: Message) -> Outcome:
        try:
            return Outcome(register=(message, answers.registration(message)))
        except Unreadable:
            return Outcome([answers.registered(message, UNKNOWN, "", self._next())])

    def _authenticate(self, terminal: _Terminal, message: Message, now_ms: int) -> Outcome:
        try:
            code, firmware = answers.authentication(message)
        except Unreadable:
            return self._refuse(message)
        if not self._may_try(message.terminal):
            return self._refuse(message)
        if not terminal.identity.proven_by(code):
            self._failed(message.terminal)
            return self._refuse(message)
        terminal.proven = True
        terminal.told_at = now_ms
        return self._answer(message, OK, [state_of(terminal.identity, now_ms, online=True, firmware=firmware)])

    def _piece(self, terminal: _Terminal, message: Message, frame: bytes, now_ms: int) -> Outcome:
        """A piece is kept until all are there; only then is the message stored, and every piece answered."""
        if message.kind not in STORED or message.parts > _MOST_PARTS:
            return self._answer(message, UNSUPPORTED)
        if not terminal.proven:
            return self._refuse(message)
        first = (message.serial - message.part + 1) & 0xFFFF
        key = (message.terminal, message.kind, first)
        group = self._pieces.setdefault(key, {})
        group[message.part] = (message, frame)
        missing = [part for part in range(1, message.parts + 1) if part not in group]
        if not missing:
            del self._pieces[key]
            ordered = [group[part] for part in range(1, message.parts + 1)]
            outcome = self._whole(terminal, message, [raw for _, raw in ordered], now_ms)
            outcome.answers = [answers.general(piece, OK, self._next()) for piece, _ in ordered]
            return outcome
        while len(self._pieces) > _MOST_GROUPS:
            self._pieces.popitem(last=False)
        if message.part == message.parts:
            return Outcome([answers.resend(message, first, missing, self._next())])
        return Outcome()

    def _terminal(self, number: str, identity: Identity) -> _Terminal:
        known = self._terminals.get(number)
        if known is None or known.identity.secret_hash != identity.secret_hash or known.identity.open != identity.open:
            # New here, or the engineer has changed something since: it proves itself (again).
            known = self._terminals[number] = _Terminal(identity, proven=identity.open)
            if len(self._terminals) > _MOST_TERMINALS:
                self._terminals.popitem(last=False)
        known.identity = identity
        return known

    def _count(self, terminal: _Terminal, message: Message) -> None:
        if terminal.last_serial is not None:
            ahead = (message.serial - terminal.last_serial) & 0xFFFF
            if ahead == 0 or ahead > 0x8000:
                return  # sent again
            if 1 < ahead <= _RESTART and terminal.proven:
                self._missed(terminal.identity.device, ahead - 1)
        terminal.last_serial = message.serial

    def _alive(self, terminal: _Terminal, now_ms: int) -> list[Stored]:
        if not terminal.proven or now_ms - terminal.told_at < _HEARTBEAT_MS:
            return []
        terminal.told_at = now_ms
        return [state_of(terminal.identity, now_ms, online=True)]

    def _bad(self, frame: bytes, error: Unreadable, now_ms: int) -> Outcome:
        """A frame that cannot be trusted gets no answer, so the terminal sends it again. It is kept for the engineer
        where the connection carries one terminal, whose it must be."""
        proven = self.proven
        if len(proven) == 1:
            payload = b"\x7e" + frame + b"\x7e"
            return Outcome(store=[Stored(proven[0].device, CHANNEL, now_ms, payload)])
        self._refused += not proven
        return Outcome(close=self._refused > _MOST_REFUSED)

    def _stranger(self, message: Message) -> Outcome:
        said = f"message {message.kind:04x}"
        outcome = Outcome([answers.general(message, FAILED, self._next())])
        if message.kind == REGISTER:
            try:
                hello = answers.registration(message)
                said = f"{hello.hardware}, plate {hello.plate or '-'}"
            except Unreadable:
                pass
            outcome = Outcome([answers.registered(message, UNKNOWN, "", self._next())])
        self._unknown(message.terminal, said)
        self._refused += 1
        outcome.close = self._refused > _MOST_REFUSED
        return outcome

    def _refuse(self, message: Message) -> Outcome:
        self._refused += 1
        return Outcome([answers.general(message, FAILED, self._next())], close=self._refused > _MOST_REFUSED)

    def _answer(self, message: Message, result: int, store: list[Stored] | None = None) -> Outcome:
        return Outcome([answers.general(message, result, self._next())], store or [])

    def _next(self) -> int:
        self._serial += 1
        return self._serial - 1


def state_of(identity: Identity, now_ms: int, *, online: bool, firmware: str | None = None) -> Stored:
    """A message of state, as our own devices send it: the contact sees no difference."""
    said = {"online": online} | ({"fw": firmware} if firmware else {})
    return Stored(identity.device, STATE, now_ms, json.dumps(said).encode())
