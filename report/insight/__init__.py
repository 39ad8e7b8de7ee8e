"""What happened inside the runs: norms, step sizes, velocities, paths, reconstructions."""
