"""`milepost demo --check`: one round, watched against the clock, and judged."""

import threading
from pathlib import Path

from milepost_tools.demo.play import Demo
from milepost_tools.demo.report import Report
from milepost_tools.demo.scenario import Tell

_BOOKS_S = 15.0  # kept back of the time for the settlement


def check(data: Path, seed: int, timeout_s: float, tell: Tell, started: float) -> Report:
    """Play one round and report (arguments: those of Demo); what goes wrong on the way is in the report."""
    run = _Run(Demo(data, port=0, seed=seed, tell=tell, started=started), timeout_s, tell)
    try:
        with run.demo:
            run.play()
            run.judge()
    except Exception as error:  # whatever it was, the tables show how far it came
        run.fail(f"{type(error).__name__}: {error}")
    return run.report()


class _Run:
    def __init__(self, demo: Demo, timeout_s: float, tell: Tell) -> None:
        self.demo = demo
        self._timeout_s = timeout_s
        self._tell = tell
        self._first_fix_s: float | None = None
        self._failure = ""
        self._found: dict = {"miles": (), "mishap": None, "accounts": ()}

    def fail(self, why: str) -> None:
        """Keep the first cause."""
        self._failure = self._failure or why

    def play(self) -> None:
        """From the first fix to the last archive; a failure is kept, so that the books are still laid open."""
        demo = self.demo
        self._tell(f"service at {demo.url}, {len(demo.boards)} devices powered")
        try:
            self._first_fix_s = demo.wait_for_board()
            self._tell("every truck is on the board")
            coming = demo.next_round()
            alarm = threading.Timer(max(0.0, self._timeout_s - _BOOKS_S - demo.seconds), coming.stop)
            alarm.daemon = True
            alarm.start()
            try:
                coming.play()
            finally:
                alarm.cancel()
        except InterruptedError:
            self.fail(f"not done within {self._timeout_s:g} s")
        except Exception as error:
            self.fail(f"{type(error).__name__}: {error}")

    def judge(self) -> None:
        """Read what the service says, then what the devices' flash says."""
        self._found["miles"] = self.demo.miles()
        self._found["mishap"] = self.demo.mishap()
        self._found["accounts"] = self.demo.settle_books()

    def report(self) -> Report:
        """All of it."""
        seconds = self.demo.seconds
        if seconds > self._timeout_s:
            self.fail(f"took {seconds:.0f} s, allowed {self._timeout_s:g} s")
        orders = sum(len(each.shipments) for each in self.demo.rounds)
        return Report(
            orders=orders, first_fix_s=self._first_fix_s, seconds=seconds, failure=self._failure, **self._found
        )
