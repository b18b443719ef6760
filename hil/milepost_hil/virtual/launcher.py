"""Runs the MicroPython interpreter of the wheel as one boot of a virtual board.

Started by the supervisor as ``python -I -S launcher.py LIBRARY PAGE FLASH SOCKET BOOT RAW PARENT HANDLERS SLOT``.
It maps the shared page and the flash file, gives the interpreter's own "a UART interrupt saw Ctrl-C"
function to SIGUSR1 (the unix port's SIGINT handler longjmps out of the garbage collector and leaves the
heap locked for ever, notes/hil.md T1), starts the thread that turns pin edges into scheduled callbacks,
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


def main() -> None:
    library, page_path, flash_path, socket_path, boot, raw, parent, handlers_at, slot = sys.argv[1:]
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        os._exit(0)
    lib = ctypes.CDLL(library)
    lib.mp_sched_schedule.restype = ctypes.c_bool
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    for number, handler in ((signal.SIGUSR1, lib.mp_sched_keyboard_interrupt), (signal.SIGUSR2, libc.abs)):
        libc.signal(number, ctypes.cast(handler, ctypes.c_void_p))
        libc.siginterrupt(number, 1)
    # tcsetattr() would flush what a tool has typed ahead (elf.py); abs(0) answers 0 and does nothing
    anchor = ctypes.cast(lib.mp_sched_keyboard_interrupt, ctypes.c_void_p).value or 0
    ctypes.c_void_p.from_address(anchor + int(slot)).value = ctypes.cast(libc.abs, ctypes.c_void_p).value
    page, page_view = _map(page_path)
    flash, _flash_view = _map(flash_path)
    if raw == "1":
        ctypes.c_int.in_dll(lib, "pyexec_mode_kind").value = _RAW_REPL
    _thread.start_new_thread(_deliver, (lib, page_view, int(handlers_at), socket_path, _thread.get_ident()))
    # `w` before `K`: 160 Ki words, about the heap of an ESP32 without PSRAM (T9)
    words = ["micropython", "-X", "heapsize=160wK", boot, str(page), str(flash), socket_path]
    argv = (ctypes.c_char_p * (len(words) + 1))(*[w.encode() for w in words], None)
    os._exit(lib.micropython_unix_main(len(words), argv) & 0xFF)


if __name__ == "__main__":
    main()
