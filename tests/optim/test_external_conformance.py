"""The conformance report of classes from elsewhere: it passes where they are right, and fails where they are not."""

import dataclasses
from typing import ClassVar

import pytest
import torch

from optim.conformance import (
    CHECKS,
    EXTERNAL_CHECKS,
    OWN_ONLY,
    Candidate,
    candidate_of,
    conformance_report,
    run_check,
    step_cost,
)
from optim.external.config import ExternalConfig
from optim.rules.sgd import SGDConfig

NAMES = {
    "resume": "resume through torch.save and weights_only goes on",
    "gradients": "p.grad is left as it is, and nothing in the state is an alias",
    "rates": "groups with rates of their own are two optimizers",
    "bf16": "bfloat16 parameters move and stay finite, and resuming goes on",
    "float32": "float32 parameters move by no more than rounding from those in float64",
    "lr=0": "lr=0 moves nothing",
}


class Plain(torch.optim.Optimizer):
    """Momentum; its subclasses each have one mistake."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    def rate(self, group):
        return group["lr"]

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.is_sparse:
                        raise ValueError("sparse")
                    self.update(p, self.state[p].setdefault("m", torch.zeros_like(p)), self.rate(group))
        return loss

    def update(self, p, m, lr):
        p.sub_(m.mul_(0.5).add_(p.grad), alpha=lr)


class Forgets(Plain):
    def load_state_dict(self, state_dict):
        super().load_state_dict({**state_dict, "state": {}})


class ChangesGradients(Plain):
    def update(self, p, m, lr):
        super().update(p, m, lr)
        p.grad.mul_(2)


class OneRate(Plain):
    def rate(self, group):
        return self.param_groups[0]["lr"]


class Float32Only(Plain):
    def update(self, p, m, lr):
        p.sub_(m.mul_(0.5).add_(p.grad.double().sign() if p.dtype == torch.float32 else p.grad), alpha=lr)


class Stuck(Plain):
    def update(self, p, m, lr):
        if p.dtype != torch.bfloat16:
            super().update(p, m, lr)


class Decays(Plain):
    def update(self, p, m, lr):
        super().update(p, m, lr)
        p.mul_(0.999)


class Signs(Plain):
    def update(self, p, m, lr):
        p.sub_(m.lerp(p.grad, 0.1).sign(), alpha=lr / 1000)
        m.lerp_(p.grad, 0.02)


class Matrices(Plain):
    def __init__(self, params, lr=0.1):
        super().__init__(params, lr)
        if any(p.ndim != 2 for group in self.param_groups for p in group["params"]):
            raise ValueError("only matrices")


class Random(Plain):
    def update(self, p, m, lr):
        super().update(p, m, lr * float(torch.rand(())))


def candidate(kind):
    @dataclasses.dataclass(frozen=True)
    class Config(ExternalConfig):
        name: ClassVar[str] = kind.__name__
        optimizer_class: ClassVar[type] = kind
        lr: float = 0.1

        def arguments(self):
            return {"lr": self.lr}

    return candidate_of(Config())


COMPLEX = "complex parameters are their real view"  # to the last bit: of a rule that takes views only
LATE = "gradients that are None leave parameter and state alone; a late one counts its own steps"


@pytest.mark.parametrize(
    ("kind", "failing"),
    [
        (Plain, {COMPLEX}),
        (Matrices, set()),
        pytest.param(Random, {COMPLEX, LATE, NAMES["rates"]}, marks=pytest.mark.slow),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_right_one_passes_all_that_concerns_it(kind, failing):
    """Random draws its numbers parameter by parameter: they are others where there are other parameters."""
    found = {result.name: result.outcome for result in conformance_report(candidate(kind))}
    assert list(found) == [*CHECKS, *EXTERNAL_CHECKS]
    assert {name for name, outcome in found.items() if outcome == "FAIL"} == failing
    assert {name for name, outcome in found.items() if outcome == "n/a"} >= {*OWN_ONLY}
    assert all(found[name] == "pass" for name in {*NAMES.values()} - failing)
    assert step_cost(candidate(kind), rounds=1)["tensors"] == (20 if kind is Matrices else 59)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        *((Forgets, "resume"), (ChangesGradients, "gradients"), (OneRate, "rates"), (Stuck, "bf16")),
        *((Float32Only, "float32"), (Decays, "lr=0")),
    ],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_mistake_is_found(kind, check):
    assert run_check(NAMES[check], candidate(kind)).outcome == "FAIL"


def test_the_message_names_a_0_dim_tensor():
    assert (
        run_check(NAMES["gradients"], candidate(ChangesGradients)).reason == "p.grad was changed (tensor 0 of shape ())"
    )


def test_steps_of_one_length_do_not_end_where_they_began():
    assert run_check("0-dim and empty parameters", candidate(Signs)).outcome == "pass"


def test_the_project_s_own_are_checked_as_before():
    assert type(candidate_of(SGDConfig())) is Candidate
