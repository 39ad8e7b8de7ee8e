"""The optimizers as classes with written-out arguments; params, backend, seed and maximize are ComposedOptimizer's."""
