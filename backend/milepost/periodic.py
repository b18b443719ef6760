"""Work that is repeated in a thread of its own until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
_TELL_EVERY_S = 60.0
_NEW_LINE = "\n"


class Periodic:
    """Calls `work` every `every_s` seconds. An exception is logged and the next call comes all the same.

    One that comes again and again is told in full once, then in a line a minute, and its end is told too.
    """

    def __init__(self, name: str, every_s: float, work: Callable[[], object]) -> None:
        self._every_s = every_s
        self._work = work
        self.name = name
        self.failures = 0
        self._error: str | None = None
        self._next_telling = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first call comes after the first pause."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call at hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._work()
            except Exception as error:
                self.failures += 1
                self._tell(error)
            else:
                if self._error is not None:
                    _log.info("%s is well again", self.name)
                    self._error = None

    def _tell(self, error: Exception) -> None:
        said, now = f"{type(error).__name__}: {str(error).strip().partition(_NEW_LINE)[0]}", time.monotonic()
        if said != self._error:
            _log.error("%s failed; trying again in %s s", self.name, self._every_s, exc_info=error)
        elif now >= self._next_telling:
            _log.error("%s still fails, %d times by now: %s", self.name, self.failures, said)
        else:
            return
        self._error, self._next_telling = said, now + _TELL_EVERY_S
