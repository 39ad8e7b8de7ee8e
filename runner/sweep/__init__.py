"""Sweeps: many runs from one command, planned as a whole and run by a launcher, each in its own folder."""
