"""Estimates, intervals and verdicts on claims, from records alone."""
