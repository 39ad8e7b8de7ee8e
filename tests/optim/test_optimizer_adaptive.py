"""Momo, AdamP, SGDP, LARS and general AggMo: parity beyond the table's, and where the packages go wrong."""

from __future__ import annotations

import adamp
import cases_adaptive
import momo
import pytest
import torch
from optimizer_cases import (
    CASES,
    Case,
    assert_compiled_is_close,
    assert_same,
    needs_cpp,
    parameters,
    set_gradients,
    torch_optimizer,
    train,
    weights,
)

import optim
from optim.backends import ParameterUpdate, apply_pipeline
from optim.transform import Context

ROWS = list(cases_adaptive.rows(Case))
both_backends = pytest.mark.parametrize("backend", ["loop", "foreach"])


def close(ours, theirs, tolerance=1e-12):
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


# --- Momo --------------------------------------------------------------------------------------------------------


def regression(params, step):
    """Least squares on 20 of 100 samples: the loss, with its gradients in place. The minimum is above 0.5."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    y = x.sum(1) + torch.randn(20, generator=generator, dtype=torch.float64)
    loss = (x @ params[0].flatten() + params[1] - y).square().mean()
    for p in params:
        p.grad = None
    loss.backward()
    return loss


def fit(optimizer, params, steps, scheduler=None):
    steps_taken = []
    for step in range(steps):
        optimizer.step(loss=regression(params, step))
        if scheduler is not None:
            scheduler.step()
        steps_taken.append([p.detach().clone() for p in params])
    return steps_taken


MOMO = [
    ("Momo", {}),
    ("Momo", {"lr": 0.3, "weight_decay": 0.1, "beta": 0.7, "lb": 0.3}),
    ("Momo", {"lr": 2.0, "bias_correction": True, "weight_decay": 0.02}),
    ("Momo", {"lr": 2.0, "use_fstar": True, "weight_decay": 0.02}),
    ("Momo", {"lr": 2.0, "use_fstar": True, "bias_correction": True, "lb": -1.0, "beta": 0.0}),
    ("MomoAdam", {}),
    ("MomoAdam", {"lr": 1.0, "weight_decay": 0.1, "eps": 1e-4, "betas": (0.8, 0.9), "lb": 0.3}),
    ("MomoAdam", {"lr": 1.0, "weight_decay": 0.1, "divide": False}),
    ("MomoAdam", {"lr": 1.0, "weight_decay": 0.1, "use_fstar": True}),
    ("MomoAdam", {"lr": 1.0, "weight_decay": 0.1, "use_fstar": True, "divide": False, "lb": -3.0}),
]


@pytest.mark.parametrize(("kind", "settings"), MOMO, ids=[f"{kind}-{settings}" for kind, settings in MOMO])
@both_backends
def test_momo_equals_the_authors_package(kind, settings, backend):
    shapes = ((2, 3), ())
    ours, theirs = parameters(shapes=shapes), parameters(shapes=shapes)
    mine = getattr(optim, kind)(ours, **settings, backend=backend)
    reference = cases_adaptive.in_double(getattr(momo, kind))(theirs, **settings)
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, 80) for o in (mine, reference)]
    got, wanted = fit(mine, ours, 60, schedules[0]), fit(reference, theirs, 60, schedules[1])
    for a, b in zip(got, wanted, strict=True):
        close(a, b)
    if settings.get("use_fstar"):
        assert mine.param_groups[0]["fstar"].item() == pytest.approx(reference.lb, abs=1e-12)
        assert reference.lb != settings.get("lb", 0)


@pytest.mark.filterwarnings("ignore:More than one param group")
@pytest.mark.parametrize("kind", ["Momo", "MomoAdam"])
def test_momo_has_one_bound_whatever_the_groups(kind):
    """The package moves it once for every group."""
    settings, shapes = {"lr": 2.0, "use_fstar": True}, ((2, 3), ())

    def run(make, split):
        params = parameters(shapes=shapes)
        optimizer = make([{"params": [p]} for p in params] if split else params, **settings)
        return fit(optimizer, params, 40)[-1]

    assert_same(run(getattr(optim, kind), True), run(getattr(optim, kind), False))
    theirs = [run(cases_adaptive.in_double(getattr(momo, kind)), split) for split in (True, False)]
    assert (theirs[0][0] - theirs[1][0]).abs().max() > 1e-6


def test_at_the_cap_momo_is_sgd_m_and_momo_adam_is_adam():
    def run(optimizer, params):
        return train(optimizer, params, 30)

    a, b = parameters(), parameters()
    close(run(optim.Momo(a, 0.05, lb=-1e9), a), run(torch.optim.SGD(b, 0.05, momentum=0.9, dampening=0.9), b))
    a, b = parameters(), parameters()
    mine = optim.MomoAdam(a, 0.05, weight_decay=0.2, lb=-1e9, divide=False)
    close(run(mine, a), run(torch.optim.AdamW(b, 0.05, weight_decay=0.2), b))


def test_momo_takes_polyaks_step():
    """beta = 0 and a cap out of reach: p - (loss - lb) g / ||g||^2."""
    p = torch.nn.Parameter(torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64))
    h, optimizer = torch.tensor([1.0, 4.0, 0.3], dtype=torch.float64), optim.Momo([p], lr=1e9, beta=0.0, lb=0.1)
    for _ in range(20):
        x, loss = p.detach().clone(), (h * p.detach() ** 2).sum() / 2 + 0.1
        p.grad = h * x
        optimizer.step(loss=loss)
        close([p], [x - (loss - 0.1) * p.grad / p.grad.square().sum()])


@both_backends
@pytest.mark.parametrize("kind", ["Momo", "MomoAdam"])
@pytest.mark.parametrize("loss", [0.0, 2.0])
def test_momo_without_any_slope_stays(kind, loss, backend):
    params = parameters()
    before, optimizer = weights(params), getattr(optim, kind)(params, use_fstar=True, backend=backend)
    for _ in range(3):
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step(loss=torch.tensor(loss))
    assert_same(params, before)
    assert all(optimizer.param_groups[0][key].isfinite() for key in ("k", "f", "fstar"))


def test_losses_of_every_kind():
    """A Python number in full precision, a float32 loss, and a closure; maximize sees the loss that it minimises."""

    def run(loss, **options):
        params = parameters()
        optimizer = optim.Momo(params, lr=10.0, lb=-5.0, **options)
        set_gradients(params, 0)
        if options:
            for p in params:
                p.grad = -p.grad
        optimizer.step(loss=loss) if not callable(loss) else optimizer.step(loss)
        return weights(params)

    wanted = run(torch.tensor(20.1, dtype=torch.float64))
    assert_same(run(20.1), wanted)
    assert_same(run(lambda: torch.tensor(20.1, dtype=torch.float64, requires_grad=True)), wanted)
    assert_same(run(-20.1, maximize=True), wanted)
    close(run(torch.tensor(20.1)), wanted, 1e-6)


def test_a_parameter_that_joins_late_neither_restarts_nor_joins_the_means():
    """Its running means start at its first gradient; the loss's mean, the step count and the others' go on."""
    ours, alone = parameters(shapes=((3,), (2,))), parameters(shapes=((3,), (2,)))
    mine, other = optim.Momo(ours, bias_correction=True), optim.Momo(alone[:1], bias_correction=True)
    for step in range(6):
        set_gradients(ours, step)
        set_gradients(alone, step)
        ours[1].grad = None
        for optimizer in (mine, other):
            optimizer.step(loss=torch.tensor(40.0 - step, dtype=torch.float64))
        assert_same(ours[:1], alone[:1])
    set_gradients(ours, 6)
    mine.step(loss=torch.tensor(33.0, dtype=torch.float64))
    set_gradients(ours, 7)
    ours[0].grad = None
    mine.step(loss=torch.tensor(32.0, dtype=torch.float64))
    assert mine.param_groups[0]["k"] == 8 and mine.state[ours[1]]["step"] == 2


def test_groups_with_other_rates_share_the_sums():
    a, b = parameters(shapes=((4,), (3,))), parameters(shapes=((4,), (3,)))
    one = optim.Momo(a, lr=10.0)
    two = optim.Momo([{"params": b[:1]}, {"params": b[1:], "lr": 1e-4}], lr=10.0)
    train_once = [(one, a), (two, b)]
    for optimizer, params in train_once:
        set_gradients(params, 0)
        optimizer.step(loss=1.0)
    before = parameters(shapes=((4,), (3,)))
    assert_same(a[:1], b[:1])  # a zeta of the same sums
    close([b[1]], [before[1] - 1e-4 * b[1].grad])


@both_backends
def test_lookahead_resets_both_halves_of_the_model(backend):
    params = parameters()
    optimizer = optim.Lookahead(optim.Momo(params, backend=backend), k=4, pullback="reset")
    for step in range(4):
        set_gradients(params, step)
        optimizer.step(loss=40.0 - step)
    assert not any(x.any() for p in params for x in (optimizer.state[p]["d"], optimizer.state[p]["gamma"]))


def test_a_bound_set_on_the_group_acts_at_once():
    params, others = parameters(), parameters()
    low, high = optim.Momo(params, lr=10.0), optim.Momo(others, lr=10.0)
    high.param_groups[0]["lb"] = 3.0
    assert not torch.equal(train_with(low, params)[0], train_with(high, others)[0])


def train_with(optimizer, params):
    set_gradients(params, 0)
    optimizer.step(loss=5.0)
    return weights(params)


# --- AdamP and SGDP ----------------------------------------------------------------------------------------------


def tangential(params, step, rows):
    """Gradients orthogonal to the weights, row by row or only over the whole tensor: what normalisation makes."""
    generator = torch.Generator().manual_seed(step)
    for p in params:
        w = p.detach()
        a = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        if rows and p.ndim > 1:
            w, flat = w.reshape(p.shape[0], -1), a.reshape(p.shape[0], -1)
            p.grad = (flat - (flat * w).sum(1, keepdim=True) / w.square().sum(1, keepdim=True) * w).reshape(p.shape)
        else:
            p.grad = a - (a * w).sum() / w.square().sum() * w


PROJECTED = [
    ("AdamP", {"lr": 0.02, "nesterov": False}),
    ("AdamP", {"lr": 0.02, "weight_decay": 0.3, "nesterov": True, "betas": (0.7, 0.9), "eps": 1e-3}),
    ("SGDP", {"lr": 0.02, "nesterov": True}),
    ("SGDP", {"lr": 0.02, "nesterov": True, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.3, "wd_ratio": 0.5}),
]


@pytest.mark.parametrize(("kind", "settings"), PROJECTED, ids=[f"{kind}-{s}" for kind, s in PROJECTED])
@pytest.mark.parametrize("rows", [True, False, None], ids=["row", "tensor", "mixed"])
@both_backends
def test_projected_steps_equal_the_authors_package(kind, settings, rows, backend):
    delta = 0.1 if rows is not None else 3.0
    ours, theirs = parameters(), parameters()
    mine = getattr(optim, kind)(ours, delta=delta, backend=backend, **settings)
    reference = getattr(adamp, kind)(theirs, delta=delta, **settings)
    never = parameters()
    unprojected = getattr(optim, kind)(never, delta=0.0, **settings)
    for step in range(40):
        for params, optimizer in ((ours, mine), (theirs, reference), (never, unprojected)):
            set_gradients(params, step) if rows is None else tangential(params, step, rows)
            optimizer.step()
        close(ours, theirs)
    if kind == "AdamP" or "momentum" in settings:  # without momentum, tangential gradients have no radial part
        assert (ours[3] - never[3]).abs().max() > 1e-4


def test_sgdp_keeps_its_momentum_to_itself():
    """v <- m v + (1 - d) g;  p <- (1 - lr wd / (1 - m)) p - lr projected(v), in float64; adamp projects v itself."""
    settings = {"lr": 0.05, "momentum": 0.8, "dampening": 0.1, "weight_decay": 0.2, "wd_ratio": 0.4, "delta": 9.0}
    ours, packaged, formula = (parameters(shapes=((4, 3),)) for _ in range(3))
    mine, reference = optim.SGDP(ours, **settings), adamp.SGDP(packaged, **settings)
    w, v = formula[0].detach(), torch.zeros(4, 3, dtype=torch.float64)
    for step in range(40):
        for params in (ours, packaged, formula):
            set_gradients(params, step)
        mine.step()
        reference.step()
        v = 0.8 * v + 0.9 * formula[0].grad
        unit = w / (w.norm(dim=1, keepdim=True) + 1e-8)
        u = v - (unit * v).sum(1, keepdim=True) * unit  # delta = 9: always, and every row
        w.copy_((1 - 0.05 * 0.2 * 0.4 / (1 - 0.8)) * w - 0.05 * u)
        close(ours, formula)
        close([mine.state[ours[0]]["v"]], [v])
    assert (packaged[0] - formula[0]).abs().max() > 0.01


def test_wd_ratio_is_for_projected_tensors_only():
    """On tangential gradients a matrix decays by wd_ratio, a vector in full."""
    params = parameters(shapes=((3, 4), (5,)))
    before = weights(params)
    for p in params:
        p.grad = torch.zeros_like(p)
    optim.SGDP(params, lr=0.5, momentum=0.5, weight_decay=0.2, wd_ratio=0.1).step()
    close(params, [before[0] * (1 - 0.5 * 0.2 * 0.1 / 0.5), before[1] * (1 - 0.5 * 0.2 / 0.5)])


# --- LARS --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch_optimizer")
def test_lars_has_its_rate_inside_the_momentum():
    """Packages have it outside: equal at constant lr, not after a cut."""

    def run(cut):
        ours, theirs = parameters(), parameters()
        settings = {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.1, "trust_coefficient": 0.02}
        mine, reference = optim.LARS(ours, **settings), torch_optimizer.LARS(theirs, eps=0.0, **settings)
        schedules = [torch.optim.lr_scheduler.StepLR(o, 20, cut) for o in (mine, reference)]
        return train(mine, ours, 41, scheduler=schedules[0]), train(reference, theirs, 41, scheduler=schedules[1])

    close(*run(1.0))
    ours, theirs = run(0.1)
    assert (ours[2] - theirs[2]).abs().max() > 0.01


def test_lars_excludes_by_group_or_by_dimension():
    settings = {"lr": 0.03, "weight_decay": 0.1, "trust_coefficient": 0.3}
    a, b, c = parameters(), parameters(), parameters()
    excluded = {"trust_coefficient": 0, "weight_decay": 0}
    grouped = optim.LARS([{"params": a[:2], **excluded}, {"params": a[2:]}], **settings)
    assert_same(train(grouped, a, 20), train(optim.LARS(b, exclude_1d=True, **settings), b, 20))
    close(b[:2], train(torch.optim.SGD(c, 0.03, momentum=0.9), c, 20)[:2])


def test_lars_moves_each_tensor_by_the_same_fraction():
    params = parameters(shapes=((4, 3), (7,)))
    before = weights(params)
    set_gradients(params, 0)
    params[1].grad *= 1e6
    optim.LARS(params, lr=2.0, weight_decay=0.0, trust_coefficient=0.01).step()
    for p, x in zip(params, before, strict=True):
        assert ((p - x).norm() / x.norm()).item() == pytest.approx(0.02)


@both_backends
def test_lars_without_a_norm_takes_a_plain_step(backend):
    zero, flat = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.ones(3))
    zero.grad, flat.grad = torch.ones(3), torch.zeros(3)
    optim.LARS([zero, flat], lr=0.5, weight_decay=0.1, backend=backend).step()
    close([zero, flat], [torch.full((3,), -0.5), torch.full((3,), 1 - 0.5 * 0.1)], 1e-6)


# --- general AggMo -----------------------------------------------------------------------------------------------


def test_general_aggmo_with_equal_rates_is_aggmo():
    betas = (0.0, 0.8, 0.97)
    a, b = parameters(), parameters()
    general = optim.AggMoGeneral(a, 0.05, betas, (1.0, 1.0, 1.0), 0.1)
    close(train(general, a, 40), train(optim.AggMo(b, 0.05, betas, 0.1), b, 40))


def test_general_aggmo_is_nesterovs_look_ahead_point():
    """v <- b v - grad(theta + lr b v);  theta <- theta + lr v: AggMo's parameters are theta + lr b v."""
    lr, b, shape = 0.03, 0.9, ((4,),)
    params, h = parameters(shapes=shape), torch.tensor([1.0, 3.0, 10.0, 20.0], dtype=torch.float64)
    optimizer = optim.AggMoGeneral.nesterov(params, lr, b)
    theta, v = params[0].detach().clone(), torch.zeros(4, dtype=torch.float64)
    for _ in range(60):
        params[0].grad = h * params[0].detach()
        optimizer.step()
        v = b * v - h * (theta + lr * b * v)
        theta = theta + lr * v
        close(params, [theta + lr * b * v])


def test_general_aggmo_needs_a_rate_for_each_beta():
    with pytest.raises(ValueError, match="AggMoGeneral: rates has 2 values and betas has 3; each beta needs one"):
        optim.AggMoGeneral(parameters(), betas=(0.0, 0.9, 0.99))
    params = parameters()
    optimizer = optim.AggMoGeneral([{"params": params, "rates": (1.0,)}])
    set_gradients(params, 0)
    with pytest.raises(ValueError, match="rates has 1 values and betas has 2"):
        optimizer.step()
    with pytest.raises(ValueError, match=r"AggMoGeneral: rates\[0\]=-1.0 is not in \[0, inf\)"):
        optim.AggMoGeneral(params, rates=(-1.0, 1.0))


# --- all of them -------------------------------------------------------------------------------------------------


def test_momentum_can_be_set():
    for kind, key, value in [
        ("Momo", "beta", 0.5),
        ("MomoAdam", "betas", (0.5, 0.999)),
        ("AdamP", "betas", (0.5, 0.999)),
        ("SGDP", "momentum", 0.5),
        ("LARS", "momentum", 0.5),
        ("AggMoGeneral", "rates", (2.0, 1.0)),
    ]:
        params = parameters()
        optimizer = getattr(optim, kind)(params)
        set_gradients(params, 0)
        optimizer.step(loss=1.0)
        optimizer.set_momentum(0.5)
        assert optimizer.param_groups[0][key] == value
        optimizer.step(loss=1.0)
        optimizer.set_momentum(0.4, warm=False)
        assert not optimizer.state and all(
            not optimizer.param_groups[0][total] for total in optimizer.pipeline.global_state
        )


@pytest.mark.parametrize("name", ROWS)
def test_steps_run_stacked(name):
    """vmap over three runs, each with its own numbers, reductions and the application of the step included."""
    params, optimizer = parameters(), CASES[name].build(parameters())
    pipeline, factors = optimizer.pipeline, torch.tensor([0.5, 0.8, 1.0], dtype=torch.float64)
    gs = [torch.randn_like(p) for p in params]

    def scaled(value, factor):
        return tuple(x * factor for x in value) if isinstance(value, tuple) else value * factor

    def step(ps, gs, factor):
        group = {key: scaled(value, factor) for key, value in pipeline.defaults.items()}
        root = {**group, **{key: factor * 0 + value for key, value in pipeline.global_state.items()}}
        items = []
        for i, (p, g) in enumerate(zip(ps, gs, strict=True)):
            s = {k: v + 0.1 + 0 * factor for k, v in pipeline.init(p, pipeline.defaults).items() if k != "step"}
            ctx = Context(torch.tensor(3.0), g, torch.tensor(30.0, dtype=torch.float64))
            items.append(ParameterUpdate(p.clone(), g, s, pipeline.hypers(group), ctx, i))
        apply_pipeline(items, pipeline, root)
        return [x.p for x in items], [x.state for x in items], {key: root[key] for key in pipeline.global_state}

    ps = [p.detach() for p in params]
    stacked = torch.vmap(step, in_dims=(0, None, 0))([torch.stack([p] * 3) for p in ps], gs, factors)
    for i in range(3):
        alone = step(ps, gs, factors[i])
        of_run = torch.utils._pytree.tree_map(lambda x: x[i], stacked)  # noqa: B023
        torch.testing.assert_close(of_run, alone, rtol=1e-12, atol=1e-12)


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore")
def test_compiled_is_close_to_the_loop(name):
    assert_compiled_is_close(name)
