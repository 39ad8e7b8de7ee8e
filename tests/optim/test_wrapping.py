"""Lookahead(Adam(params), k=5) and its like: the same optimizer as build() makes of the parts, also in mid-training."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

import pytest
import torch
from cases import CASES
from problem import assert_same, both_backends, close, parameters, set_gradients, state_of, train, weights

import optim
from optim.noise import draw
from optim.rules.adam import AdamConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.radam import RAdamWConfig
from optim.wrappers.ema import EMAWrapper
from optim.wrappers.gradient_dropout import GradientDropoutWrapper
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.learning_rate_dropout import LearningRateDropoutWrapper
from optim.wrappers.lookahead import LookaheadWrapper

NESTED = {
    "lookahead": (
        lambda ps, **o: optim.Lookahead(optim.Adam(ps, 0.05, **o), k=3, alpha=0.4),
        AdamConfig(0.05),
        [LookaheadWrapper(3, 0.4)],
    ),
    "ema_lookahead": (
        lambda ps, **o: optim.EMA(optim.Lookahead(optim.AggMo(ps, 0.05, **o), 3), momentum=0.7),
        AggMoConfig(0.05),
        [LookaheadWrapper(3), EMAWrapper(0.7)],
    ),
    "noise_outside": (  # the outer one sees the gradient first
        lambda ps, **o: optim.GradientNoise(optim.GradientDropout(optim.Adam(ps, 0.05, **o), keep=0.7), eta=0.3),
        AdamConfig(0.05),
        [GradientNoiseWrapper(0.3), GradientDropoutWrapper(0.7)],
    ),
    "all": (
        lambda ps, **o: optim.GradientNoise(
            optim.EMA(
                optim.LearningRateDropout(
                    optim.GradientDropout(optim.Lookahead(optim.Adam(ps, 0.05, **o), 3, pullback="pullback"), 0.8), 0.6
                ),
                0.8,
            ),
            0.1,
        ),
        AdamConfig(0.05),
        [
            GradientNoiseWrapper(0.1),
            GradientDropoutWrapper(0.8),
            LearningRateDropoutWrapper(0.6),
            LookaheadWrapper(3, pullback="pullback"),
            EMAWrapper(0.8),
        ],
    ),
}
every_nesting = pytest.mark.parametrize("name", NESTED)


def _evaluated(optimizer, params):
    with optimizer.evaluation_weights():
        return weights(params)


@every_nesting
@both_backends
def test_nesting_is_building_to_the_last_bit(name, backend):
    nest, config, wrap = NESTED[name]
    ours, theirs = parameters(), parameters()
    a, b = nest(ours, backend=backend, seed=5), optim.build(config, theirs, wrap, backend=backend, seed=5)
    assert isinstance(a, torch.optim.Optimizer) and isinstance(a, optim.ComposedOptimizer)
    assert a.param_groups[0].keys() == b.param_groups[0].keys() and a.defaults == b.defaults
    assert_same(train(a, ours, 14), train(b, theirs, 14))
    assert_same(_evaluated(a, ours), _evaluated(b, theirs))
    assert a.state[ours[0]].keys() == b.state[theirs[0]].keys()
    assert set(a.wrap) == set(wrap) and [w for w in a.wrap if w.place == "gradient"] == [
        w for w in wrap if w.place == "gradient"
    ]
    optim.build(config, parameters(), wrap).load_state_dict(a.state_dict())


def test_the_inner_optimizer_is_the_one_that_is_returned():
    """There is no second optimizer that could step the same weights behind the wrapper's back."""
    params, seen = parameters(), []
    inner = optim.Adam([{"params": params[:2]}, {"params": params[2:], "lr": 0.2}], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(inner, 0.5)
    inner.register_step_post_hook(lambda *_: seen.append(1))
    outer = optim.Lookahead(inner, k=2)
    assert outer is inner and [group["lr"] for group in outer.param_groups] == [0.1, 0.2]
    train(outer, params, 3, scheduler=scheduler)
    assert [group["lr"] for group in outer.param_groups] == [0.0125, 0.025] and len(seen) == 3
    assert "lookahead.slow" in inner.state[params[0]]


@both_backends
def test_around_an_optimizer_that_has_taken_steps(backend):
    """Slow weights start at the present ones, slow momentum at the present momentum."""
    ours, theirs, k, alpha = parameters(), parameters(), 3, 0.5
    optimizer = optim.Momentum(ours, 0.05, backend=backend)
    train(optimizer, ours, 4)
    optimizer = optim.Lookahead(optimizer, k, alpha, "pullback")
    train(optimizer, ours, 9, start=4)
    inner = torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    train(inner, theirs, 4)
    slow, mom = weights(theirs), [inner.state[p]["momentum_buffer"].clone() for p in theirs]
    for step in range(4, 13):
        train(inner, theirs, 1, start=step)
        if (step + 1) % k == 0:
            for i, p in enumerate(theirs):
                buffer = inner.state[p]["momentum_buffer"]
                slow[i] = slow[i] + alpha * (p.detach() - slow[i])
                mom[i] = mom[i] + alpha * (buffer - mom[i])
                p.data.copy_(slow[i])
                buffer.copy_(mom[i])
    close(ours, theirs)


def test_ema_around_an_optimizer_that_has_taken_steps():
    params = parameters()
    optimizer = optim.Adam(params, 0.05)
    joined = train(optimizer, params, 30)
    optimizer = optim.EMA(optimizer, momentum=0.9)
    for x, y in zip(_evaluated(optimizer, params), joined, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-13)  # not the mean of zeros and a few weights
    now = train(optimizer, params, 1, start=30)
    share = 0.1 / (1 - 0.9**31)
    for x, y, z in zip(_evaluated(optimizer, params), joined, now, strict=True):
        torch.testing.assert_close(x, (1 - share) * y + share * z, rtol=1e-12, atol=1e-13)


def test_nesting_goes_on_where_groups_and_dtypes_differ():
    params = parameters() + parameters(torch.bfloat16, seed=1)
    optimizer = optim.AggMo([{"params": params[:3], "betas": (0.0, 0.5)}, {"params": params[3:]}], 0.05)
    train(optimizer, params[:5], 3)
    optimizer = optim.EMA(optim.Lookahead(optimizer, 2, pullback="pullback"))
    assert {x.dtype for x in state_of(optimizer)} == {torch.float64, torch.float32}
    train(optimizer, params, 5, start=3)
    assert "lookahead.v2" not in optimizer.state[params[0]] and "lookahead.v2" in optimizer.state[params[3]]


REFUSED = [
    (
        lambda ps: optim.Lookahead(torch.optim.SGD(ps, lr=0.1)),
        TypeError,
        "Lookahead: wraps an optimizer of this package, such as optim.Momentum.params.* not a torch.optim.sgd.SGD",
    ),
    (lambda ps: optim.EMA(0.9), TypeError, "EMA: wraps an optimizer .* not 0.9"),
    (lambda ps: optim.EMA(), TypeError, "optimizer"),
    (lambda ps: optim.EMA(optim.EMA(optim.SGD(ps))), ValueError, "ema: is wrapped around the optimizer twice"),
    (lambda ps: optim.EMA(optim.SGD(ps), momentum=1.0), ValueError, r"EMA: momentum=1.0 is not in \[0, 1\)"),
    (lambda ps: optim.GradientDropout(optim.SGD(ps), keep=0.0), ValueError, r"keep=0.0 is not in \(0, 1\]"),
    (lambda ps: optim.LearningRateDropout(optim.SGD(ps), keep=1.5), ValueError, r"keep=1.5 is not in \(0, 1\]"),
    (lambda ps: optim.Lookahead(optim.SGD(ps), slow=1), TypeError, "slow"),
    (lambda ps: optim.Lookahead(optim.SGD(ps), pullback="reset"), ValueError, "SGD has none"),
]


@pytest.mark.parametrize(("nest", "kind", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_refusals_say_what_is_accepted(nest, kind, message):
    with pytest.raises(kind, match=message):
        nest(parameters())


def test_a_refusal_leaves_the_optimizer_as_it_was():
    params, others = parameters(), parameters()
    optimizer, plain = optim.Lookahead(optim.SGD(params)), optim.Lookahead(optim.SGD(others))
    train(optimizer, params, 2)
    before = optimizer.state_dict()
    for nest in (lambda: optim.Lookahead(optimizer), lambda: optim.EMA(optimizer, momentum=-1.0)):
        with pytest.raises(ValueError):
            nest()
    with optimizer.evaluation_weights(), pytest.raises(RuntimeError, match="inside evaluation_weights"):
        optim.EMA(optimizer)
    assert optimizer.state_dict()["param_groups"] == before["param_groups"]
    train(plain, others, 2)
    assert_same(train(optimizer, params, 5, start=2), train(plain, others, 5, start=2))


@pytest.mark.parametrize("wrapper", optim.wrappers().values(), ids=optim.wrappers())
def test_public_functions_take_the_arguments_of_their_wrappers(wrapper):
    """With the same defaults: the two are written out, and must not part."""
    function = getattr(optim, wrapper.label())
    first, *arguments = inspect.signature(function).parameters.values()
    shown = [(p.name, p.default, p.annotation) for p in arguments]
    assert first.name == "optimizer"
    assert shown == [(f.name, f.default, f.type) for f in dataclasses.fields(wrapper)]
    assert "Source:" in function.__doc__ and pickle.loads(pickle.dumps(function)) is function
    assert function(optim.Adam(parameters())).wrap == (wrapper(),)


def test_every_group_key_of_a_wrapper_may_be_set_per_group():
    first, *others = parameters()
    optimizer = optim.LearningRateDropout(optim.SGD([first], 1.0), keep=1.0)
    optimizer.add_param_group({"params": others, "learning_rate_dropout.keep": 0.5})
    before = weights(others)
    set_gradients([first, *others], 0)
    optimizer.step()
    assert any((x == y).any() for x, y in zip(before, others, strict=True))


def test_state_made_by_joining_goes_through_a_checkpoint(tmp_path):
    params = parameters()
    optimizer = optim.Nesterov(params)
    train(optimizer, params, 3)
    optimizer = optim.EMA(optim.Lookahead(optimizer, 2, pullback="pullback"), 0.5)
    halfway = train(optimizer, params, 2, start=3)
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    again = [torch.nn.Parameter(x) for x in halfway]
    resumed = optim.EMA(optim.Lookahead(optim.Nesterov(again), 2, pullback="pullback"), 0.5)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert_same(train(resumed, again, 7, start=5), train(optimizer, params, 7, start=5))
    assert_same(state_of(resumed), state_of(optimizer))


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


NEUTRAL = [
    (GradientNoiseWrapper(0.0),),
    (LookaheadWrapper(3, 1.0),),
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
