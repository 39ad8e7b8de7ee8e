"""Where a run's rows go beside metrics.jsonl: `logger=[tensorboard,mlflow]`. A file here is a sink; its class's `name`
is what `logger` takes."""
