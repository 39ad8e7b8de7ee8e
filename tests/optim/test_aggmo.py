"""AggMo and its general form: formulas and special cases."""

from __future__ import annotations

import pytest
import torch
from problem import both_backends, close, parameters, set_gradients, train, weights

import optim


@both_backends
def test_aggmo_equals_its_formula(backend):
    """v_i <- beta_i v_i + g;  p <- p - lr/K sum v_i, written out; two equal betas are two velocities."""
    ours, theirs, betas, lr, decay = parameters(), parameters(), (0.5, 0.9, 0.9), 0.04, 0.1
    optimizer = optim.AggMo(ours, lr, betas, decay, backend=backend)
    v = [[torch.zeros_like(p) for _ in betas] for p in theirs]
    for step in range(40):
        set_gradients(theirs, step)
        with torch.no_grad():
            for p, velocities in zip(theirs, v, strict=True):
                g = p.grad + decay * p
                for i, beta in enumerate(betas):
                    velocities[i] = beta * velocities[i] + g
                p.sub_(lr / len(betas) * sum(velocities))
    close(train(optimizer, ours, 40), weights(theirs))


def test_exponential_form():
    params = parameters()
    optimizer = optim.AggMo.from_exp_form(params, lr=0.1, a=0.1, k=4)
    assert type(optimizer) is optim.AggMo
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0, 0.9, 0.99, 0.999))
    assert len(optim.AggMo.from_exp_form(params, 0.1, k=2).param_groups[0]["betas"]) == 2


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
