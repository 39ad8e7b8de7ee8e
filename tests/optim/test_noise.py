"""Gradient noise, gradient dropout and learning-rate dropout: distributions, independence, hand-written loops."""

from __future__ import annotations

import pytest
import torch
from problem import assert_same, both_backends, close, parameters, set_gradients, state_of, train, weights

import optim
from optim.rules.adam import AdamConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.sgd import MomentumConfig, SGDConfig
from optim.wrappers.gradient_dropout import GradientDropoutWrapper
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.learning_rate_dropout import LearningRateDropoutWrapper


def _noise(steps=1, shape=(400, 500), backend="loop", seed=0, **settings):
    """The noise of each step: SGD with lr 1 on zero gradients moves by it."""
    p = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    optimizer, seen = (
        optim.build(SGDConfig(1.0), [p], [GradientNoiseWrapper(**settings)], backend=backend, seed=seed),
        [],
    )
    for _ in range(steps):
        p.data.zero_()
        p.grad = torch.zeros_like(p)
        optimizer.step()
        seen.append(-p.detach().clone())
    return seen


@both_backends
def test_noise_has_the_papers_variance_in_every_coordinate(backend):
    eta, gamma = 0.3, 0.55
    for t, noise in enumerate(_noise(12, backend=backend, eta=eta, gamma=gamma)):
        variance = eta / (1 + t) ** gamma
        # 200,000 draws: the standard error of a variance is 0.32 %, of the mean 0.0022 sigma
        assert noise.var().item() == pytest.approx(variance, rel=0.016)
        assert abs(noise.mean().item()) < 0.011 * variance**0.5
        assert noise.unique().numel() == noise.numel()
        rows = noise.var(dim=1) / variance
        assert 0.6 < rows.min() and rows.max() < 1.5
        kurtosis = ((noise / noise.std()) ** 4).mean().item()
        assert kurtosis == pytest.approx(3, abs=0.06)


def test_noise_is_independent_of_step_place_and_seed():
    first, second = _noise(2, gamma=0.0)
    other_seed = _noise(1, seed=1)[0]
    for x, y in ((first, second), (first, other_seed)):
        assert abs(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1]) < 0.012
    assert_same(_noise(3), _noise(3))
    params = [torch.nn.Parameter(torch.zeros(100)) for _ in range(2)]
    for p in params:
        p.grad = torch.zeros(100)
    optim.build(SGDConfig(1.0), params, [GradientNoiseWrapper()]).step()
    assert not (params[0] == params[1]).any()


def test_noise_enters_before_momentum():
    p = torch.nn.Parameter(torch.zeros(6, dtype=torch.float64))
    optimizer = optim.build(MomentumConfig(1.0, 0.5), [p], [GradientNoiseWrapper(1.0, 0.0)])
    moves = []
    for _ in range(2):
        before = p.detach().clone()
        p.grad = torch.zeros_like(p)
        optimizer.step()
        moves.append(before - p.detach())
    noise = _noise(2, (6,), eta=1.0, gamma=0.0)
    torch.testing.assert_close(moves[1], 0.5 * noise[0] + noise[1])


def test_noise_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    _noise(2, (5,))
    assert torch.equal(torch.randn(3), expected)


both_dropouts = pytest.mark.parametrize(
    "kind", [GradientDropoutWrapper, LearningRateDropoutWrapper], ids=lambda kind: kind.name
)


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
    close(train(optimizer, ours, 25), weights(theirs))


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
    close(weights(ours), weights(theirs))


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
