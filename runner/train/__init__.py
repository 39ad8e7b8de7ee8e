"""One run: building, training, evaluating, recording, resuming."""
