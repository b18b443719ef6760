"""The pages on which administrators keep the installation: policies, calendars, registers, texts, people."""
