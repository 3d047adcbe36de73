"""Measurements that a user can repeat on a machine of their own: `mixscope bench`.

rounds.py measures rows in turn and compares them; every other file here makes the rows of one command.
Comparisons with other packages need those packages and are scripts in benchmarks/, which use the same rounds.
"""
