"""Finds, in the interpreter's library, the pointer through which it calls a libc function.

Needed for two calls, which the launcher points elsewhere. ``tcsetattr(TCSAFLUSH)``: the unix port calls it
whenever it enters or leaves a prompt and so throws away what a tool has typed ahead; ``mpremote`` types Ctrl-C
and Ctrl-A in one go, and an ESP32 loses neither. ``sigaction(SIGINT)``: it tells when Ctrl-C means "interrupt".
"""

import functools
import struct
from pathlib import Path

_SHT_RELA, _SHT_DYNSYM = 4, 11
_JUMP_SLOT = 7  # R_X86_64_JUMP_SLOT


@functools.cache
def call_slot(library: Path, function: str, anchor: str) -> int:
    """Distance in bytes from exported function `anchor` to the pointer behind calls of `function`.

    Raises LookupError when the library binds the function in another way (System V ABI, x86-64 ELF).
    """
    image = library.read_bytes()
    (table_at,) = struct.unpack_from("<Q", image, 0x28)
    entry_bytes, entries, _ = struct.unpack_from("<HHH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, table_at + i * entry_bytes) for i in range(entries)]
    symbols = next(s for s in sections if s[1] == _SHT_DYNSYM)
    strings_at = sections[symbols[6]][4]

    def symbol(index: int) -> tuple[str, int]:
        name_at, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", image, symbols[4] + 24 * index)
        start = strings_at + name_at
        return image[start : image.index(b"\0", start)].decode(), value

    anchor_at = next((v for n, v in (symbol(i) for i in range(symbols[5] // 24)) if n == anchor and v), None)
    for section in sections:
        if section[1] != _SHT_RELA or anchor_at is None:
            continue
        for at in range(section[4], section[4] + section[5], 24):
            place, info, _ = struct.unpack_from("<QQq", image, at)
            if info & 0xFFFFFFFF == _JUMP_SLOT and symbol(info >> 32)[0] == function:
                return place - anchor_at
    raise LookupError(f"{library} does not call {function} through a jump slot")
