"""Gradient dropout and learning-rate dropout: rates, independence, hand-written loops; and everything at once."""

from __future__ import annotations

import pytest
import torch
from optimizer_cases import assert_same, parameters, set_gradients, state_of, train, weights

import optim
from optim.noise import draw
from optim.rules.adam import AdamConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.radam import RAdamWConfig
from optim.rules.sgd import MomentumConfig, SGDConfig
from optim.wrappers.ema import EMAWrapper
from optim.wrappers.gradient_dropout import GradientDropoutWrapper
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.learning_rate_dropout import LearningRateDropoutWrapper
from optim.wrappers.lookahead import LookaheadWrapper

both_backends = pytest.mark.parametrize("backend", ["loop", "foreach"])
both_dropouts = pytest.mark.parametrize(
    "kind", [GradientDropoutWrapper, LearningRateDropoutWrapper], ids=lambda kind: kind.name
)
NEUTRAL = [
    (GradientDropoutWrapper(1.0),),
    (LearningRateDropoutWrapper(1.0),),
    (EMAWrapper(0.0),),
    (EMAWrapper(0.0, debias=False),),
    (LookaheadWrapper(3, 1.0, "pullback"),),
    (
        GradientNoiseWrapper(0.0),
        GradientDropoutWrapper(1.0),
        LearningRateDropoutWrapper(1.0),
        LookaheadWrapper(2, 1.0, "pullback"),
        EMAWrapper(0.0),
    ),
]


@both_backends
@pytest.mark.parametrize("wrap", NEUTRAL, ids=lambda wrap: "+".join(w.name for w in wrap))
@pytest.mark.parametrize("config", [AggMoConfig(0.05, weight_decay=0.1), AdamWConfig(0.05)], ids=lambda s: s.name)
def test_neutral_settings_are_the_identity_to_the_last_bit(config, wrap, backend):
    bare, wrapped = parameters() + parameters(torch.bfloat16), parameters() + parameters(torch.bfloat16)
    a = train(optim.build(config, bare, backend=backend), bare, 12)
    optimizer = optim.build(config, wrapped, wrap, backend=backend)
    assert_same(train(optimizer, wrapped, 12), a)
    with optimizer.evaluation_weights():
        assert_same(weights(wrapped), a)


def _masks(kind, steps=1, shapes=((400, 500),), backend="loop", seed=0, keep=0.7):
    """The masks of each step, one a parameter: SGD with lr 1 on gradients of 1 moves by them."""
    params = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in shapes]
    optimizer, seen = optim.build(SGDConfig(1.0), params, [kind(keep)], backend=backend, seed=seed), []
    for _ in range(steps):
        for p in params:
            p.data.zero_()
            p.grad = torch.ones_like(p)
        optimizer.step()
        seen.append([-x for x in weights(params)])
    return seen


def _correlation(x, y):
    return abs(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1].item())


@both_backends
@both_dropouts
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_masks_keep_the_given_part_unscaled(kind, keep, backend):
    for (mask,) in _masks(kind, 3, backend=backend, keep=keep):
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        # 200,000 draws: the standard error is at most 0.0011; of a row of 500, 0.022
        assert mask.mean().item() == pytest.approx(keep, abs=0.005)
        assert (mask.mean(dim=1) - keep).abs().max() < 0.1 and (mask.mean(dim=0) - keep).abs().max() < 0.12
        assert _correlation(mask[:, 1:], mask[:, :-1]) < 0.012 and _correlation(mask[1:], mask[:-1]) < 0.012


@both_dropouts
def test_masks_are_independent_of_step_seed_and_parameter(kind):
    (first, other), (second, _) = _masks(kind, 2, ((400, 500), (400, 500)))
    (elsewhere,) = _masks(kind, seed=1)[0]
    for mask in (other, second, elsewhere):
        assert _correlation(first, mask) < 0.012
    assert_same(*[sum(_masks(kind, 2), []) for _ in range(2)])


def test_the_two_dropouts_do_not_share_their_masks():
    (gradient,), (step,) = _masks(GradientDropoutWrapper)[0], _masks(LearningRateDropoutWrapper)[0]
    assert _correlation(gradient, step) < 0.012


def test_masks_leave_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    _masks(GradientDropoutWrapper, 2, ((5,),))
    assert torch.equal(torch.randn(3), expected)


@both_backends
def test_gradient_dropout_is_its_loop(backend):
    """Masked before the moments; one step a batch, whatever the number of tensors."""
    ours, theirs = parameters(), parameters()
    optimizer = optim.build(MomentumConfig(0.05, 0.8), ours, [GradientDropoutWrapper(0.7)], backend=backend)
    v = [torch.zeros_like(p) for p in theirs]
    shapes = [p.shape for p in theirs]
    for step, masks in enumerate(_masks(GradientDropoutWrapper, 25, shapes)):
        set_gradients(theirs, step)
        for i, (p, d) in enumerate(zip(theirs, masks, strict=True)):
            v[i] = 0.8 * v[i] + d * p.grad
            p.data -= 0.05 * v[i]
    for x, y in zip(train(optimizer, ours, 25), weights(theirs), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@both_backends
def test_learning_rate_dropout_is_its_loop(backend):
    """The moments are those of the full gradient; a dropped coordinate does not move, nor decay."""
    ours, theirs, lr, decay = parameters(), parameters(), 0.05, 0.2
    optimizer = optim.build(
        AdamWConfig(lr, weight_decay=decay), ours, [LearningRateDropoutWrapper(0.6)], backend=backend
    )
    m, v = ([torch.zeros_like(p) for p in theirs] for _ in range(2))
    shapes = [p.shape for p in theirs]
    for step, masks in enumerate(_masks(LearningRateDropoutWrapper, 25, shapes, keep=0.6)):
        set_gradients(theirs, step)
        before = weights(ours)
        train(optimizer, ours, 1, start=step)
        for i, (p, d) in enumerate(zip(theirs, masks, strict=True)):
            m[i] = 0.9 * m[i] + 0.1 * p.grad
            v[i] = 0.999 * v[i] + 0.001 * p.grad**2
            u = m[i] / (1 - 0.9 ** (step + 1)) / ((v[i] / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
            p.data -= lr * d * (u + decay * p.data)
            assert torch.equal(before[i][d == 0], ours[i].detach()[d == 0])
    for x, y in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-12)


def test_learning_rate_dropout_leaves_the_moments_as_they_are():
    masked, plain = parameters(), parameters()
    a, b = optim.build(AdamConfig(0.1), masked, [LearningRateDropoutWrapper(0.3)]), optim.build(AdamConfig(0.1), plain)
    set_gradients(masked, 0)
    set_gradients(plain, 0)
    a.step()
    b.step()
    assert_same(state_of(a), state_of(b))
    assert not torch.equal(masked[2], plain[2])


def test_noise_then_dropout_is_not_dropout_then_noise():
    """Wrappers of one place act in the order given: noise added after the mask is not masked."""
    p, q = (torch.nn.Parameter(torch.zeros(1000)) for _ in range(2))
    for x, wrap in (
        (p, [GradientNoiseWrapper(), GradientDropoutWrapper(0.5)]),
        (q, [GradientDropoutWrapper(0.5), GradientNoiseWrapper()]),
    ):
        x.grad = torch.zeros(1000)
        optim.build(SGDConfig(1.0), [x], wrap).step()
    assert 400 < (p == 0).sum() < 600 and not (q == 0).any()


@both_backends
def test_radamw_with_nesterov_noise_learning_rate_dropout_and_lookahead(backend):
    """neural-net-optimization's promise, against the formulas of its five papers, with our draws."""
    ours, theirs, seed = parameters(), parameters(), 5
    lr, beta1, beta2, eps, decay, eta, gamma, keep, k, alpha = 0.02, 0.9, 0.99, 1e-8, 0.1, 0.2, 0.55, 0.6, 4, 0.5
    config = RAdamWConfig(lr, (beta1, beta2), eps, decay, nesterov=True)
    wrap = [GradientNoiseWrapper(eta, gamma), LearningRateDropoutWrapper(keep), LookaheadWrapper(k, alpha)]
    optimizer = optim.build(config, ours, wrap, backend=backend, seed=seed)
    m, v, phi = ([torch.zeros_like(p) for p in theirs] for _ in range(3))
    phi = weights(theirs)
    rho_inf = 2 / (1 - beta2) - 1
    for t in range(1, 41):
        set_gradients(theirs, t - 1)
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        for i, p in enumerate(theirs):
            sigma = (eta / t**gamma) ** 0.5
            g = p.grad + sigma * draw("normal", p, seed, "gradient_noise", i, t)
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            u = beta1 * m[i] / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
            if rho > 4:
                r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
                u = r * (1 - beta2**t) ** 0.5 * u / (v[i].sqrt() + eps)
            d = (draw("uniform", p, seed, "learning_rate_dropout", i, t) < keep).double()
            p.data -= lr * d * (u + decay * p.data)
            if t % k == 0:
                phi[i] = phi[i] + alpha * (p.data - phi[i])
                p.data.copy_(phi[i])
    got = train(optimizer, ours, 40)
    for x, y in zip(got, theirs, strict=True):
        torch.testing.assert_close(x, y.detach(), rtol=1e-10, atol=1e-11)
    with optimizer.evaluation_weights():
        for x, y in zip(ours, phi, strict=True):
            torch.testing.assert_close(x.detach(), y, rtol=1e-10, atol=1e-11)
