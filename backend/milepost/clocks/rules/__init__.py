"""One module per part of the way: desk, pickup, delivery, papers, care."""
