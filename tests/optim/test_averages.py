"""EMA and Lookahead: hand-written loops, pullback, evaluation weights."""

from __future__ import annotations

import pytest
import torch
from problem import assert_same, both_backends, close, parameters, set_gradients, state_of, train, weights

import optim
from optim.pipeline import Pipeline
from optim.rules.adam import AdamConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.sgd import MomentumConfig, NesterovConfig, SGDConfig
from optim.wrappers.ema import EMAWrapper
from optim.wrappers.lookahead import LookaheadWrapper

WITH_MOMENTUM = {
    "aggmo_of_two": AggMoConfig(0.05, (0.5, 0.9)),
    **{
        n: s()
        for n, s in optim.configs().items()
        if any(transform.momentum_buffers(Pipeline(s(), ()).defaults) for transform in s().transforms())
    },
}


@both_backends
@pytest.mark.parametrize("debias", [True, False])
@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_ema_is_objaxs_formula(momentum, debias, backend):
    params, plain = parameters(), parameters()
    optimizer = optim.build(AdamConfig(0.05), params, [EMAWrapper(momentum, debias)], backend=backend)
    inner, mean = optim.build(AdamConfig(0.05), plain, backend=backend), [torch.zeros_like(p) for p in plain]
    for step in range(20):
        train(optimizer, params, 1, start=step)
        now = train(inner, plain, 1, start=step)
        assert_same(weights(params), now)  # training never sees the average
        mean = [m + (1 - momentum) * (p - m) for m, p in zip(mean, now, strict=True)]
        scale = 1 / (1 - momentum ** (step + 1)) if debias else 1
        with optimizer.evaluation_weights():
            close(params, [m * scale for m in mean])


def test_debiased_ema_of_one_step_is_the_weights():
    params = parameters()
    optimizer = optim.build(SGDConfig(0.1), params, [EMAWrapper(0.999)])
    with optimizer.evaluation_weights():  # no step taken: the weights themselves
        assert_same(weights(params), weights(parameters()))
    now = train(optimizer, params, 1)
    with optimizer.evaluation_weights():
        close(params, now)


@both_backends
def test_with_both_ema_averages_what_lookahead_leaves_and_is_evaluated(backend):
    results = []
    for wrap in ([LookaheadWrapper(3, 0.4), EMAWrapper(0.7)], [EMAWrapper(0.7), LookaheadWrapper(3, 0.4)]):
        params, plain = parameters(), parameters()
        optimizer = optim.build(MomentumConfig(0.05), params, wrap, backend=backend)
        inner, mean = (
            optim.build(MomentumConfig(0.05), plain, [LookaheadWrapper(3, 0.4)]),
            [torch.zeros_like(p) for p in plain],
        )
        for step in range(11):
            train(optimizer, params, 1, start=step)
            now = train(inner, plain, 1, start=step)
            mean = [m + 0.3 * (p - m) for m, p in zip(mean, now, strict=True)]
        assert_same(weights(params), now)
        with optimizer.evaluation_weights():
            close(params, [m / (1 - 0.7**11) for m in mean])
            results.append(weights(params))
    assert_same(*results)


@both_backends
@pytest.mark.parametrize("pullback", ["reset", "pullback"])
@pytest.mark.parametrize("name", WITH_MOMENTUM)
def test_pullback_is_its_loop_on_every_method_with_momentum(name, pullback, backend):
    """Every k steps, on the inner optimizer's own buffers, and on nothing else of its state."""
    config, k, alpha = WITH_MOMENTUM[name], 3, 0.6
    ours, theirs = parameters(), parameters()
    optimizer, inner = (
        optim.build(config, ours, [LookaheadWrapper(k, alpha, pullback)], backend=backend),
        optim.build(config, theirs),
    )
    names = [n for transform in config.transforms() for n in transform.momentum_buffers(inner.param_groups[0])]
    needs = {"loss": torch.tensor(1.0, dtype=torch.float64)} if inner.pipeline.uses_loss else {}
    slow, kept = weights(theirs), {}
    for step in range(13):
        for one, params in ((optimizer, ours), (inner, theirs)):
            set_gradients(params, step)
            one.step(**needs)
        if (step + 1) % k:
            continue
        for i, p in enumerate(theirs):
            slow[i] = slow[i] + alpha * (p.detach() - slow[i])
            p.data.copy_(slow[i])
            state = inner.state[p]
            for n in names:
                old = kept.get((i, n), torch.zeros_like(state[n]))
                new = old + alpha * (state[n] - old) if pullback == "pullback" else torch.zeros_like(old)
                state[n], kept[i, n] = new, new.clone()
    close(ours, theirs)
    for p, q in zip(ours, theirs, strict=True):
        # a global total such as Momo's lives in the group, a number such as NAdam's product in the state
        close([optimizer.state[p][n] for n in names], [inner.state[q][n] for n in names])
        assert [n for n in optimizer.state[p] if n.startswith("lookahead.")] == [
            "lookahead.slow",
            *(f"lookahead.{n}" for n in names if pullback == "pullback"),
        ]


def test_all_usual_methods_name_their_momentum():
    assert WITH_MOMENTUM.keys() >= {"momentum", "nesterov", "adam", "aggmo", "aggmo_exp", "adamw", "radamw", "nadam"}


@both_backends
def test_slow_momentum_is_no_alias(backend):
    params = parameters()
    optimizer = optim.build(AggMoConfig(0.05), params, [LookaheadWrapper(2, 0.5, "pullback")], backend=backend)
    train(optimizer, params, 4)  # a synchronisation has just been
    places = [x.data_ptr() for x in state_of(optimizer)]
    assert len(set(places)) == len(places)
    s = optimizer.state[params[2]]
    before = s["lookahead.v1"].clone()
    assert torch.equal(s["v1"], before)
    s["v1"].add_(1.0)
    assert torch.equal(s["lookahead.v1"], before)


def test_momentum_to_pull_back_must_be_there():
    with pytest.raises(ValueError, match="lookahead: is to change momentum, and SGD has none"):
        optim.build(SGDConfig(), parameters(), [LookaheadWrapper(pullback="reset")])
    optim.build(SGDConfig(), parameters(), [LookaheadWrapper()])
    with pytest.raises(ValueError, match="pullback='back' is not in {none, reset, pullback}"):
        optim.build(MomentumConfig(), parameters(), [LookaheadWrapper(pullback="back")])


def test_pullback_as_in_the_authors_code():
    """The formulas of its `step`, on torch's SGD, with the momentum copied where it stores an alias."""
    ours, theirs, k, alpha = parameters(), parameters(), 4, 0.8
    optimizer = optim.build(MomentumConfig(0.05, 0.9), ours, [LookaheadWrapper(k, alpha, "pullback")])
    inner = torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    cached, mom = weights(theirs), [torch.zeros_like(p) for p in theirs]
    train(optimizer, ours, 22)
    for step in range(22):
        train(inner, theirs, 1, start=step)
        if (step + 1) % k == 0:
            for i, p in enumerate(theirs):
                p.data.mul_(alpha).add_(cached[i], alpha=1 - alpha)
                cached[i].copy_(p.data)
                buffer = inner.state[p]["momentum_buffer"]
                buffer.mul_(alpha).add_(mom[i], alpha=1 - alpha)
                mom[i] = buffer.clone()
    close(ours, theirs)


def test_slow_momentum_goes_where_its_buffer_goes():
    """set_momentum keeps AggMo's velocity with the nearest beta, and so its slow one."""
    params = parameters()
    optimizer = optim.build(AggMoConfig(0.05), params, [LookaheadWrapper(3, 0.5, "pullback"), EMAWrapper(0.9)])
    train(optimizer, params, 5)
    old = {p: dict(optimizer.state[p]) for p in params}
    optimizer.set_momentum(0.999)
    for p in params:
        s = optimizer.state[p]
        assert list(s) == ["step", "v0", "v1", *(f"lookahead.{n}" for n in ("slow", "v0", "v1")), "ema.m"]
        assert_same([s["lookahead.v1"], s["v1"]], [old[p]["lookahead.v2"], old[p]["v2"]])
    train(optimizer, params, 5)
    for config in (MomentumConfig(0.05), NesterovConfig(0.05), AdamConfig(0.05)):
        other = optim.build(config, parameters(), [LookaheadWrapper(2, pullback="pullback")])
        others = other.param_groups[0]["params"]
        train(other, others, 5)
        before = [x.clone() for x in state_of(other)]
        other.set_momentum(0.5)
        assert_same(state_of(other), before)


def test_evaluation_with_parameters_that_have_taken_no_step():
    params, late = parameters(), parameters(seed=4)
    optimizer = optim.build(AdamConfig(0.1), params, [LookaheadWrapper(2), EMAWrapper(0.9)])
    train(optimizer, params, 3)
    optimizer.add_param_group({"params": late, "ema.momentum": 0.0})
    with optimizer.evaluation_weights():
        assert_same(weights(late), weights(parameters(seed=4)))
    now = train(optimizer, params + late, 3, start=3)[len(params) :]
    with optimizer.evaluation_weights():
        assert_same(weights(late), now)


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
        close([*ours], theirs)
        with optimizer.evaluation_weights():
            close(weights(ours), slow)


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
