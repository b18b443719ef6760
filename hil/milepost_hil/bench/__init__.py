"""What the tests of hil/tests stand on: one view of a board, virtual or real, and a small backend."""
