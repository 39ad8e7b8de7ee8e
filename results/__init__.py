"""From folders to runs: finding them, choosing among them, as settings and as frames, and what to beware of."""
