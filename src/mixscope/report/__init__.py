"""The story of a study, from its records and verdicts alone: one page, its tables and its figures."""
