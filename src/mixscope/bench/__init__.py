"""Benchmarks that users can repeat on their machines: `mixscope bench`.

rounds.py measures rows in turn and compares them; the other modules define the rows of one command each.
Comparisons with other packages need those packages and are scripts in benchmarks/, which use the same rounds.
"""
