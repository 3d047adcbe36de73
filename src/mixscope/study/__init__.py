"""What to run, as plain data: nothing here trains, reads results or needs torch.

config.py has the settings of one run with their defaults. study.py and matrix.py read a study file and expand
its factors and seeds into runs; claim.py reads what the study claims beforehand, and their digest. Built-in
studies are in builtin/.
"""
