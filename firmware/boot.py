"""Runs before main.py on every start: collect garbage early rather than late, the heap stays in one piece."""

import gc

gc.threshold(16384)
