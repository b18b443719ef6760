"""Fixes, tag reads, gates, events and health over time: quality, the store port, history."""
