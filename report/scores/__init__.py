"""Scores of optimizers over the tasks of a suite: pure functions of plain data, which read no file.

inputs.py          runs, from folders or records, as trials
data.py            tasks and trials; the best setting of each optimizer; its results by seed
steps.py           steps to a target, of the mean over seeds
profile.py         performance profiles over tasks
expected_best.py   the expected best value against the number of trials
sensitivity.py     the share of the search space that is near the best
ranks.py           mean ranks with bootstrap intervals over tasks and seeds
wins.py            wins, ties and losses against each baseline
cautions.py        reasons to doubt the above
"""
