"""Runs the test functions of a script under MicroPython: prints `ok NAME` or the traceback of each."""

import sys


def main(scope):
    failed = 0
    for name in sorted(scope):
        if name.startswith("test_"):
            try:
                scope[name]()
                print("ok", name)
            except Exception as e:
                failed += 1
                print("FAILED", name)
                sys.print_exception(e)
    sys.exit(1 if failed else 0)
