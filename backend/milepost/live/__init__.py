"""The board's state and its stream to browsers."""
