"""Benches: what Milepost promises in figures, measured."""
