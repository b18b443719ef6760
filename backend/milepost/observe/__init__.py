"""What operators see of a process: figures, whether it is alive, whether it is ready (docs/operations.md)."""
