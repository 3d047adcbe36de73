"""From results to verdicts on claims: estimates, intervals, tests, and what caps a verdict.

Works on the records and predictions of runs, wherever they were trained, and never on models. verdicts.py
judges the claims of a study by rules.py; gates.py, health.py, post_hoc.py and corrections.py cap verdicts;
contrasts.py has the intervals, looks.py and planning.py sequential analysis and power.
"""
