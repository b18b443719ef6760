"""A small simulated world: trucks on roads, pallets through a dock door, and what their modules send.

Pure and seeded: nothing here reads a clock or a socket; whoever runs it says what time it is.
"""
