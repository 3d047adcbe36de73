"""Doing it: one run from settings to records, and what the machine has."""
