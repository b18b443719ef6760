"""From a board that runs MicroPython to a device whose first record the backend has acknowledged."""
