"""The report of a suite: how good optimizers are over many tasks, from a command's runs and recorded ones.

gather.py     which runs are compared, and what is left out
origins.py    notes on where they come from; whether times can be compared
scored.py     the scores of report/scores for them
ranking.py    the table of optimizers by tasks
tables.py     wins and losses, steps, sensitivity, times
figures.py    profiles, expected best, and which optimizers are drawn in colour
report.py     all of them in the order of the page, and its files
console.py    the summary at a suite's end
"""
