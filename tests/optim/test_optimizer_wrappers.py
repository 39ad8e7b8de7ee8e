"""Gradient noise and Lookahead: distributions, hand-written loops, identities, evaluation weights."""

from __future__ import annotations

import pytest
import torch
from optimizer_cases import CASES, assert_same, parameters, set_gradients, train, weights

import optim
from optim.rules.adam import AdamConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.sgd import MomentumConfig, SGDConfig
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.lookahead import LookaheadWrapper

both_backends = pytest.mark.parametrize("backend", ["loop", "foreach"])


@both_backends
@pytest.mark.parametrize(
    "wrapper", [GradientNoiseWrapper(eta=0.0), LookaheadWrapper(k=3, alpha=1.0)], ids=lambda w: w.name
)
@pytest.mark.parametrize("config", [AggMoConfig(0.05, weight_decay=0.1), AdamConfig(0.05)], ids=lambda s: s.name)
def test_neutral_settings_are_the_identity_to_the_last_bit(config, wrapper, backend):
    bare, wrapped = parameters() + parameters(torch.bfloat16), parameters() + parameters(torch.bfloat16)
    a = train(optim.build(config, bare, backend=backend), bare, 12)
    assert_same(train(optim.build(config, wrapped, [wrapper], backend=backend), wrapped, 12), a)


@both_backends
@pytest.mark.parametrize("config", [MomentumConfig(0.05), AdamConfig(0.05)], ids=lambda s: s.name)
def test_lookahead_is_its_loop(config, backend):
    ours, theirs, k, alpha = parameters(), parameters(), 4, 0.3
    optimizer, inner = (
        optim.build(config, ours, [LookaheadWrapper(k, alpha)], backend=backend),
        optim.build(config, theirs),
    )
    slow = weights(theirs)
    for step in range(30):
        train(optimizer, ours, 1, start=step)
        train(inner, theirs, 1, start=step)
        if (step + 1) % k == 0:
            slow = [phi + alpha * (theta.detach() - phi) for phi, theta in zip(slow, theirs, strict=True)]
            for theta, phi in zip(theirs, slow, strict=True):
                theta.data.copy_(phi)
        for x, y in zip([*ours], theirs, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
        with optimizer.evaluation_weights():
            for x, y in zip(weights(ours), slow, strict=True):
                torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


def test_slow_weights_start_at_the_weights_before_the_first_step():
    params = parameters()
    before = weights(params)
    optimizer = optim.build(SGDConfig(0.1), params, [LookaheadWrapper(k=5)])
    train(optimizer, params, 1)
    with optimizer.evaluation_weights():
        assert_same(weights(params), before)


def test_evaluation_weights_always_give_the_training_weights_back():
    params = parameters()
    optimizer = optim.build(AdamConfig(0.1), params, [LookaheadWrapper(k=5)])
    with optimizer.evaluation_weights():  # before any step there is nothing to show
        pass
    training = train(optimizer, params, 3)
    with pytest.raises(ZeroDivisionError), optimizer.evaluation_weights():
        assert not torch.equal(params[1], training[1])
        with optimizer.evaluation_weights():
            assert not torch.equal(params[1], training[1])
        assert not torch.equal(params[1], training[1])
        params[1].data.fill_(7.0)
        raise ZeroDivisionError
    assert_same(params, training)
    with optimizer.evaluation_weights(), pytest.raises(RuntimeError, match="evaluation_weights"):
        optimizer.step()
    assert_same(params, training)
    train(optimizer, params, 1)


def test_evaluation_weights_without_such_a_stage_move_nothing():
    params = parameters()
    optimizer = optim.AggMo(params)
    training = train(optimizer, params, 3)
    with optimizer.evaluation_weights():
        assert_same(params, training)


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


def test_wrappers_act_in_their_places_whatever_their_order():
    a, b = parameters(), parameters()
    one = optim.build(AdamConfig(0.1), a, [LookaheadWrapper(2), GradientNoiseWrapper()])
    two = optim.build(AdamConfig(0.1), b, [GradientNoiseWrapper(), LookaheadWrapper(2)])
    assert_same(train(one, a, 9), train(two, b, 9))


def test_wrapping_leaves_the_names_of_the_base_alone():
    optimizer = CASES["noisy_lookahead"].build(parameters())
    keys = optimizer.param_groups[0].keys()
    assert {"betas", "weight_decay", "lookahead.alpha", "gradient_noise.eta", "gradient_noise.gamma"} <= keys
    set_gradients(optimizer.param_groups[0]["params"], 0)
