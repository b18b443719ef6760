"""Puts files on a board that runs MicroPython, through mpremote's transport: only what differs, file by file.

Every file is written beside its place, compared by SHA-256 on the board and renamed, so that a copy
killed anywhere leaves each file old or new and the next run goes on where it stopped.
"""

import ast
import base64
import contextlib
import hashlib
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

_CHUNK_BYTES = 1536
_PARTIAL = ".part"

_HELPERS = """
import os, hashlib, binascii
def _mp_hash(p):
    try: f = open(p, 'rb')
    except OSError: return None
    h = hashlib.sha256(); b = bytearray(512); n = f.readinto(b)
    while n:
        h.update(memoryview(b)[:n]); n = f.readinto(b)
    f.close(); return binascii.hexlify(h.digest()).decode()
def _mp_dirs(p):
    at = p.find('/', 1)
    while at > 0:
        try: os.mkdir(p[:at])
        except OSError as e:
            if e.errno != 17: raise
        at = p.find('/', at + 1)
def _mp_walk(p):
    out = []
    try: rows = list(os.ilistdir(p))
    except OSError: return out
    for r in rows:
        q = p + '/' + r[0]
        out += _mp_walk(q) if r[1] & 0x4000 else [q]
    return out
"""


class DeployFailed(RuntimeError):
    """The board did not take a file; the message says which and why."""


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What runs on the board."""

    implementation: str
    version: tuple[int, int, int]
    machine: str
    platform: str
    unique_id: str


@dataclass(slots=True)
class Copied:
    """What a copy did."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    bytes_written: int = 0


def connect(port: str, timeout_s: int = 15) -> SerialTransport:
    """Opens the port and enters the raw prompt without running main.py. Raises DeployFailed with what to try.

    port: device file, symlink or pyserial URL (rfc2217://...).
    """
    try:
        transport = SerialTransport(port, baudrate=115200, timeout=timeout_s)
    except TransportError as e:
        raise DeployFailed(f"cannot open {port}: {e}") from e
    try:
        transport.enter_raw_repl(soft_reset=True, timeout_overall=timeout_s)
    except TransportError as e:
        disconnect(transport)
        raise DeployFailed(
            f"{port} does not answer as MicroPython: {e}. Is the firmware of the board MicroPython, "
            "and does no other program use the port?"
        ) from e
    return transport


def disconnect(transport: SerialTransport) -> None:
    """Closes the port, also of a board that is no longer there."""
    with contextlib.suppress(OSError, termios.error):
        transport.close()


def facts(transport: SerialTransport) -> BoardFacts:
    """Asks the board what it is. Raises DeployFailed when it is not MicroPython."""
    code = (
        "import sys\n"
        "try:\n    import machine; u = machine.unique_id().hex()\n"
        "except (ImportError, AttributeError): u = ''\n"
        "i = sys.implementation\n"
        "print((i[0], tuple(i[1][:3]), getattr(i, '_machine', ''), sys.platform, u))"
    )
    answer = _ask(transport, code)
    if not isinstance(answer, tuple) or answer[0] != "micropython":
        raise DeployFailed(f"the board runs {answer!r}, not MicroPython")
    return BoardFacts(*answer)


def copy(
    transport: SerialTransport,
    files: Mapping[str, bytes],
    *,
    owned: tuple[str, ...] = (),
    on_file: Callable[[str, str], None] | None = None,
) -> Copied:
    """Makes the board hold exactly these files, in their order; raises DeployFailed.

    owned: folders in which nothing else may stay (a forgotten .py there would win over its .mpy).
    on_file: called with (path, "written" | "kept" | "removed").
    """
    done = Copied()
    say = on_file or (lambda _path, _what: None)
    _exec(transport, _HELPERS)
    there: dict[str, str | None] = {}
    names = list(files)
    for i in range(0, len(names), 16):
        answer = _ask(transport, f"print({{p: _mp_hash(p) for p in {names[i : i + 16]!r}}})")
        there.update(answer if isinstance(answer, dict) else {})
    for path, content in files.items():
        if there.get(path) == hashlib.sha256(content).hexdigest():
            done.kept.append(path)
            say(path, "kept")
            continue
        _put(transport, path, content)
        done.written.append(path)
        done.bytes_written += len(content)
        say(path, "written")
    for folder in owned:
        found = _ask(transport, f"print(_mp_walk({folder!r}))")
        for path in found if isinstance(found, list) else []:
            if path not in files:
                _exec(transport, f"os.remove({path!r})")
                done.removed.append(path)
                say(path, "removed")
    return done


def _put(transport: SerialTransport, path: str, content: bytes) -> None:
    part = path + _PARTIAL
    _exec(transport, f"_mp_dirs({path!r})\n_f = open({part!r}, 'wb')")
    for at in range(0, len(content), _CHUNK_BYTES):
        text = base64.b64encode(content[at : at + _CHUNK_BYTES]).decode()
        _exec(transport, f"_f.write(binascii.a2b_base64('{text}'))")
    answer = _ask(transport, f"_f.close(); print(repr(_mp_hash({part!r})))")
    if answer != hashlib.sha256(content).hexdigest():
        raise DeployFailed(f"{path} arrived damaged on the board; run the command again")
    _exec(transport, f"os.rename({part!r}, {path!r})")


def _exec(transport: SerialTransport, code: str) -> bytes:
    try:
        return transport.exec(code)
    except TransportExecError as e:
        last = str(e.error_output).strip().splitlines()[-1:] or ["no reason given"]
        raise DeployFailed(f"the board refused: {last[0]}") from e
    except (TransportError, OSError, termios.error) as e:
        raise DeployFailed(f"the board stopped answering: {e}") from e


def _ask(transport: SerialTransport, code: str) -> object:
    text = _exec(transport, code).decode(errors="replace").strip()
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as e:
        raise DeployFailed(f"the board gave an answer that makes no sense: {text[:80]!r}") from e


def device_of(transport: SerialTransport) -> str | None:
    """The device id in the board's identity.json, None without one."""
    code = (
        "import json\n"
        "try:\n    with open('/identity.json') as f: print(repr(json.load(f)['device']))\n"
        "except (OSError, ValueError, KeyError, TypeError): print(None)"
    )
    answer = _ask(transport, code)
    return answer if isinstance(answer, str) else None
