"""`milepost demo --check`: one round, watched against the clock, and judged."""

import threading
from pathlib import Path

from milepost_tools.demo.play import Demo
from milepost_tools.demo.report import Report
from milepost_tools.demo.scenario import Tell

_BOOKS_S = 15.0  # kept back of the time for the settlement


def check(data: Path, seed: int, timeout_s: float, tell: Tell) -> Report:
    """Play one round and report. What goes wrong on the way is in the report, with all that was seen so far."""
    demo = Demo(data, port=0, seed=seed, tell=tell)
    first_fix_s, failure, accounts = None, "", []
    with demo:
        tell(f"service at {demo.url}, 4 devices powered")
        try:
            first_fix_s = demo.wait_for_board()
            tell("every truck is on the board")
            coming = demo.next_round()
            alarm = threading.Timer(max(0.0, timeout_s - _BOOKS_S - demo.seconds), coming.stop)
            alarm.daemon = True
            alarm.start()
            try:
                coming.play()
            finally:
                alarm.cancel()
        except InterruptedError:
            failure = f"not done within {timeout_s:g} s"
        except Exception as error:  # whatever it was, the table shows how far it came
            failure = f"{type(error).__name__}: {error}"
        seen = demo.miles()
        try:
            accounts = demo.settle_books()
        except Exception as error:
            failure = failure or f"{type(error).__name__}: {error}"
        orders = sum(len(each.shipments) for each in demo.rounds)
        mishap = demo.mishap()
    if not failure and demo.seconds > timeout_s:
        failure = f"took {demo.seconds:.0f} s, allowed {timeout_s:g} s"
    return Report(orders, seen, mishap, accounts, first_fix_s, demo.seconds, failure)
