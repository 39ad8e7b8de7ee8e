"""Runs that differ only in numbers, trained as one program: parameters, optimizer state and batches on a run axis."""
