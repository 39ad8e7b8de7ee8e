"""AdamP, SGDP and LARS, whose steps depend on norms and angles of each tensor."""

from __future__ import annotations

import adamp
import pytest
import torch
from problem import both_backends, close, parameters, set_gradients, train, weights
from references import DECAY, LR, PaperLARS, torch_optimizer

import optim


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


@both_backends
def test_lars_excludes_by_group(backend):
    """What the rule of configs/groups/exclude_1d.yaml sets: the paper's LARS for all but biases and norms."""
    ours, theirs, plain = parameters(), parameters(), parameters()
    excluded, settings = {"trust_coefficient": 0, "weight_decay": 0}, {"lr": LR, "weight_decay": DECAY}
    groups = [{"params": [p for p in ours if p.ndim < 2], **excluded}, {"params": [p for p in ours if p.ndim >= 2]}]
    train(optim.LARS(groups, trust_coefficient=0.3, backend=backend, **settings), ours, 20)
    close(ours, train(PaperLARS(theirs, exclude_1d=True), theirs, 20))
    vectors = [i for i, p in enumerate(ours) if p.ndim < 2]
    train(torch.optim.SGD(plain, LR, momentum=0.9), plain, 20)
    assert vectors and len(vectors) < len(ours)
    close([ours[i] for i in vectors], [plain[i] for i in vectors])


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
