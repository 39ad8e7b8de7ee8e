"""What tests of torch's users share: makers of every method, small parameters, steps, states as plain lists."""

from __future__ import annotations

import torch
from cases import CASES
from problem import loss_of, parameters, set_gradients

import optim

REFERENCES = {
    "torch.optim.SGD": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
    "torch.optim.AdamW": torch.optim.AdamW,
}
METHODS = {
    **{name: lambda params, kind=kind: optim.build(kind(), params) for name, kind in optim.configs().items()},
    "wrapped_in_all": lambda params: CASES["wrapped_in_all"].build(params),
    "momo_adam_fstar": lambda params: CASES["momo_adam_fstar"].build(params),
}


def small(seed=0):
    return parameters(torch.float32, ((3,), (2, 3)), seed)


def steps(optimizer, count=2):
    """Take steps, each with gradients for all parameters."""
    for n in range(count):
        params = [p for group in optimizer.param_groups for p in group["params"]]
        set_gradients(params, n)
        optimizer.step(**loss_for(optimizer, params))
    return optimizer


def loss_for(optimizer, params):
    """The loss as a keyword, for methods that read it."""
    return {"loss": loss_of(params)} if getattr(getattr(optimizer, "pipeline", None), "uses_loss", False) else {}


def listed(x):
    """A state_dict, or a part of it, with lists for its tensors, so that == compares them."""
    if isinstance(x, dict):
        return {key: listed(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [listed(value) for value in x]
    return x.tolist() if isinstance(x, torch.Tensor) else x
