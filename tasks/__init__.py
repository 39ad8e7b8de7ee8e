"""Tasks: one objective a file; a new file is registered by its class's `objective`."""
