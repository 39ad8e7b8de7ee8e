"""set_momentum: AggMo's last stage of training, on the live optimizer: its scheduler stays bound to it."""

from __future__ import annotations

import pytest
import torch
from cases import CASES
from problem import assert_same, both_backends, parameters, set_gradients, train, weights

import optim
from optim.wrappers.lookahead import LookaheadWrapper


def test_groups_take_the_new_momentum():
    for optimizer, key, value in [
        (optim.Momentum(parameters()), "momentum", 0.99),
        (optim.Nesterov(parameters()), "momentum", 0.99),
        (optim.AggMo(parameters()), "betas", (0.0, 0.99)),
        (optim.AggMoExp(parameters(), k=4), "betas", (0.0, 0.99)),
    ]:
        optimizer.set_momentum(0.99)
        assert optimizer.param_groups[0][key] == value


def test_adam_keeps_each_groups_beta2():
    first, *others = parameters()
    optimizer = optim.Adam([{"params": [first]}, {"params": others, "betas": (0.8, 0.95)}])
    optimizer.set_momentum(0.5)
    assert [group["betas"] for group in optimizer.param_groups] == [(0.5, 0.999), (0.5, 0.95)]


def test_refusals_change_nothing():
    params = parameters()
    with pytest.raises(ValueError, match="SGD: has no momentum to set"):
        optim.SGD(params).set_momentum(0.9)
    optimizer = optim.AggMo(params)
    train(optimizer, params, 2)
    with pytest.raises(ValueError, match=r"AggMo: betas\[1\]=1.2 is not in \[0, 1\)"):
        optimizer.set_momentum(1.2, warm=False)
    assert optimizer.param_groups[0]["betas"] == (0.0, 0.9, 0.99) and optimizer.state[params[0]]["step"] == 2


@pytest.mark.parametrize(("m", "inherited"), [(0.99, 2), (0.999, 2), (0.5, 1), (0.91, 1), (0.2, 0)])
def test_warm_velocities_inherit_from_the_nearest_beta(m, inherited):
    params = parameters()
    optimizer = optim.AggMo(params)
    train(optimizer, params, 5)
    old = {p: dict(optimizer.state[p]) for p in params}
    optimizer.set_momentum(m)
    for p in params:
        state = optimizer.state[p]
        assert list(state) == ["step", "v0", "v1"] and state["step"] == 5
        assert_same([state["v0"], state["v1"]], [old[p]["v0"], old[p][f"v{inherited}"]])
        assert state["v0"].data_ptr() != state["v1"].data_ptr()


def test_warm_momentum_keeps_its_buffer():
    params = parameters()
    optimizer = optim.Momentum(params)
    train(optimizer, params, 5)
    kept = [optimizer.state[p]["v"].clone() for p in params]
    optimizer.set_momentum(0.5)
    assert_same([optimizer.state[p]["v"] for p in params], kept)


@pytest.mark.parametrize("name", ["momentum_damped", "nesterov", "adam_l2", "aggmo_l2", "lookahead"])
def test_cold_is_a_fresh_optimizer_on_these_weights_and_rates(name):
    params = parameters()
    optimizer = CASES[name].build(params)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
    halfway = train(optimizer, params, 5, scheduler=scheduler)
    optimizer.set_momentum(0.7, warm=False)
    again = [torch.nn.Parameter(x) for x in halfway]
    group = {k: v for k, v in optimizer.param_groups[0].items() if k in optimizer.pipeline.defaults}
    fresh = CASES[name].build([{"params": again, **group}])
    assert_same(train(optimizer, params, 6), train(fresh, again, 6))


@pytest.mark.parametrize("warm", [True, False])
@both_backends
def test_schedules_and_checkpoints_go_on_afterwards(warm, backend):
    params = parameters()
    config = optim.configs()["aggmo"](lr=0.1)
    optimizer = optim.build(config, params, [LookaheadWrapper(3)], backend=backend)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.1)
    train(optimizer, params, 6, scheduler=scheduler)
    optimizer.set_momentum(0.99, warm=warm)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    train(optimizer, params, 2, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
    again = [torch.nn.Parameter(x) for x in weights(params)]
    resumed = optim.build(config, again, [LookaheadWrapper(3)], backend=backend)
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.param_groups[0]["betas"] == (0.0, 0.99)
    assert_same(train(resumed, again, 8), train(optimizer, params, 8))


def test_momentum_can_be_set():
    for kind, key, value in [
        ("Momo", "beta", 0.5),
        ("MomoAdam", "betas", (0.5, 0.999)),
        ("AdamP", "betas", (0.5, 0.999)),
        ("SGDP", "momentum", 0.5),
        ("LARS", "momentum", 0.5),
        ("AggMoGeneral", "rates", (2.0, 1.0)),
    ]:
        params = parameters()
        optimizer = getattr(optim, kind)(params)
        set_gradients(params, 0)
        optimizer.step(loss=1.0)
        optimizer.set_momentum(0.5)
        assert optimizer.param_groups[0][key] == value
        optimizer.step(loss=1.0)
        optimizer.set_momentum(0.4, warm=False)
        assert not optimizer.state and all(
            not optimizer.param_groups[0][total] for total in optimizer.pipeline.global_state
        )


def test_methods_with_second_moments():
    for kind in (optim.AdamW, optim.NAdam, optim.AMSGrad, optim.RAdam, optim.RAdamW, optim.AdaBound, optim.AMSBound):
        optimizer = kind(parameters())
        optimizer.set_momentum(0.5)
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)
    optimizer = optim.SGDW(parameters())
    optimizer.set_momentum(0.5)
    assert optimizer.param_groups[0]["momentum"] == 0.5
    with pytest.raises(ValueError, match="Adadelta: has no momentum to set"):
        optim.Adadelta(parameters()).set_momentum(0.5)
