"""From readings to facts: detectors, dock sessions and the append-only evidence log."""
