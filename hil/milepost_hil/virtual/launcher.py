"""Runs the MicroPython interpreter of the wheel as one boot of a virtual board.

Started by the supervisor as ``python -I -S launcher.py LIBRARY PAGE FLASH SOCKET BOOT RAW PARENT HANDLERS ARMED
TERMIOS SIGACTION`` (the last two: elf.call_slot).

It maps the shared page and the flash file, gives the interpreter's own "a UART interrupt saw Ctrl-C"
function to SIGUSR1 (the unix port's SIGINT handler longjmps out of the garbage collector and leaves the
heap locked for ever, docs/hil.md T1), starts the thread that turns pin edges into scheduled callbacks,
and then becomes the interpreter. Imports stay few: every one of them costs boot time.
"""

import _thread
import ctypes
import mmap
import os
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_IGN)  # else CPython's handler looks like MicroPython's (T3)

_PR_SET_PDEATHSIG = 1
_PROT_ALL, _MAP_PRIVATE_ANONYMOUS = 7, 0x22
_RAW_REPL = 1


def _map(path: str) -> tuple[int, mmap.mmap]:
    fd = os.open(path, os.O_RDWR)
    view = mmap.mmap(fd, 0)
    os.close(fd)
    return ctypes.addressof(ctypes.c_char.from_buffer(view)), view


def _deliver(lib: ctypes.CDLL, handlers: mmap.mmap, first: int, path: str, main_thread: int) -> None:
    """Schedules the callable of each slot number that arrives, and wakes the interpreter out of poll()."""
    import socket  # noqa: PLC0415  (only this thread needs it, after the interpreter has started)
    import time  # noqa: PLC0415

    libc = ctypes.CDLL(None)
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(b"irq\n")
        while slots := link.recv(64):
            for slot in slots:
                at = first + 8 * slot
                address = int.from_bytes(handlers[at : at + 8], "little")
                for _ in range(50):  # the scheduler's queue has four places
                    if not address or lib.mp_sched_schedule(ctypes.c_void_p(address), ctypes.c_void_p(slot << 1 | 1)):
                        break
                    time.sleep(0.001)
            for _ in range(2):  # again: the first may fall between its last look and its poll()
                libc.pthread_kill(ctypes.c_ulong(main_thread), signal.SIGUSR2)
                time.sleep(0.002)


def _code(libc: ctypes.CDLL, flag: int, sigaction: int, interrupt: int) -> tuple[int, int]:
    """Two x86-64 functions: what the interpreter shall call as sigaction(), and the handler of SIGUSR1.

    The interpreter arms and disarms Ctrl-C by sigaction(SIGINT). Whoever looks at that from outside and then
    sends a signal may be too late: the exception then hits the next program. So the first function only
    notes armed or not in `flag`, and the second looks at the flag at the moment the signal is delivered.
    """
    q = lambda value: value.to_bytes(8, "little")  # noqa: E731
    note = (
        b"\x83\xff\x02\x74\x0c"  # cmp edi, SIGINT; je +12
        + (b"\x48\xb8" + q(sigaction) + b"\xff\xe0")  # mov rax, sigaction; jmp rax
        + (b"\x48\x8b\x06\x48\xba" + q(flag))  # mov rax, [rsi] (sa_handler); mov rdx, flag
        + b"\x48\x85\xc0\x0f\x95\x02\x31\xc0\xc3"  # test rax, rax; setne [rdx]; xor eax, eax; ret
    )
    handler = (
        (b"\x48\xba" + q(flag) + b"\x80\x3a\x00\x74\x0c")  # mov rdx, flag; cmp byte [rdx], 0; je +12
        + (b"\x48\xb8" + q(interrupt) + b"\xff\xe0\xc3")  # mov rax, interrupt; jmp rax; ret
    )
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    at = libc.mmap(None, mmap.PAGESIZE, _PROT_ALL, _MAP_PRIVATE_ANONYMOUS, -1, 0)
    ctypes.memmove(at, note + handler, len(note) + len(handler))
    return at, at + len(note)


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def main() -> None:
    library, page_path, flash_path, socket_path, boot, raw, *numbers = sys.argv[1:]
    parent, handlers_at, armed_at, termios_slot, sigaction_slot = map(int, numbers)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    lib = ctypes.CDLL(library)
    lib.mp_sched_schedule.restype = ctypes.c_bool
    page, page_view = _map(page_path)
    flash, _flash_view = _map(flash_path)
    anchor = _address(lib.mp_sched_keyboard_interrupt)
    note, handler = _code(libc, page + armed_at, _address(libc.sigaction), anchor)
    ctypes.c_void_p.from_address(anchor + sigaction_slot).value = note
    # tcsetattr() would flush what a tool has typed ahead (elf.py); abs(0) answers 0 and does nothing
    ctypes.c_void_p.from_address(anchor + termios_slot).value = _address(libc.abs)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    for number, function in ((signal.SIGUSR1, handler), (signal.SIGUSR2, _address(libc.abs))):
        libc.signal(number, function)
        libc.siginterrupt(number, 1)
    if raw == "1":
        ctypes.c_int.in_dll(lib, "pyexec_mode_kind").value = _RAW_REPL
    _thread.start_new_thread(_deliver, (lib, page_view, handlers_at, socket_path, _thread.get_ident()))
    # `w` before `K`: 160 Ki words, about the heap of an ESP32 without PSRAM (T9)
    words = ["micropython", "-X", "heapsize=160wK", boot, str(page), str(flash), socket_path]
    argv = (ctypes.c_char_p * (len(words) + 1))(*[w.encode() for w in words], None)
    os._exit(lib.micropython_unix_main(len(words), argv) & 0xFF)


if __name__ == "__main__":
    main()
