"""The process of a sink that works apart: takes hand-overs from the process that started it, and ends with it."""

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from milepost.ingest.model import Sink, SpoolItem

# Nearly everything that a hand-over makes is gone when it ends, and hardly anything of it lies in a cycle.
_GC_THRESHOLDS = (100_000, 10, 10)


def main() -> None:
    """Serve the process at the other end of the line whose number is the first argument, until it hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the service, which ends this process in its turn
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # until it runs
    line = Connection(int(sys.argv[1]))
    try:
        sys.path[:] = line.recv()
        make, figures = line.recv()  # imports what the sink needs
        sink = make()
    except EOFError:
        return
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()
    questions: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, questions), name="line", daemon=True).start()
    _serve(sink, figures, questions.get, line)


def _listen(line: Connection, questions: "SimpleQueue[tuple[Any, ...] | None]") -> None:
    """Hear the questions, and at once when nobody is there any more: then nobody waits for what is under way."""
    while True:
        try:
            questions.put(line.recv())
        except (EOFError, OSError):
            os._exit(0)


def _serve(sink: Sink, figures: tuple[str, ...], ask: Callable[[], tuple[Any, ...] | None], line: Connection) -> None:
    while (question := ask()) is not None:
        try:
            answer = True, _answer(sink, *question)
        except Exception as error:
            answer = False, portable(error)
        line.send((*answer, {name: getattr(sink, name) for name in figures}))


def _answer(sink: Sink, verb: str, *given: Any) -> Any:
    if verb == "handle":
        sink.handle([SpoolItem(*row) for row in given[0]])
        return None
    if verb == "tick":
        tick = getattr(sink, "tick", None)
        return None if tick is None else tick()
    return sink.position()


def portable(error: Exception) -> Exception:
    """The error as another process can raise it, with its traceback as a note: of the same type and text, or where
    that one cannot travel, of the nearest built-in type it is a kind of, so that whoever tells errors apart still can.
    """
    trace = "".join(traceback.format_exception(error)).rstrip()
    name, text = type(error).__name__, str(error)
    for made in (lambda: error, *(_as(kind, text, name) for kind in type(error).__mro__ if _is_built_in(kind))):
        try:
            there = made()
            there.add_note(f"in the process of the sink:\n{trace}")
            copy = pickle.loads(pickle.dumps(there))
        except Exception:  # whatever a strange class thinks of being copied
            continue
        if type(copy) is type(there) and (there is not error or str(copy) == text):
            return there
    raise AssertionError("an Exception can always travel as one")


def _as(kind: type, text: str, name: str) -> Callable[[], Exception]:
    return lambda: kind(f"{name}: {text}")


def _is_built_in(kind: type) -> bool:
    return issubclass(kind, Exception) and kind.__module__ == "builtins"
