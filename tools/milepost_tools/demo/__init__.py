"""`milepost demo`: the whole of Milepost on one machine, with virtual devices in a simulated world."""
