"""Which requirement is proved by which tests: read from the tests themselves, so that it cannot drift."""
