"""What parity alone does not show of Muon, the sign methods, LAMB, ADOPT and AdEMAMix, and where packages differ."""

from __future__ import annotations

import math

import pytest
import pytorch_optimizer
import torch
from problem import assert_same, both_backends, close, parameters, set_gradients, train, trajectory
from references import torch_optimizer

import optim
from optim.rules.adamw import AdamWConfig
from optim.rules.ademamix import AdEMAMixConfig, _between
from optim.rules.lion import LionConfig
from optim.rules.muon import orthogonalized
from optim.rules.signum import SignumConfig

MATRICES = ((4, 3), (3, 7), (1, 5), (6, 1), (16, 16))


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_iteration_is_that_of_pytorch_optimizer_in_float64():
    from pytorch_optimizer.optimizer.utils.matrix import zero_power_via_newton_schulz_5

    for shape in MATRICES:
        u = random(*shape)
        for steps in (1, 5, 8):
            close([orthogonalized(u, steps)], [zero_power_via_newton_schulz_5(u, steps, dtype=torch.float64)])


@both_backends
@pytest.mark.parametrize("adjust_lr_fn", ["original", "match_rms_adamw"])
def test_muon_in_bfloat16_is_torchs(adjust_lr_fn, backend):
    """torch.optim.Muon rounds its iteration to bfloat16, and so does ours where it is told to: all else is float64."""
    ours, theirs = parameters(shapes=MATRICES), parameters(shapes=MATRICES)
    settings = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.8, "adjust_lr_fn": adjust_lr_fn}
    mine = optim.Muon(ours, bfloat16=True, backend=backend, **settings)
    a, b = train(mine, ours, 30), train(torch.optim.Muon(theirs, **settings), theirs, 30)
    close(a, b)
    exact = parameters(shapes=MATRICES)
    train(optim.Muon(exact, **settings), exact, 30)
    assert max((x - y).abs().max() for x, y in zip(a, exact, strict=True)) > 1e-3


def test_muon_takes_a_convolution_as_a_matrix_and_a_vector_as_a_row():
    for shape, matrix in (((4, 3, 2, 2), (4, 12)), ((6, 2, 3), (6, 6)), ((5,), (1, 5)), ((), (1, 1))):
        x = random(*shape)
        one, other = ([torch.nn.Parameter(x.reshape(s).clone())] for s in (shape, matrix))
        for optimizer, params in ((optim.Muon(one), one), (optim.Muon(other), other)):
            train(optimizer, params, 5)
        assert_same([one[0].reshape(matrix)], other)


def test_muon_brings_every_singular_value_near_one():
    u = random(20, 30)
    values = torch.linalg.svdvals(orthogonalized(u * 1e-3, 5))
    assert 0.68 < values.min() and values.max() < 1.21
    left, _, right = torch.linalg.svd(u, full_matrices=False)
    p = torch.nn.Parameter(torch.zeros(20, 30, dtype=torch.float64))
    p.grad = u
    optim.Muon([p], lr=1.0, momentum=0.0, ns_steps=5, adjust_lr_fn="match_rms_adamw").step()
    # 0.2 sqrt(30) times an orthogonal matrix of 20 rows has a root mean square of 0.2
    assert p.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.2)
    assert (p / (left @ right)).median().item() == pytest.approx(-0.2 * 30**0.5, rel=0.2)


def test_lion_of_equal_betas_is_signum():
    lion, signum = LionConfig(0.02, (0.9, 0.9), 0.1), SignumConfig(0.02, 0.9, 0.1, decoupled_weight_decay=True)
    assert_same(trajectory(lion), trajectory(signum))


@both_backends
@pytest.mark.parametrize("kind", [optim.Lion, optim.Signum, optim.ADOPT])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 1])
def test_a_sign_or_a_limit_hides_no_broken_gradient(kind, broken, at, backend):
    """torch's sign of nan is 0: the weight would stay where it is, for good and without a trace."""
    params = parameters(shapes=((3,), (2, 2)))
    optimizer = kind(params, backend=backend)
    for n in range(at + 1):
        set_gradients(params, n)
        if n == at:
            params[0].grad[1] = broken
        optimizer.step()
    assert params[0].isnan().tolist() == [False, True, False] and params[1].isfinite().all()


@both_backends
def test_a_square_without_weight_is_left_out(backend):
    """QHAdam's default has (1 - nu2) g^2 = 0 g^2, which is nan where g^2 overflows; Adam's weights stay finite."""
    for kind in (optim.Adam, optim.QHAdam):
        p = torch.nn.Parameter(torch.ones(2))
        p.grad = torch.tensor([1.0, 1e25])
        kind([p], backend=backend).step()
        assert p.isfinite().all(), kind


def test_lambs_debiasing_is_inside_the_norm():
    """torch_optimizer's is outside, a factor on lr; inside it cancels, and the first step is lr ||p|| either way."""
    moved = []
    for kind, settings in ((optim.LAMB, {}), (torch_optimizer.Lamb, {"debias": True, "clamp_value": 1e9})):
        p = torch.nn.Parameter(random(4, 3))
        start = p.detach().clone()
        p.grad = random(4, 3, seed=1)
        with torch.no_grad():
            kind([p], lr=0.1, eps=0.0, **settings).step()
        moved.append(((p - start).norm() / start.norm()).item())
    assert moved[0] == pytest.approx(0.1)
    assert moved[1] == pytest.approx(0.1 * (1 - 0.999) ** 0.5 / (1 - 0.9))


def test_adopts_clipping_starts_at_one():
    """With the second gradient, the first that moves anything; pytorch_optimizer has 2^(1/4) there."""
    steps = []
    for kind in (optim.ADOPT, pytorch_optimizer.ADOPT):
        p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = kind([p], lr=1.0, betas=(0.0, 0.5))
        for g in (1.0, 100.0):
            p.grad = torch.tensor([g], dtype=torch.float64)
            optimizer.step()
        steps.append(-p.item())
    assert steps == pytest.approx([1.0, 2**0.25])


def test_ademamix_without_its_slow_mean_is_adamw():
    numbers = {"lr": 0.05, "eps": 1e-6, "weight_decay": 0.1}
    close(
        trajectory(AdEMAMixConfig(betas=(0.8, 0.95, 0.999), alpha=0.0, **numbers)),
        trajectory(AdamWConfig(betas=(0.8, 0.95), **numbers)),
    )


def test_the_half_life_of_ademamix_grows_linearly():
    half_lives = [math.log(0.5) / math.log(_between(0.9, 0.9999, x)) for x in (0.25, 0.5, 0.75)]
    first, last = (math.log(0.5) / math.log(beta) for beta in (0.9, 0.9999))
    assert half_lives == pytest.approx([first + x * (last - first) for x in (0.25, 0.5, 0.75)])
    for beta1, beta3 in ((0.0, 0.999), (0.0, 0.0), (0.9, 0.0)):
        numbers = [torch.tensor(x, dtype=torch.float64) for x in (beta1, beta3)]
        between = _between(beta1, beta3, 0.5)
        assert 0 <= between < 1 and _between(*numbers, 0.5).item() == pytest.approx(between)
