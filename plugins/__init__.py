"""One's own optimizers, networks, tasks and data sets; plugins/README.md says how they are found."""
