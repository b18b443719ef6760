"""Devices, vehicles, drivers, sites, doors, and which device is on what at which time."""
