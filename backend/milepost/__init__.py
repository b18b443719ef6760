"""Milepost: the service, its pages and its command line."""
