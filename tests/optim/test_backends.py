"""The loop, foreach and compile backends agree, for any grouping."""

from __future__ import annotations

import cases_moments
import pytest
import torch
from optimizer_cases import (
    CASES,
    Case,
    assert_same,
    parameters,
    state_of,
    train,
)

import optim
from optim import arithmetic
from optim.backends import BACKENDS
from optim.tensorlist import TensorList
from optim.transform import Context, GlobalTransform

every_case = pytest.mark.parametrize("name", CASES)


@every_case
def test_foreach_equals_loop_to_the_last_bit(name):
    results = []
    for backend in ("loop", "foreach"):
        params = parameters() + parameters(torch.float32, seed=1) + parameters(torch.bfloat16, seed=2)
        optimizer = CASES[name].build(params, backend=backend)
        results.append(train(optimizer, params, 20) + state_of(optimizer))
    assert_same(*results)


@every_case
def test_groups_do_not_change_the_result(name):
    whole, parts = parameters(), parameters()
    one = CASES[name].build(whole)
    many = CASES[name].build([{"params": parts[:1]}, {"params": parts[1:3]}, {"params": parts[3:]}])
    assert_same(train(one, whole, 15), train(many, parts, 15))


def test_auto_is_the_loop_on_a_cpu():
    assert optim.SGD(parameters())._chosen_backend() is BACKENDS["loop"]
    with pytest.raises(ValueError, match="backend='vmap' is not one of auto, loop, foreach, compile"):
        optim.SGD(parameters(), backend="vmap")


@pytest.mark.parametrize("name", ["momentum_damped", "nesterov", "adam_l2", "aggmo_l2", *cases_moments.rows(Case)])
def test_rules_run_stacked(name):
    """vmap over three runs, each with its own numbers: what a sweep in one program needs."""
    pipeline = CASES[name].build(parameters()).pipeline
    factors = torch.tensor([0.5, 0.8, 1.0], dtype=torch.float64)

    def scaled(value, factor):
        return tuple(x * factor for x in value) if isinstance(value, tuple) else value * factor

    def step(p, g, factor):
        group = {key: scaled(value, factor) for key, value in pipeline.defaults.items()}
        s = {k: v + 0.1 + 0 * g.mean() for k, v in pipeline.init(p, pipeline.defaults).items() if k != "step"}
        for bound in pipeline.bound_transforms:
            g = bound.update(g, p, s, group, Context(torch.tensor(3.0), g))
        return p - group["lr"] * g, s

    p, g = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    stacked, state = torch.vmap(step)(p, g, factors)
    for i in range(3):
        alone, own = step(p[i], g[i], factors[i])
        torch.testing.assert_close(stacked[i], alone, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close({k: x[i] for k, x in state.items()}, own, rtol=1e-12, atol=1e-12)


def _tensors(seed):
    return [p.detach().abs() + 0.5 for p in parameters(seed=seed)]


@pytest.mark.parametrize(
    "expression",
    [
        lambda x, y: 2 - x / (y + 1) * 3 - y,
        lambda x, y: (1 / x + 2**y) ** 2,
        lambda x, y: -x.sqrt().maximum(y).clamp_min(0.7),
        lambda x, y: x.lerp(y, 0.3).addcdiv(x, y, value=0.1),
        lambda x, y: x * (y.norm() / x.norm()),
        lambda x, y: arithmetic.each(lambda a, b: a - (a * b).sum() * b, x, y),
        lambda x, y: arithmetic.lerp(x, y, torch.tensor(0.2)) + arithmetic.axpy(torch.tensor(2.0), x, y),
        lambda x, y: torch.tensor(2.0) * x + x.erf(),
    ],
)
def test_lists_of_tensors_do_the_arithmetic_of_tensors(expression):
    xs, ys = _tensors(0), _tensors(1)
    singly = [expression(x, y) for x, y in zip(xs, ys, strict=True)]
    assert_same(expression(TensorList(xs), TensorList(ys)), singly)
    assert_same(xs + ys, _tensors(0) + _tensors(1))


def test_shapes_of_a_list_are_refused():
    with pytest.raises(AttributeError, match="arithmetic.each"):
        _ = TensorList(_tensors(0)).ndim


@every_case
def test_transforms_write_into_their_state_only(name):
    """Neither the update, the gradient nor the parameter may change: backends share their memory with the caller."""
    params = parameters(shapes=((4, 3),))
    optimizer = CASES[name].build(params)
    group, p = optimizer.param_groups[0], params[0].detach()
    state = {k: v for k, v in optimizer.pipeline.init(p, group).items() if k != "step"}
    for bound in optimizer.pipeline.bound_transforms:
        for t in (1, 2, 12):
            u, keys = torch.randn(4, 3, dtype=p.dtype), list(state)
            given, h = [u, p], bound.hyper(group)
            kept = [x.clone() for x in given]
            ctx = Context(t, u, torch.tensor(2.0), {bound.label: torch.rand_like(u)})
            if isinstance(bound.transform, GlobalTransform):
                terms = bound.local_terms(u, p, state, h, ctx)
                ctx.reduced = bound.transform.for_group(bound.reduce(terms, dict(group), ctx), h)
            bound.update(u, p, state, h, ctx)
            if bound.has_post_update():
                bound.post_update(p, state, h, ctx)
            assert_same(given, kept)
            assert list(state) == keys
            addresses = [x.data_ptr() for x in [*given, *state.values()]]
            assert len(set(addresses)) == len(addresses)
