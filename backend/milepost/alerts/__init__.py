"""The exception inbox: one open item per cause, opened and closed by facts."""
