"""Runs the device. A crash is stored, reported at the next start, and followed by a reset.

Ctrl-C leaves to the prompt. After five crashes within a minute of their start the board stays at the prompt:
`import main` does not help then, look at /crash.json, mend, delete it and reset.
"""

import sys
import time

_PAUSE_S = 3


def run():
    from milepost_device import crash

    if crash.count() >= crash.FAST_LIMIT:
        print("milepost: safe mode after %d crashes in a row; the last one:" % crash.count())
        print(crash.trace())
        print("Mend the cause (milepost provision), or delete %s, then reset." % crash.FILE)
        return
    started = time.ticks_ms()
    try:
        from milepost_device import app

        app.main()
    except KeyboardInterrupt:
        print("milepost: stopped at the prompt; reset to start again")
        return
    except ValueError as e:
        if "identity.json" in str(e):  # not provisioned: nothing to restart for
            print("milepost: %s" % e)
            return
        _crashed(e, started)
    except Exception as e:
        _crashed(e, started)


def _crashed(error, started):
    from milepost_device import crash

    sys.print_exception(error)
    fast = crash.note(error, time.ticks_diff(time.ticks_ms(), started) // 1000)
    print("milepost: crashed (%d in a row); reset in %d s, Ctrl-C stops here" % (fast, _PAUSE_S))
    try:
        time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        return
    import machine

    machine.reset()


run()
