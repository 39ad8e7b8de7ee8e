"""What optimizers tell of a step: against the formulas, from a step seen from outside."""

import pytest
import torch

import optim


def step(name, params, **arguments):
    """Two steps of an optimizer; what it tells of the second, and the parameters before it."""
    optimizer = getattr(optim, name)(params, **arguments)
    for number in range(2):
        loss = sum((p * p * (1 + i)).sum() for i, p in enumerate(params)) / 2 + 0.5
        optimizer.zero_grad()
        loss.backward()
        if number == 1:
            old = [p.detach().clone() for p in params]
        optimizer.step(loss=loss.detach())
    return {key: float(value) for key, value in optimizer.step_metrics(old).items()}, old, optimizer


def params():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in ((3, 4), (5,), ())]


def test_aggmo_tells_each_velocitys_norm():
    seen, _, optimizer = step("AggMo", params(), lr=0.1)
    states = optimizer.state.values()
    for i in range(3):
        assert seen[f"v{i}_norm"] == pytest.approx(float(sum(s[f"v{i}"].square().sum() for s in states)) ** 0.5)
    assert seen["v2_norm"] > seen["v0_norm"] and len(seen) == 3


@pytest.mark.parametrize(("name", "lr"), [("Momo", 0.001), ("Momo", 100.0), ("MomoAdam", 1e-5), ("MomoAdam", 100.0)])
def test_momo_tells_zeta_and_its_cap_of_which_the_smaller_was_the_step(name, lr):
    xs = params()
    seen, old, optimizer = step(name, xs, lr=lr)
    assert (seen["zeta"] > seen["cap"]) == (lr < 0.01)
    s = optimizer.state[xs[0]]
    direction = s["d"] / ((s["v"] / (1 - 0.999**2)).sqrt() + 1e-8) if name == "MomoAdam" else s["d"]
    torch.testing.assert_close(old[0] - xs[0].detach(), min(seen["zeta"], seen["cap"]) * direction, rtol=1e-9, atol=0)


def test_adamp_tells_the_projected_fraction():
    """A gradient at a right angle to a 2-d parameter: its 4 of 6 weights are projected."""
    w, b = torch.eye(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = optim.AdamP([w, b])
    w.grad, b.grad = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.ones(2)
    old = [w.detach().clone(), b.detach().clone()]
    optimizer.step()
    assert float(optimizer.step_metrics(old)["projected"]) == pytest.approx(4 / 6)
    assert float(optimizer.step_metrics(old)["m_norm"]) == pytest.approx(0.1 * 2)
    w.grad = torch.eye(2)
    optimizer.step()
    assert float(optimizer.step_metrics(old)["projected"]) == 0


@pytest.mark.parametrize("name", sorted(optim.configs()))
def test_every_optimizer_tells_finite_numbers(name):
    xs = params()
    optimizer = optim.build(optim.configs()[name](), xs)
    old = [p.detach().clone() for p in xs]
    for p in xs[:2]:  # and none for the third
        p.grad = torch.ones_like(p)
    optimizer.step(loss=torch.tensor(1.0))
    assert all(value.ndim == 0 and value.isfinite() for value in optimizer.step_metrics(old).values())
