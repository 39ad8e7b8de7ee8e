"""Cautious and MARS: the formulas in one step's numbers, where the packages' cases don't look."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from problem import both_backends, close

import optim


def stepped(optimizer, p, *gradients):
    for g in gradients:
        p.grad = torch.tensor(g, dtype=p.dtype)
        optimizer.step()
    return p.detach().tolist()


@both_backends
@pytest.mark.parametrize("scale, factor", [("mean", 2.0), ("nnz", 4 / 3)])
def test_half_of_the_coordinates_agree(scale, factor, backend):
    """v is (1, 1, 1, 1), then 0.5 v + g, whose signs are all positive."""
    p = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = optim.Cautious(optim.Momentum([p], lr=1.0, momentum=0.5, backend=backend), scale)
    first = 1.0 if scale == "mean" else 4 / 5
    assert stepped(optimizer, p, [1.0] * 4) == [-first] * 4
    stepped(optimizer, p, [0.5, -0.25, 0.5, -0.25])
    close([p.detach() + first], [torch.tensor([-1.0, 0.0, -1.0, 0.0], dtype=torch.float64) * factor])


def test_the_mean_of_the_mask_counts_at_least_a_thousandth():
    p = torch.zeros(4000, dtype=torch.float64, requires_grad=True)
    optimizer = optim.Cautious(optim.Momentum([p], lr=1.0, momentum=0.5))
    stepped(optimizer, p, [1.0] * 4000)
    before = p.detach().clone()
    stepped(optimizer, p, [1.0] + [-0.1] * 3999)  # all but one disagree: v = 0.4 there, 1.5 here
    close([before - p.detach()], [torch.tensor([1500.0] + [0.0] * 3999, dtype=torch.float64)])


def test_what_is_masked_still_decays_by_decoupled_decay_only():
    for make, kept in (
        (partial(optim.SGDW, momentum=0.9), 1 - 0.5 * 0.1),
        (partial(optim.ADOPT, decoupled_weight_decay=True), 1 - 0.5 * 0.1),
        (optim.Adan, 1 / (1 + 0.5 * 0.1)),
        (optim.Momentum, 1.0),
    ):
        p = torch.ones(2, dtype=torch.float64, requires_grad=True)
        optimizer = make([p], lr=0.5, weight_decay=0.1)
        stepped(optimizer, p, [4.0, 4.0], [4.0, 4.0])
        before = p.detach().clone()
        optim.Cautious(optimizer)
        stepped(optimizer, p, [-1.0, 1.0])  # the first one's velocity is above 2
        assert p[0].item() == pytest.approx(before[0].item() * kept, rel=1e-12)


def test_small_numbers_keep_their_signs():
    p = torch.zeros(3, requires_grad=True)
    stepped(optim.Cautious(optim.SGD([p], lr=1.0)), p, [1e-30, -1e-30, 1e-30])
    assert p.tolist() == pytest.approx([-1e-30, 1e-30, -1e-30], rel=1e-6)


def test_mars_clips_each_tensor_by_itself():
    """gamma beta / (1 - beta) = 0.5: at first 1.5 g, then g + 0.5 (g - g before)."""
    small, large = (torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = optim.MARS(optim.SGD([small, large], lr=1.0), gamma=0.5, beta=0.5, max_norm=2.0)
    for scale in (1.0, 2.0):
        small.grad = torch.tensor([0.3, 0.4], dtype=torch.float64) * scale
        large.grad = torch.tensor([30.0, 40.0], dtype=torch.float64) * scale
        optimizer.step()
    close([small.detach()], [torch.tensor([-0.45 - 0.75, -0.6 - 1.0], dtype=torch.float64)])
    close([large.detach()], [torch.tensor([-2.4, -3.2], dtype=torch.float64)])
