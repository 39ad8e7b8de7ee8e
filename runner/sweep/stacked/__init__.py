"""The launcher `stacked`: runs that differ only in numbers train as one program.

Parameters, optimizer state and batches of all runs lie along a first dimension, the run axis: (R, ...) for R runs.
"""
