"""Forms of commands: described from what the API takes, read back into the same bodies."""
