"""Momo and MomoAdam: parity beyond the table's, and where the package goes wrong."""

from __future__ import annotations

import momo
import pytest
import torch
from problem import assert_same, both_backends, close, parameters, set_gradients, train, weights
from references import in_double

import optim


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


def test_without_momentum_it_is_prox_sps():
    """step-back's: tau = min(lr, ((1 + lr wd) (f - lb) - lr wd <g, p>)+ / |g|^2);  p <- (p - tau g) / (1 + lr wd)."""
    shapes, lr, decay, lb = ((2, 3), ()), 0.4, 0.1, 0.3
    ours, formula = parameters(shapes=shapes), parameters(shapes=shapes)
    optimizer, capped = optim.Momo(ours, lr=lr, weight_decay=decay, beta=0.0, lb=lb), []
    for step in range(60):
        optimizer.step(loss=regression(ours, step))
        loss = regression(formula, step).item()
        along = sum(float((p.grad * p.detach()).sum()) for p in formula)
        square = sum(float(p.grad.square().sum()) for p in formula)
        zeta = max((1 + lr * decay) * (loss - lb) - lr * decay * along, 0) / square
        capped.append(zeta > lr)
        for p in formula:
            p.data = (p.data - min(lr, zeta) * p.grad) / (1 + lr * decay)
        close(ours, formula)
    assert any(capped) and not all(capped)


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
    reference = in_double(getattr(momo, kind))(theirs, **settings)
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
    theirs = [run(in_double(getattr(momo, kind)), split) for split in (True, False)]
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
def test_a_nan_leaves_other_parameters_finite(kind, backend):
    """The model's zeta is then not a number, and the step is the cap."""
    params = parameters()
    before, optimizer = weights(params), getattr(optim, kind)(params, lr=0.1, backend=backend)
    for step in range(3):
        set_gradients(params, step)
        params[1].grad[0] = float("nan")
        optimizer.step(loss=torch.tensor(float("nan")))
    for p, old in zip([params[0], *params[2:]], [before[0], *before[2:]], strict=True):
        assert p.isfinite().all() and not torch.equal(p, old)


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
