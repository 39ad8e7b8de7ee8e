"""Loggers of a run's rows beside metrics.jsonl: `logger=[tensorboard,mlflow]`.

One logger a file; the `name` of its class is the value of `logger`.
"""
