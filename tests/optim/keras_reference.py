"""What the torch AggMo does, for tests of the Keras one; in a process of its own where Keras runs on another backend.

TensorFlow and torch in one process can end it.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy

STEPS = 50
W = numpy.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], "float32")
B = numpy.array([0.5, -0.5, 2.0], "float32")
# arguments beside the learning rate; those with k are from_exp_form's
CASES = {"default": {}, "equal betas": {"betas": (0.5, 0.9, 0.9)}, "one": {"betas": (0.9,)}, "exponential": {"k": 4}}
RATE, DECAY = 0.02, 0.1


def gradient(w: numpy.ndarray, i: int, t: int) -> numpy.ndarray:
    """Of variable i at step t: another at each step, and bounded."""
    return ((0.5 + i) * (w - 1) + numpy.cos(w + t)).astype("float32")


def batches() -> tuple[numpy.ndarray, numpy.ndarray]:
    """20 batches of 8 samples, 2 features to 3 targets."""
    random = numpy.random.default_rng(0)
    return random.normal(size=(20, 8, 2)).astype("float32"), random.normal(size=(20, 8, 3)).astype("float32")


def walks() -> dict[str, Any]:
    """{case: ([weights after each step] of both variables, [velocities at the end] of both)}."""
    import torch

    import optim

    results = {}
    for case, arguments in CASES.items():
        params = [torch.nn.Parameter(torch.tensor(start)) for start in (W, B)]
        kind = optim.AggMo.from_exp_form if "k" in arguments else optim.AggMo
        optimizer, weights = kind(params, lr=RATE, **arguments), ([], [])
        for t in range(STEPS):
            for i, p in enumerate(params):
                p.grad = torch.tensor(gradient(p.detach().numpy(), i, t))
            optimizer.step()
            for p, values in zip(params, weights, strict=True):
                values.append(p.detach().numpy().copy())
        count = len(optimizer.param_groups[0]["betas"])
        results[case] = weights, [[optimizer.state[p][f"v{k}"].numpy() for k in range(count)] for p in params]
    return results


def trained() -> numpy.ndarray:
    """The weights of a linear layer that starts at W, after the batches, with weight decay."""
    import torch

    import optim

    layer = torch.nn.Linear(2, 3, bias=False)
    layer.weight.data = torch.tensor(W).T.contiguous()
    optimizer = optim.AggMo(layer.parameters(), 0.05, weight_decay=DECAY)
    for x, y in zip(*batches(), strict=True):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(layer(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    return layer.weight.detach().numpy().T


def both() -> tuple[dict[str, Any], numpy.ndarray]:
    return walks(), trained()


def references(backend: str) -> tuple[dict[str, Any], numpy.ndarray]:
    """walks() and trained(), made beside Keras on this backend."""
    if backend == "torch":
        return both()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(both).result()
