"""Promises: policies, business calendars, deadlines, breaches."""
