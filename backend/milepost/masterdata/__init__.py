"""The shared master data: branches with their regions, customers, goods."""
