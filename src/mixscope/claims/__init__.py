"""Is it true: estimates, intervals and verdicts from records alone."""
