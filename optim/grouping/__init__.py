"""Parameter groups by rules: which parameters, with which hyper-parameters, by which optimizer."""
