"""Stages that look at all parameters at once, and the loss, on rules that exist in this test only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from problem import assert_same, both_backends, close, parameters, set_gradients, train, weights

import optim
from optim.config import OptimizerConfig
from optim.ranges import ranged
from optim.rules.sgd import HeavyBall, MomentumConfig
from optim.transform import GlobalTransform, Wrapper


@dataclass(frozen=True)
class NormClip(GlobalTransform, Wrapper):
    """Clip the norm of the whole gradient, as torch.nn.utils.clip_grad_norm_ does."""

    name: ClassVar = "norm_clip"
    place: ClassVar = "gradient"
    max_norm: float = ranged(1.0, "(0, inf)")

    def local_terms(self, u, p, s, h, ctx):
        return {"squares": (u * u).sum()}

    def reduce(self, sums, g, h, ctx):
        return (h["max_norm"] / (sums["squares"].sqrt() + 1e-6)).clamp(max=1.0)

    def update(self, u, p, s, h, ctx):
        return u * ctx.reduced


@dataclass(frozen=True)
class LossScaled(GlobalTransform):
    """u <- u (mean loss so far) / (1 + |g|): a global number that outlives the step."""

    uses_loss: ClassVar[bool] = True
    rate: float = 0.5

    def global_state(self):
        return {"f": 0.0}

    def local_terms(self, u, p, s, h, ctx):
        return {"squares": (u * u).sum()}

    def reduce(self, sums, g, h, ctx):
        g["f"].add_((ctx.loss - g["f"]) / ctx.t)
        return h["rate"] * g["f"] / (1 + sums["squares"].sqrt())

    def update(self, u, p, s, h, ctx):
        return u * ctx.reduced


@dataclass(frozen=True)
class Toy(OptimizerConfig):
    name: ClassVar[str] = "toy"
    lr: float = ranged(0.1, "[0, inf)")

    def transforms(self):
        return HeavyBall(0.5), LossScaled()


@both_backends
@pytest.mark.parametrize("split", [False, True])
def test_clipping_by_the_global_norm(backend, split):
    ours, theirs = parameters(), parameters()
    groups = [{"params": ours[:2]}, {"params": ours[2:]}] if split else ours
    optimizer = optim.build(MomentumConfig(0.05), groups, [NormClip(2.0)], backend=backend)
    reference = torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    for step in range(12):
        set_gradients(theirs, step)
        torch.nn.utils.clip_grad_norm_(theirs, 2.0)
        reference.step()
    close(train(optimizer, ours, 12), theirs, 1e-10)


def _with_loss(optimizer, params, steps, start=0):
    for step in range(start, start + steps):
        set_gradients(params, step)
        optimizer.step(loss=torch.tensor(1.0 + step, dtype=torch.float64))
    return weights(params)


@both_backends
def test_a_global_number_and_the_loss(backend):
    ours, theirs = parameters(), parameters()
    optimizer = optim.ComposedOptimizer(ours, Toy(), [NormClip(5.0)], backend=backend)
    got = _with_loss(optimizer, ours, 9)
    f, v = 0.0, [torch.zeros_like(p) for p in theirs]
    for step in range(9):
        set_gradients(theirs, step)
        torch.nn.utils.clip_grad_norm_(theirs, 5.0)
        v = [0.5 * a + p.grad for a, p in zip(v, theirs, strict=True)]
        f += (1.0 + step - f) / (step + 1)
        scale = 0.5 * f / (1 + sum((x * x).sum() for x in v).sqrt())
        for p, x in zip(theirs, v, strict=True):
            p.data -= 0.1 * scale * x
    close(got, theirs, 1e-10)
    assert optimizer.param_groups[0]["f"].item() == pytest.approx(f)


def test_reductions_do_not_depend_on_backend_or_grouping_to_the_last_bit():
    results = []
    for backend in ("loop", "foreach"):
        for cut in (0, 1, 3):
            # dtypes that alternate: foreach sorts them into buckets, and must still add up in the same order
            pairs = zip(parameters(torch.float32), parameters(seed=3), strict=True)
            params = [p for pair in pairs for p in pair]
            groups = [{"params": params[:cut]}, {"params": params[cut:]}] if cut else params
            results.append(_with_loss(optim.ComposedOptimizer(params=groups, config=Toy(), backend=backend), params, 7))
    for other in results[1:]:
        assert_same(other, results[0])


def test_a_checkpoint_without_a_global_number_is_refused():
    params = parameters()
    optimizer = optim.ComposedOptimizer(params, Toy())
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["f"]
    with pytest.raises(ValueError, match="group 0 lacks f"):
        optimizer.load_state_dict(saved)


def test_a_missing_loss_is_named():
    params = parameters()
    optimizer = optim.ComposedOptimizer(params, Toy())
    set_gradients(params, 0)
    with pytest.raises(ValueError, match=r"Toy: needs the loss: step\(loss=loss\) or step\(closure\)"):
        optimizer.step()


def test_no_gradients_no_reduction():
    params = parameters()
    optimizer = optim.ComposedOptimizer(params, Toy())
    optimizer.step(loss=torch.tensor(1.0))
    assert optimizer.param_groups[0]["f"].item() == 0


def test_a_late_parameter_does_not_set_the_global_step_back():
    params = parameters()
    optimizer = optim.ComposedOptimizer(params, Toy())
    for step in range(4):
        set_gradients(params, step)
        if step < 3:
            params[0].grad = None
        optimizer.step(loss=torch.tensor(1.0 + step, dtype=torch.float64))
    assert optimizer.param_groups[0]["f"].item() == pytest.approx(2.5)
