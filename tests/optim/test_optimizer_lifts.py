"""One rule, several ways to run it: the loop and foreach agree, for any grouping."""

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
from optim.tensorlist import TensorList

every_case = pytest.mark.parametrize("name", CASES)


@every_case
def test_foreach_equals_loop_to_the_last_bit(name):
    results = []
    for lift in ("loop", "foreach"):
        params = parameters() + parameters(torch.float32, seed=1) + parameters(torch.bfloat16, seed=2)
        optimizer = CASES[name].build(params, lift=lift)
        results.append(train(optimizer, params, 20) + state_of(optimizer))
    assert_same(*results)


@every_case
def test_groups_do_not_change_the_result(name):
    whole, parts = parameters(), parameters()
    one = CASES[name].build(whole)
    many = CASES[name].build([{"params": parts[:1]}, {"params": parts[1:3]}, {"params": parts[3:]}])
    assert_same(train(one, whole, 15), train(many, parts, 15))


def test_auto_is_the_loop_on_a_cpu():
    from optim.lifts import LIFTS

    assert optim.SGD(parameters())._lift() is LIFTS["loop"]
    with pytest.raises(ValueError, match="lift='vmap' is not one of auto, loop, foreach, compile"):
        optim.SGD(parameters(), lift="vmap")


@pytest.mark.parametrize("name", ["adamw", "amsgrad", "aggmo", "rmsprop", "nesterov", "lars"])
def test_the_loop_keeps_its_memory(name):
    """It makes no new state where the rule says ctx.own."""
    params = parameters()
    optimizer = CASES[name].build(params, lift="loop")
    train(optimizer, params, 3)
    addresses = [x.data_ptr() for x in state_of(optimizer)]
    train(optimizer, params, 9, start=3)
    assert [x.data_ptr() for x in state_of(optimizer)] == addresses


@pytest.mark.parametrize("name", ["momentum_damped", "nesterov", "adam_l2", "aggmo_l2", *cases_moments.rows(Case)])
def test_rules_run_stacked(name):
    """vmap over three runs, each with its own numbers: what a sweep in one program needs."""
    from optim.rule import Context

    plan = CASES[name].build(parameters()).plan
    factors = torch.tensor([0.5, 0.8, 1.0], dtype=torch.float64)

    def scaled(value, factor):
        return tuple(x * factor for x in value) if isinstance(value, tuple) else value * factor

    def step(p, g, factor):
        group = {key: scaled(value, factor) for key, value in plan.defaults.items()}
        s = {k: v + 0.1 for k, v in plan.start(p, plan.defaults).items() if k != "step"}
        for bound in plan.bounds:
            g, new = bound.update(g, p, s, group, Context(torch.tensor(3.0), g, None, 0))
            s = {**s, **new}
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
def test_rules_write_nothing_that_they_were_given(name):
    """Purity is what lets a rule be compiled and vmapped; it also rules out aliases of p.grad in the state."""
    from optim.rule import Context, overrides

    params = parameters(shapes=((4, 3),))
    optimizer = CASES[name].build(params)
    group, p = optimizer.param_groups[0], params[0].detach()
    state = optimizer.plan.start(p, group)
    for bound in optimizer.plan.bounds:
        for t in (1, 2, 12):
            u, s = torch.randn(4, 3, dtype=p.dtype), {k: v for k, v in state.items() if k != "step"}
            given = [u, p, *s.values()]
            kept, keys = [x.clone() for x in given], list(s)
            ctx = Context(t, u, torch.tensor(2.0), 0, {bound.label: torch.randn_like(u)})
            if overrides(bound.stage, "sums"):
                summed, terms = bound.sums(u, p, s, bound.hyper(group), ctx)
                ctx.value = bound.stage.of_group(bound.reduce(terms, dict(group), ctx), bound.hyper(group))
                assert_same(given, kept)
                s = {**s, **summed}
                given = [u, p, *s.values()]
                kept = [x.clone() for x in given]
            _, new = bound.update(u, p, s, bound.hyper(group), ctx)
            _, last = bound.after(p, {**s, **new}, bound.hyper(group), ctx)
            assert_same(given, kept)
            assert list(s) == keys
            addresses = [x.data_ptr() for x in {**s, **new, **last}.values()]
            assert u.data_ptr() not in addresses and p.data_ptr() not in addresses
            assert len(set(addresses)) == len(addresses)
