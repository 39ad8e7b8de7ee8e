"""Schedule-Free, SWA, NT-ASGD: the authors' averages, hand-written loops around every method, what they refuse."""

from __future__ import annotations

import pytest
import schedulefree
import torch
from problem import both_backends, close, parameters, set_gradients, train, weights
from references import BETAS, DECAY, EPS, LR

import optim
from optim.rules.adam import AdamConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.sgd import MomentumConfig, SGDConfig
from optim.wrappers.nt_asgd import NTASGDWrapper
from optim.wrappers.schedule_free import ScheduleFreeWrapper
from optim.wrappers.swa import SWAWrapper
from optim.wrapping import state_to_start_anew

SCHEDULE_FREE = {
    "sgd": (
        SGDConfig(LR, weight_decay=DECAY),
        ScheduleFreeWrapper(0.8),
        lambda ps: schedulefree.SGDScheduleFree(ps, LR, 0.8, DECAY, warmup_steps=7),
    ),
    "adamw": (
        AdamWConfig(LR, (0.0, BETAS[1]), EPS, DECAY),
        ScheduleFreeWrapper(0.9, 2.0, 0.5),
        lambda ps: schedulefree.AdamWScheduleFree(ps, LR, (0.9, BETAS[1]), EPS, DECAY, 7, 2.0, 0.5),
    ),
}


def evaluated(optimizer, params):
    with optimizer.evaluation_weights():
        return weights(params)


@both_backends
@pytest.mark.parametrize("name", SCHEDULE_FREE)
def test_schedule_free_is_the_authors_optimizer_through_a_warm_up(name, backend):
    """At y, where both train, and at x, where both are evaluated; the learning rate falls in the end."""
    config, wrapper, reference = SCHEDULE_FREE[name]
    ours, theirs = parameters(), parameters()
    optimizer, other = optim.build(config, ours, [wrapper], backend=backend), reference(theirs)
    for step in range(24):
        other.train()
        later = 0.5 if step > 15 else 1.0
        optimizer.param_groups[0]["lr"] = LR * min((step + 1) / 7, 1) * later
        other.param_groups[0]["lr"] = LR * later  # its warm-up is inside
        close(train(optimizer, ours, 1, start=step), train(other, theirs, 1, start=step))
        other.eval()
        close(evaluated(optimizer, ours), theirs)


def test_schedule_free_is_its_loop_around_every_method():
    """Also around those that apply the learning rate themselves, and those with momentum of their own."""
    beta, steps = 0.7, 6
    for name, kind in optim.configs().items():
        ours, y = parameters(), parameters()
        optimizer, inner = optim.build(kind(), ours, [ScheduleFreeWrapper(beta)]), optim.build(kind(), y)
        z, x = weights(y), weights(y)
        for step in range(steps):
            before, after = weights(y), train(inner, y, 1, start=step)
            for i, p in enumerate(y):
                z[i] = z[i] + after[i] - before[i]
                x[i] = x[i] + (z[i] - x[i]) / (step + 1)
                p.data.copy_(beta * x[i] + (1 - beta) * z[i])
        try:
            # a step is read off two weights here, and x off y: each loses a digit or two
            close(train(optimizer, ours, steps), y, 1e-10)
            close(evaluated(optimizer, ours), x, 1e-10)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def test_schedule_frees_weights_count_steps_exactly_also_in_float32():
    params = parameters(torch.float32)
    optimizer = optim.ScheduleFree(optim.SGD(params, lr=0.1))
    optimizer.param_groups[0]["lr"] = 0.0
    train(optimizer, params, 2)  # steps at a rate of 0 count nothing
    optimizer.param_groups[0]["lr"] = 0.1
    train(optimizer, params, 1000, start=2)
    assert {s["schedule_free.weight_sum"].item() for s in optimizer.state.values()} == {1000.0}


@both_backends
@pytest.mark.parametrize("start, every", [(1, 1), (4, 1), (3, 5)])
def test_swa_is_torchs_averaged_model(start, every, backend):
    params, plain = parameters(), parameters()
    optimizer = optim.build(AdamConfig(0.05), params, [SWAWrapper(start, every)], backend=backend)
    inner, model = torch.optim.Adam(plain, lr=0.05), torch.nn.ParameterList(plain)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    for step in range(14):
        train(optimizer, params, 1, start=step)
        train(inner, plain, 1, start=step)
        close(params, plain)
        if step + 1 >= start and (step + 1 - start) % every == 0:
            averaged.update_parameters(model)
        close(evaluated(optimizer, params), list(averaged.parameters()) if step + 1 >= start else plain)


def test_swa_put_around_in_mid_training_averages_what_it_has_seen():
    params, seen = parameters(), []
    optimizer = optim.Momentum(params, 0.05)
    train(optimizer, params, 5)
    optimizer = optim.SWA(optimizer, start=2, every=2)
    close(evaluated(optimizer, params), weights(params))
    for step in range(5, 10):
        now = train(optimizer, params, 1, start=step)
        seen += [now] if step % 2 else []
    close(evaluated(optimizer, params), [torch.stack(xs).mean(0) for xs in zip(*seen, strict=True)])


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@both_backends
def test_nt_asgd_is_the_authors_switch_to_torchs_asgd(backend, float64):
    """torch's ASGD keeps its rates in float64 where that is the default. Each epoch goes on from a saved state."""
    ours, theirs, losses, switched = parameters(), parameters(), [], []
    config, wrapper = SGDConfig(LR, weight_decay=DECAY), NTASGDWrapper(2)
    optimizer, other = optim.build(config, ours, [wrapper], backend=backend), None
    sgd = torch.optim.SGD(theirs, lr=LR, weight_decay=DECAY)
    for epoch, loss in enumerate([5, 4, 3, 3.5, 4.5, 6, 1, 2]):
        train(optimizer, ours, 3, start=3 * epoch)
        train(other or sgd, theirs, 3, start=3 * epoch)
        close(ours, theirs)
        close(evaluated(optimizer, ours), [other.state[p]["ax"] for p in theirs] if other else theirs)
        if other is None and len(losses) > 2 and loss > min(losses[:-2]):
            other = torch.optim.ASGD(theirs, lr=LR, t0=0, lambd=0.0, weight_decay=DECAY)
        losses.append(loss)
        switched.append(optimizer.end_epoch(losses))
        saved, optimizer = optimizer.state_dict(), optim.build(config, ours, [wrapper], backend=backend)
        optimizer.load_state_dict(saved)
    assert switched == [False] * 4 + [True] + [False] * 3


def test_nt_asgd_started_anew_averages_from_the_first_step(float64):
    ours, plain = parameters(), parameters()
    optimizer = optim.NTASGD(optim.build(AggMoConfig(LR), ours), n=1)
    assert not any(state_to_start_anew(optimizer, optimizer.state_dict()).values())
    train(optimizer, ours, 3)
    new = {**optimizer.state_dict(), "state": state_to_start_anew(optimizer, optimizer.state_dict())}
    assert all(state["nt_asgd.steps"] == -1 for state in new["state"].values()), "as it has not begun"
    optimizer.end_epoch([1.0, 2.0, 3.0])
    train(optimizer, ours, 4)
    mean = evaluated(optimizer, ours)
    new = {**optimizer.state_dict(), "state": state_to_start_anew(optimizer, optimizer.state_dict())}
    for p, q, m in zip(ours, plain, mean, strict=True):
        p.data.copy_(m)
        q.data.copy_(m)
    optimizer.load_state_dict(new)
    other = optim.build(AggMoConfig(LR), plain)
    seen = []
    for step in range(4):
        train(optimizer, ours, 1, start=step)
        seen.append(train(other, plain, 1, start=step))
    close(ours, plain)
    close(evaluated(optimizer, ours), [torch.stack(xs).mean(0) for xs in zip(*seen[1:], strict=True)])


def test_nt_asgd_triggers_as_the_authors_list_of_losses_does():
    generator, triggers = torch.Generator().manual_seed(0), set()
    for length in range(1, 40):
        losses, n = torch.rand(length, generator=generator).add(length * 0.02).tolist(), 1 + length % 6
        authors = [i for i in range(length) if len(losses[:i]) > n and losses[i] > min(losses[:i][:-n])]
        triggers.add(NTASGDWrapper(n).trigger(losses))
        assert NTASGDWrapper(n).trigger(losses) == next(iter(authors), None)
    assert {None, 2} < triggers


def test_nt_asgd_leaves_a_methods_steps_alone():
    params, plain, losses, seen = parameters(), parameters(), [1.0, 0.5, 2.0, 3.0, 4.0, 5.0], []
    optimizer, other = optim.NTASGD(optim.build(AggMoConfig(LR), params), n=1), optim.build(AggMoConfig(LR), plain)
    for step in range(6):
        seen.append(train(optimizer, params, 1, start=step))
        close(params, train(other, plain, 1, start=step))
        optimizer.end_epoch(losses[: step + 1])
    close(evaluated(optimizer, params), [torch.stack(xs).mean(0) for xs in zip(*seen[4:], strict=True)])


def test_a_configurations_epochs_become_steps():
    assert SWAWrapper(20, 3).in_steps(7) == SWAWrapper(140, 21)
    assert ScheduleFreeWrapper(0.8).in_steps(7) == ScheduleFreeWrapper(0.8)


@pytest.mark.parametrize(
    "pair",
    [("lookahead", "schedule_free"), ("ema", "schedule_free"), ("swa", "schedule_free"), ("ema", "swa")]
    + [(name, "nt_asgd") for name in ("ema", "swa", "schedule_free")],
)
def test_two_averages_and_two_movers_of_the_weights_are_refused(pair):
    for names in (pair, pair[::-1]):
        with pytest.raises(ValueError, match=f"{pair[1]}: not together with {pair[0]}: "):
            optim.build(MomentumConfig(), parameters(), [optim.wrappers()[name]() for name in names])
    params = parameters()
    optimizer = optim.ScheduleFree(optim.Momentum(params))
    with pytest.raises(ValueError, match="not together with lookahead"):
        optim.Lookahead(optimizer)
    set_gradients(params, 0)
    optimizer.step()
