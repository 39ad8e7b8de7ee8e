"""Transforms around any optimizer: one idea a file, found by `optim.wrappers()`."""
