"""Random sequences of what users do with an optimizer: ours stays where torch.optim's goes."""

from __future__ import annotations

import copy
import pickle
import random

import pytest
import torch
from problem import close, parameters
from torch.optim.lr_scheduler import CyclicLR, ExponentialLR, OneCycleLR

import optim

PAIRS = {
    "sgd": (optim.SGD, torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.1}),
    "nesterov": (optim.SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, torch.optim.Adam, {"lr": 0.05, "betas": (0.8, 0.99)}),
    "adamw": (optim.AdamW, torch.optim.AdamW, {"lr": 0.05, "amsgrad": True}),
    "nadam": (optim.NAdam, torch.optim.NAdam, {"lr": 0.05}),
    "rmsprop": (optim.RMSprop, torch.optim.RMSprop, {"lr": 0.01, "momentum": 0.5}),
    "adadelta": (optim.Adadelta, torch.optim.Adadelta, {"lr": 1.0}),
}


class User:
    """Does the same with one optimizer as its twin, of the same seed, does with the other; everything is drawn."""

    def __init__(self, make, seed, options):
        self.make, self.options, self.draw = make, options, random.Random(seed)
        self.optimizer = make(parameters(shapes=((3,), (2, 3))), **options)
        self.scheduler = None

    @property
    def params(self):
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def step(self):
        phase = self.draw.random()
        for p in self.params:
            p.grad = None if self.draw.random() < 0.2 else torch.sin(3 * p.detach() + phase)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()

    def step_by_closure(self):
        def closure():
            self.optimizer.zero_grad(set_to_none=self.draw.random() < 0.5)
            loss = sum((p**4).sum() for p in self.params)
            loss.backward()
            return loss

        assert self.optimizer.step(closure).requires_grad

    def add_group(self):
        number = len(self.params)
        group = {"params": parameters(shapes=((2,),) * self.draw.randrange(3), seed=number)}
        for key, values in {"lr": (0.01, 0), "weight_decay": (0.0, 0.3)}.items():
            group |= {key: self.draw.choice(values)} if self.draw.random() < 0.5 else {}
        self.optimizer.add_param_group(group)
        self.scheduler = None

    def write_to_a_group(self):
        self.draw.choice(self.optimizer.param_groups)["lr"] = self.draw.choice(
            (0.02, 0, torch.tensor(0.03, dtype=torch.float64))
        )

    def save_and_load(self):
        groups = [
            {"params": [torch.nn.Parameter(p.detach().clone()) for p in group["params"]]} for group in self.groups
        ]
        fresh = self.make(groups, **self.options)
        fresh.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        self.optimizer, self.scheduler = fresh, None

    @property
    def groups(self):
        return self.optimizer.param_groups

    def copied(self):
        how = self.draw.choice((copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))))
        self.optimizer, self.scheduler = how(self.optimizer), None

    def schedule(self):
        # without momentum ours refuses to cycle it, where torch's SGD takes it from 0 to 0.95
        cycles = self.optimizer.param_groups[0].get("momentum", "betas" in self.optimizer.defaults) != 0
        kind = self.draw.randrange(3)
        if kind == 0:
            self.scheduler = ExponentialLR(self.optimizer, 0.9)
        elif kind == 1:
            self.scheduler = CyclicLR(self.optimizer, 0.001, 0.05, 3, cycle_momentum=cycles)
        else:
            self.scheduler = OneCycleLR(self.optimizer, 0.05, 60, cycle_momentum=cycles)

    ACTIONS = (step, step, step, step_by_closure, add_group, write_to_a_group, save_and_load, copied, schedule)


def _follow(pair, seed, length=14):
    ours, theirs, options = PAIRS[pair]
    users, choice = (User(ours, seed, options), User(theirs, seed, options)), random.Random(seed)
    for _ in range(length):
        action = choice.choice(User.ACTIONS)
        for user in users:
            action(user)
        close(users[0].params, users[1].params, 1e-7)  # torch's NAdam keeps a number in float32


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 80), marks=pytest.mark.slow)], ids=["few", "many"])
@pytest.mark.filterwarnings("ignore")
def test_random_use(pair, seeds):
    for seed in seeds:
        _follow(pair, seed)
