"""Methods with second moments and decoupled decay: identities, limits, and what other packages get wrong."""

from __future__ import annotations

import math

import pytest
import torch
from cases import MOMENT_CASES
from problem import assert_same, both_backends, close, parameters, set_gradients, train, trajectory, weights

import optim
from optim.rules.adabound import AdaBoundConfig, AMSBoundConfig
from optim.rules.adadelta import AdadeltaConfig
from optim.rules.adam import AdamConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.amsgrad import AMSGradConfig
from optim.rules.nadam import NAdamConfig
from optim.rules.radam import RAdamConfig, RAdamWConfig
from optim.rules.rmsprop import RMSpropConfig
from optim.rules.sgd import MomentumConfig, NesterovConfig
from optim.rules.sgdw import SGDWConfig


@both_backends
@pytest.mark.parametrize(
    ("without", "plain"),
    [
        (AdamWConfig(0.1, weight_decay=0.0), AdamConfig(0.1)),
        (AdamConfig(0.1, weight_decay=0.1, decoupled_weight_decay=True), AdamWConfig(0.1, weight_decay=0.1)),
        (SGDWConfig(0.1, weight_decay=0.0), MomentumConfig(0.1)),
        (SGDWConfig(0.1, 0.8, 0.3, weight_decay=0.0), MomentumConfig(0.1, 0.8, 0.3)),
        (SGDWConfig(0.1, 0.8, weight_decay=0.0, nesterov=True), NesterovConfig(0.1, 0.8)),
        (RAdamWConfig(0.1, weight_decay=0.0), RAdamConfig(0.1)),
        (RAdamConfig(0.1, weight_decay=0.1, decoupled_weight_decay=True), RAdamWConfig(0.1, weight_decay=0.1)),
        (NAdamConfig(0.1, decoupled_weight_decay=True), NAdamConfig(0.1)),
        (AdamConfig(0.1, amsgrad=True), AMSGradConfig(0.1)),
        (AdamWConfig(0.1, weight_decay=0.0, amsgrad=True), AMSGradConfig(0.1)),
        (AdaBoundConfig(0.1, weight_decay=0.1, amsbound=True), AMSBoundConfig(0.1, weight_decay=0.1)),
    ],
    ids=lambda config: config.name,
)
def test_no_decay_and_two_names_are_the_same_to_the_last_bit(without, plain, backend):
    assert_same(trajectory(without, backend=backend), trajectory(plain, backend=backend))


@both_backends
@pytest.mark.parametrize("kind", [SGDWConfig, AdamWConfig, RAdamWConfig, NAdamConfig])
def test_decoupled_decay_shrinks_each_weight_by_its_own_share(kind, backend):
    """torch_optimizer.SGDW takes the constant lr weight_decay off every weight instead."""
    settings = {"decoupled_weight_decay": True} if kind is NAdamConfig else {}
    params, start = parameters(), parameters()
    optimizer = optim.build(kind(0.1, weight_decay=0.2, **settings), params, backend=backend)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step()
        scheduler.step()
    close(params, [p.detach() * (1 - 0.02) * (1 - 0.01) * (1 - 0.005) for p in start])


@pytest.mark.parametrize(
    "kind", [RMSpropConfig, AMSGradConfig, NAdamConfig, RAdamConfig, AdaBoundConfig, AMSBoundConfig, AdadeltaConfig]
)
def test_l2_is_decay_of_the_gradient_by_hand(kind):
    """pytorch_optimizer.RAdam, among others, accepts it and leaves it out."""
    ours, theirs = parameters(), parameters()
    decayed, plain = optim.build(kind(0.1, weight_decay=0.3), ours), optim.build(kind(0.1), theirs)
    for step in range(12):
        set_gradients(theirs, step)
        for p in theirs:
            p.grad.add_(p.detach(), alpha=0.3)
        plain.step()
    close(train(decayed, ours, 12), theirs)


def test_adam_without_momentum_is_rmsprop_debiased():
    params = parameters()
    optimizer = optim.build(RMSpropConfig(0.1, 0.95, 0.0), params)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: math.sqrt(1 - 0.95 ** (t + 1)))
    ours = train(optimizer, params, 30, scheduler=scheduler)
    close(ours, trajectory(AdamConfig(0.1, (0.0, 0.95), 0.0)))


def test_rmsprop_with_momentum_is_a_chain():
    params, scaled, momentum = parameters(), RMSpropConfig(0.1, momentum=0.8), MomentumConfig(0.1, 0.8)
    ours = optim.build(scaled, params)
    assert [type(transform).__name__ for transform in scaled.transforms()] == ["L2", "RootMeanSquare", "HeavyBall"]
    assert momentum.transforms()[1] == scaled.transforms()[2]
    ours.set_momentum(0.5)
    assert ours.param_groups[0]["momentum"] == 0.5
    without = optim.RMSprop(parameters())
    with pytest.raises(ValueError, match="RMSprop: has no momentum to set where it was made with momentum=0"):
        without.set_momentum(0.5)
    with pytest.raises(ValueError, match="RMSprop: unknown group key 'momentum'"):
        without.add_param_group({"params": parameters(seed=1), "momentum": 0.9})


def test_centered_rmsprop_of_a_constant_gradient_stays_finite():
    """The variance tends to 0, and rounding takes it below: torch then divides by the root of a negative number."""
    ours, theirs = (torch.nn.Parameter(torch.zeros(64)) for _ in range(2))
    mine = optim.RMSprop([ours], lr=1e-9, alpha=0.5, centered=True)
    reference = torch.optim.RMSprop([theirs], lr=1e-9, alpha=0.5, centered=True)
    for _ in range(100):
        ours.grad = theirs.grad = torch.linspace(0.1, 3, 64)
        mine.step()
        reference.step()
    assert ours.isfinite().all() and not theirs.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "plain"), [(AMSGradConfig(0.1), AdamConfig(0.1)), (AMSBoundConfig(0.1), AdaBoundConfig(0.1))]
)
def test_the_maximum_is_no_other_while_gradients_grow(kind, plain):
    results = []
    for config in (kind, plain):
        params = parameters()
        optimizer = optim.build(config, params)
        for step in range(30):
            for p in params:
                p.grad = torch.full_like(p, 1.1**step)
            optimizer.step()
        results.append(weights(params))
    assert_same(*results)


def _on_reddis_problem(config, c=3.0, steps=1000):
    """f_t(x) = c x if t = 1 mod 3, else -x, on [-1, 1] with lr / sqrt(t): the regret is least at x = -1."""
    p = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    optimizer = optim.build(config, [p])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: (t + 1) ** -0.5)
    for t in range(1, steps + 1):
        p.grad = torch.tensor(c if t % 3 == 1 else -1.0, dtype=torch.float64)
        optimizer.step()
        scheduler.step()
        p.data.clamp_(-1, 1)
    return p.item()


def test_amsgrad_converges_where_adam_does_not():
    """Theorem 1 of Reddi et al.: beta1 = 0, beta2 = 1 / (1 + c^2)."""
    betas = (0.0, 0.1)
    assert _on_reddis_problem(AdamConfig(0.3, betas)) > 0.9
    for debias in ("after", "before", "never"):
        assert _on_reddis_problem(AMSGradConfig(0.3, betas, debias=debias)) < -0.9


def test_the_three_amsgrads_differ():
    results = [trajectory(AMSGradConfig(0.1, debias=debias)) for debias in ("after", "before", "never")]
    for i in range(3):
        assert not torch.equal(results[i][2], results[i - 1][2])


def test_nadam_with_a_constant_momentum_is_dozats_simple_form():
    """optax.nadam: beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t) over sqrt(v') + eps."""
    params, (b1, b2), m, v = parameters(), (0.8, 0.9), 0, 0
    ours, p = trajectory(NAdamConfig(0.1, (b1, b2), momentum_decay=1e9), 20), params[2]
    for t in range(1, 21):
        set_gradients(params, t - 1)
        m, v = b1 * m + (1 - b1) * p.grad, b2 * v + (1 - b2) * p.grad**2
        ahead = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * p.grad / (1 - b1**t)
        p.data -= 0.1 * ahead / (torch.sqrt(v / (1 - b2**t)) + 1e-8)
    close([ours[2]], [p.detach()])


def test_nadams_product_is_of_each_mu_once_and_grows_towards_beta1():
    """A released torch multiplied mu_t twice into the product; its momentum_decay=0 halves beta1 for good."""
    params = parameters()
    optimizer = optim.NAdam(params)
    train(optimizer, params, 7)
    mus = [0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in range(1, 8)]
    assert optimizer.state[params[0]]["mu_product"].item() == pytest.approx(math.prod(mus), rel=1e-12)
    with pytest.raises(ValueError, match=r"NAdam: momentum_decay=0 is not in \(0, inf\)"):
        optim.NAdam(params, momentum_decay=0)


@pytest.mark.parametrize(("threshold", "first"), [(4, 5), (5, 6)])
@both_backends
def test_radam_steps_by_the_mean_until_rho_is_large_enough(threshold, first, backend):
    """With beta2 = 0.999 rho_4 = 3.997 and rho_5 = 4.996. Before that the authors' code does not move at all."""
    p = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    optimizer = optim.RAdam([p], lr=0.1, rho_threshold=threshold, backend=backend)
    for t in range(1, 9):
        before = p.item()
        p.grad = torch.tensor(2.0, dtype=torch.float64)
        optimizer.step()
        assert (abs(before - p.item() - 0.2) < 1e-12) == (t < first) and p.item() < before


@pytest.mark.parametrize("beta2", [0.0, 0.6])
def test_radam_with_a_short_memory_never_rectifies(beta2):
    """rho stays below rho_inf <= 4; the factor that is then not wanted has a root of a negative number."""
    p = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    optimizer = optim.RAdam([p], lr=0.1, betas=(0.9, beta2))
    for _ in range(50):
        p.grad = torch.tensor(2.0, dtype=torch.float64)
        optimizer.step()
    assert p.item() == pytest.approx(-0.2 * 50)


def test_adadelta_has_the_units_of_the_weights():
    """f(x) = c (x / unit)^2 / 2 from x = unit: neither c nor the unit changes the way, measured in units."""
    ways = []
    for c, unit in ((1.0, 1.0), (1000.0, 1.0), (1.0, 10.0)):
        p = torch.nn.Parameter(torch.tensor(unit, dtype=torch.float64))
        optimizer = optim.Adadelta([p], eps=1e-10 * unit**2)
        for _ in range(60):
            p.grad = c * p.detach() / unit**2
            optimizer.step()
        ways.append(1 - p.item() / unit)
    assert ways[0] > 0.001 and ways[1:] == pytest.approx([ways[0]] * 2, rel=1e-4)


@both_backends
@pytest.mark.parametrize("name", [name for name, case in MOMENT_CASES.items() if hasattr(case.config, "betas")])
def test_betas_may_be_tensors(name, backend):
    """RAdam's rho is then a tensor too, and what to do is chosen without looking at its value."""
    numbers, tensors = parameters(), parameters()
    betas = tuple(torch.tensor(beta, dtype=torch.float64) for beta in MOMENT_CASES[name].config.betas)
    a = train(MOMENT_CASES[name].build(numbers, backend=backend), numbers, 12)
    close(train(MOMENT_CASES[name].build([{"params": tensors, "betas": betas}], backend=backend), tensors, 12), a)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGDWConfig(dampening=0.5, nesterov=True), "SGDW: nesterov needs dampening=0, not 0.5"),
        (lambda: SGDWConfig(weight_decay=-1.0), "SGDW: weight_decay=-1.0 is not in [0, inf)"),
        (lambda: RMSpropConfig(alpha=1.0), "RMSprop: alpha=1.0 is not in [0, 1)"),
        (lambda: AMSGradConfig(debias="both"), "AMSGrad: debias='both' is not in {after, before, never}"),
        (lambda: RAdamConfig(rho_threshold=3), "RAdam: rho_threshold=3 is not an integer in [4, inf)"),
        (lambda: AdaBoundConfig(gamma=0.0), "AdaBound: gamma=0.0 is not in (0, 1)"),
        (lambda: AMSBoundConfig(final_lr=0.0), "AMSBound: final_lr=0.0 is not in (0, inf)"),
        (lambda: AdadeltaConfig(rho=1.0), "Adadelta: rho=1.0 is not in [0, 1)"),
        (lambda: AdadeltaConfig(eps=0.0), "Adadelta: eps=0.0 is not in (0, inf)"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_out_of_range(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_arguments_have_the_names_and_order_of_torch():
    params = parameters()
    assert optim.AdamW(params, 0.1, (0.5, 0.6), 1e-3, 0.2, True).config == AdamWConfig(
        0.1, (0.5, 0.6), 1e-3, 0.2, amsgrad=True
    )
    for kind in ("AdamW", "Adam", "RMSprop", "NAdam", "RAdam", "Adadelta"):
        ours, theirs = optim.configs()[kind.lower()](), getattr(torch.optim, kind)(params).param_groups[0]
        for key, value in vars(ours).items():
            assert theirs.get(key, value) == value, f"{kind}: {key}"
