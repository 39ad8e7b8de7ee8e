"""Transforms and configurations of the methods: one idea a file, found by `optim.configs()`."""
