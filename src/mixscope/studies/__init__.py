"""Many runs: planning, scheduling, status and tables of a study."""
