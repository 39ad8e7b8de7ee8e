"""Stacked runs: what many optimizers do as one program is what each does alone."""

import pytest
import torch
from cases import CASES
from problem import needs_cpp

import optim
from optim import ComposedOptimizer
from optim.stacked import StackedOptimizers

LRS = (0.01, 0.003, 0.0)
SHAPES = ((4, 3), (5,), (), (2, 3, 2, 2))
TOGETHER = [("gradient_noise", "learning_rate_dropout", "lookahead"), ("gradient_dropout", "lookahead", "ema")]


def randn(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chain(config, wrap, run):
    params = [randn(*shape, seed=10 * run + i).requires_grad_() for i, shape in enumerate(SHAPES)]
    return ComposedOptimizer(params, config, wrap, seed=run)


def gradients(run, t):
    return [randn(*shape, seed=1000 * t + 10 * run + i) for i, shape in enumerate(SHAPES)]


def alone(chains, steps, begin=0):
    for t in range(begin, begin + steps):
        for run, each in enumerate(chains):
            for p, g in zip(each.param_groups[0]["params"], gradients(run, t), strict=True):
                p.grad = g
            each.param_groups[0]["lr"] = LRS[run] / (1 + t)  # a schedule
            each.step(loss=torch.tensor(1.0 + run + t, dtype=torch.float64))


def together(axis, steps, begin=0, compiled=False):
    update = torch.vmap(axis.update())
    if compiled:
        update = torch.compile(update, fullgraph=True, dynamic=False)
    for t in range(begin, begin + steps):
        for run, each in enumerate(axis.optimizers):
            each.param_groups[0]["lr"] = LRS[run] / (1 + t)
        axis.advance()
        columns = zip(*(gradients(run, t) for run in range(len(LRS))), strict=True)
        losses = torch.tensor([1.0 + run + t for run in range(len(LRS))], dtype=torch.float64)
        stacked = [torch.stack(column) for column in columns]
        update(axis.params, stacked, axis.states, axis.global_state, axis.values(), losses, axis.noise())
    axis.sync_steps()


def assert_same(chains, others, rtol=1e-12):
    for one, other in zip(chains, others, strict=True):
        a, b = one.state_dict()["state"], other.state_dict()["state"]
        for p, q in zip(one.param_groups[0]["params"], other.param_groups[0]["params"], strict=True):
            torch.testing.assert_close(q, p, rtol=rtol, atol=1e-13)
        assert a.keys() == b.keys()
        for i in a:
            for name, value in a[i].items():
                torch.testing.assert_close(b[i][name], value, rtol=rtol, atol=1e-13)


def made(name, wrappers=()):
    config, known = optim.configs()[name], optim.wrappers()
    return [chain(config(lr=lr), [known[w]() for w in wrappers], run) for run, lr in enumerate(LRS)]


def scaled(value, factor):
    return tuple(x * factor for x in value) if isinstance(value, tuple) else value * factor


def varied(case):
    """The runs of a case, each with numbers of its own."""
    chains = [chain(case.config, case.wrap, run) for run in range(len(LRS))]
    for each, factor in zip(chains, (0.5, 0.8, 1.0), strict=True):
        group = each.param_groups[0]
        group.update({key: scaled(group[key], factor) for key in each.pipeline.defaults})
    return chains


@pytest.mark.parametrize("name", CASES)
def test_every_case_on_the_stacked_runs_is_the_case_alone(name):
    chains, others = varied(CASES[name]), varied(CASES[name])
    alone(chains, 8)
    together(StackedOptimizers(others), 8)
    assert_same(chains, others)


@pytest.mark.parametrize("wrappers", [*[(name,) for name in sorted(optim.wrappers())], *TOGETHER])
def test_every_wrapper_on_the_stacked_runs_is_the_wrapper_alone(wrappers):
    chains, others = made("adam", wrappers), made("adam", wrappers)
    alone(chains, 12)
    together(StackedOptimizers(others), 12)
    assert_same(chains, others)


@pytest.mark.parametrize("name", ["aggmo", "momo", "adamp"])
def test_going_on_alone_and_back(name):
    """The optimizers stay whole: three steps together, three alone, three together."""
    chains, others = made(name, ["lookahead"]), made(name, ["lookahead"])
    alone(chains, 9)
    together(StackedOptimizers(others), 3)
    alone(others, 3, begin=3)
    together(StackedOptimizers(others), 3, begin=6)
    assert_same(chains, others)


def test_a_run_with_nan_leaves_the_others_alone():
    chains, others = made("momo"), made("momo")
    for each in (chains, others):
        with torch.no_grad():
            each[1].param_groups[0]["params"][0].fill_(float("nan"))
    alone(chains, 5)
    together(StackedOptimizers(others), 5)
    assert_same([chains[0], chains[2]], [others[0], others[2]])
    assert others[1].param_groups[0]["params"][0].isnan().all()


@pytest.mark.parametrize(
    "others",
    [
        lambda: [
            ComposedOptimizer([torch.zeros(2)], optim.configs()["adam"]()),
            ComposedOptimizer([torch.zeros(2)], optim.configs()["adamw"]()),
        ],
        lambda: [
            ComposedOptimizer([torch.zeros(2)], optim.configs()["adam"]()),
            ComposedOptimizer([torch.zeros(3)], optim.configs()["adam"]()),
        ],
        lambda: [ComposedOptimizer([torch.zeros(2)], optim.configs()["momo"](use_fstar=use)) for use in (True, False)],
        lambda: [
            ComposedOptimizer([torch.zeros(2)], optim.configs()["aggmo"](betas=b))
            for b in ((0.0, 0.9), (0.0, 0.9, 0.99))
        ],
    ],
)
def test_optimizers_of_another_structure_are_refused(others):
    with pytest.raises(ValueError, match="differ in more than numbers"):
        StackedOptimizers(others())


def test_optimizers_of_another_age_are_refused():
    chains = made("adam")
    alone(chains[:1], 1)
    with pytest.raises(ValueError, match="same number of steps"):
        StackedOptimizers(chains)


@needs_cpp
@pytest.mark.slow
def test_compiled_stacked_runs_is_the_rule_alone():
    chains, others = made("momo_adam", ["lookahead"]), made("momo_adam", ["lookahead"])
    alone(chains, 6)
    together(StackedOptimizers(others), 6, compiled=True)
    assert_same(chains, others, rtol=1e-9)


def test_several_groups_are_stacked_as_they_are_alone():
    """Numbers, noise and a method's sums over all parameters, of groups whose numbers differ from run to run."""

    def grouped(name, run):
        params = [randn(*shape, seed=10 * run + i).requires_grad_() for i, shape in enumerate(SHAPES)]
        settings = {"weight_decay": 0.1 * run, "lookahead.alpha": 0.3}
        groups = [{"params": params[1:3], "seed": 7}, {"params": [params[3], params[0]], **settings}]
        wrap = [optim.wrappers()[each]() for each in ("gradient_noise", "lookahead")]
        return ComposedOptimizer(groups, optim.configs()[name](), wrap, seed=run)

    def stepped(chains, step):
        for t in range(6):
            for run, each in enumerate(chains):
                params = [p for group in each.param_groups for p in group["params"]]
                for i, p in enumerate(params):
                    p.grad = randn(*p.shape, seed=1000 * t + 10 * run + i)
                for factor, group in zip((1.0, 0.5), each.param_groups, strict=True):
                    group["lr"] = factor * LRS[run] / (1 + t)
            step(t)

    def alone_step(chains):
        def step(t):
            for run, each in enumerate(chains):
                each.step(loss=torch.tensor(1.0 + run + t, dtype=torch.float64))

        return step

    def together_step(axis):
        update = torch.vmap(axis.update())

        def step(t):
            axis.advance()
            every = [[p for group in each.param_groups for p in group["params"]] for each in axis.optimizers]
            gradients = [torch.stack([p.grad for p in column]) for column in zip(*every, strict=True)]
            losses = torch.tensor([1.0 + run + t for run in range(len(LRS))], dtype=torch.float64)
            update(axis.params, gradients, axis.states, axis.global_state, axis.values(), losses, axis.noise())

        return step

    for name in ("adamw", "momo"):
        chains, others = ([grouped(name, run) for run in range(len(LRS))] for _ in range(2))
        axis = StackedOptimizers(others)
        stepped(chains, alone_step(chains))
        stepped(others, together_step(axis))
        axis.sync_steps()
        for one, other in zip(chains, others, strict=True):
            for group, ours in zip(one.param_groups, other.param_groups, strict=True):
                torch.testing.assert_close(ours["params"], group["params"], rtol=1e-12, atol=1e-13)
