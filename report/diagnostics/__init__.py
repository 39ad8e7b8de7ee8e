"""Diagnostics of runs: norms, step sizes, velocities, trajectories, reconstructions."""
