"""Studies: many runs, scheduled, observed and estimated."""
