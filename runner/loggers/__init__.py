"""Where a run's rows go beside metrics.jsonl: `logger=[tensorboard,mlflow]`.

One logger a file, found by its class's `name`, which is what `logger` takes.
"""
