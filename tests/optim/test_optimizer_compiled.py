"""The compiled step on a CPU: what a rule does, as a program in C, is what the rule does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from cases_wrapped import ALL
from optim.lifts import gather
from optim.rule import Rule, Spec
from optimizer_cases import CASES, assert_same, needs_compiler, parameters, state_of, train, weights

import optim
from optim.compiled import kernels, trace
from optim.compiled.graph import Unsupported
from optim.ranges import ranged
from optim.rules.adam import Adam
from optim.rules.sgd import Momentum

QUICK = ("adamw", "wrapped_in_all", "momo_adam_fstar", "adamp", "lars")
LAYOUTS = ("channels_last", "empty", "one_row")
pytestmark = needs_compiler


def _programs(optimizer):
    """The prepared steps; that there are some says that torch.compile was not asked."""
    assert all(isinstance(x, kernels.Prepared) for x in optimizer.programs.values())
    return list(optimizer.programs.values())


def _trained(name, lift, params, **options):
    optimizer = CASES[name].build(params, lift=lift, **options)
    train(optimizer, params, 3, scheduler=torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9))
    memory = [x.data_ptr() for x in state_of(optimizer)]
    train(optimizer, params, 9, start=3)
    return optimizer, memory == [x.data_ptr() for x in state_of(optimizer)]


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CASES])
def test_the_program_does_what_the_rule_does(name):
    # float64 alone where all parameters count: what bfloat16 rounds would reach the others
    narrow = [] if CASES[name].joint else parameters(torch.bfloat16, seed=2)
    ours, theirs = parameters() + narrow, parameters()
    optimizer, stays = _trained(name, "compile", ours)
    other, _ = _trained(name, "loop", theirs)
    assert stays and len(_programs(optimizer)) == 1
    for x, y in zip(weights(ours[:4]) + state_of(optimizer), weights(theirs) + state_of(other), strict=False):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


def test_parameters_of_all_shapes_share_a_program():
    """What is compiled grows with the rule and not with the network, but for a parameter that is one number."""
    params = parameters(torch.float32, shapes=((3,), (4, 5), (2, 3, 2, 2), (7, 1)))
    optimizer = optim.AdamW(params, lift="compile")
    train(optimizer, params, 2)
    (prepared,) = _programs(optimizer)
    assert [len(layout.programs) for layout in prepared.layouts] == [1]


def test_a_schedule_makes_one_program():
    params = parameters(torch.float32)
    optimizer = optim.build(Adam(0.1), params, lift="compile")
    train(optimizer, params, 12, scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6))
    assert len(_programs(optimizer)) == 1


def test_a_weight_decay_of_0_is_none():
    """0 * inf is nan, so the program leaves out what a rule would: and is another one once the decay is not 0."""
    params = parameters()
    with torch.no_grad():
        params[1][0] = float("inf")
    optimizer = optim.Momentum(params, lift="compile")
    train(optimizer, params[2:], 1)
    params[1].grad = torch.ones_like(params[1])
    optimizer.step()
    assert params[1][0] == float("inf") and params[1][1:].isfinite().all()
    optimizer.param_groups[0]["weight_decay"] = 0.1
    optimizer.step()
    assert optimizer.state[params[1]]["v"][0] == float("inf") and len(_programs(optimizer)) == 3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["adam_l2", "adamp"])
def test_memory_of_any_layout(name, layout):
    def made():
        x = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        x = {
            "channels_last": x.contiguous(memory_format=torch.channels_last),
            "empty": x[:, :0],
            "one_row": x[:1],
        }[layout]
        return [torch.nn.Parameter(x), *parameters()]

    ours, theirs = made(), made()
    optimizer, _ = _trained(name, "compile", ours)
    _trained(name, "loop", theirs)
    assert len(_programs(optimizer)) == 1
    for x, y in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


def _refused(optimizer, match):
    for p in optimizer.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    with pytest.raises(Unsupported, match=match):
        kernels.Prepared(optimizer, list(gather(optimizer, None)))


def test_memory_with_holes_is_left_to_torch_compile():
    x = torch.randn(3, 4, dtype=torch.float64)
    _refused(CASES["adam"].build([torch.nn.Parameter(x[:, ::2])], lift="compile"), "holes")


def test_loaded_state_in_another_order_is_left_to_torch_compile():
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    optimizer = CASES["adam"].build(params := [torch.nn.Parameter(x)], lift="compile")
    train(optimizer, params, 2)
    saved = optimizer.state_dict()
    saved["state"][0] = {k: x.contiguous() if k != "step" else x for k, x in saved["state"][0].items()}
    optimizer.load_state_dict(saved)
    assert not optimizer.programs
    _refused(optimizer, "another layout")


def test_late_gradients_and_groups_have_their_own_count():
    results = []
    for lift in ("compile", "loop"):
        params, late = parameters(), parameters(seed=3)
        optimizer = optim.build(Adam(0.05), params, ALL, lift=lift)
        train(optimizer, params[:2], 3)
        train(optimizer, params, 3, start=3)
        optimizer.add_param_group({"params": late, "lr": 0.01, "betas": (0.5, 0.9)})
        train(optimizer, params + late, 3, start=6)
        results.append(weights(params + late))
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["momo", "lars", "adamp"])
def test_sums_do_not_depend_on_the_number_of_threads(name):
    results = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        params = parameters(torch.float32, shapes=((300, 400), (50,), (7, 5000)))
        optimizer = CASES[name].build(params, lift="compile")
        results.append(train(optimizer, params, 3))
        _programs(optimizer)
    assert_same(*results)


def test_a_nan_stays_in_its_parameter_and_the_gradient_as_it_was():
    params = parameters()
    optimizer = optim.AdaBound(params, lift="compile")
    train(optimizer, params, 1)
    for p in params:
        p.grad = torch.ones_like(p)
    params[2].grad[0, 0] = float("nan")
    kept = weights([p.grad for p in params])
    optimizer.step()
    assert [int(p.isnan().sum()) for p in params] == [0, 0, 1, 0]
    for x, p in zip(kept, params, strict=True):
        torch.testing.assert_close(x, p.grad, rtol=0, atol=0, equal_nan=True)
    assert len(_programs(optimizer)) == 1


def test_a_change_is_known_to_autograd():
    p = torch.nn.Parameter(torch.ones(3))
    y = (p * p).sum()
    p.grad = torch.ones(3)
    optim.SGD([p], lift="compile").step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@dataclass(frozen=True)
class Turned(Rule):
    """u <- u with its rows in reverse: no program knows how."""

    strength: float = ranged(1.0, "[0, inf)")

    def update(self, u, p, s, h, ctx):
        return (u.flip(0) if u.ndim else u) * h["strength"], s


@dataclass(frozen=True)
class Turning(Spec):
    name: ClassVar[str] = "turning"
    lr: float = 0.1

    def stages(self):
        return (Turned(),)


def _falls_back(spec, monkeypatch):
    """torch.compile is asked, here for the rule as it is."""
    asked = []
    monkeypatch.setattr(torch, "compile", lambda program, **_: asked.append(1) or program)
    results = []
    for lift in ("compile", "loop"):
        params = parameters()
        results.append(train(optim.build(spec, params, lift=lift), params, 3))
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
    return asked == [1]


def test_what_has_no_program_goes_to_torch_compile(monkeypatch):
    assert _falls_back(Turning(), monkeypatch)


def test_without_a_c_compiler_torch_compile_is_asked(monkeypatch):
    monkeypatch.setattr(kernels, "compiler", lambda: None)
    assert _falls_back(Momentum(0.1), monkeypatch)


def _recorded(function, *shape):
    x = torch.empty(shape, device="meta")
    recorder = trace.Recorder(x)
    recorder.known(x, "input", 0, "each")
    with recorder:
        return recorder.node(function(x))


def test_what_is_written_down_is_what_was_done_or_nothing():
    assert _recorded(lambda x: (x * x).sum(1), 3, 2).kind == "row"
    assert _recorded(lambda x: x.reshape(3, -1).norm(dim=1).amax(), 3, 2, 2).kind == "one"
    refused = [
        lambda x: x.sum(0),
        lambda x: x + x.sum(1),  # of 2 rows with 2 columns: along the wrong ones
        lambda x: x.t() + x,
        lambda x: x.cumsum(0),
        lambda x: x.norm(p=1),
        lambda x: (x.view(-1), x.add_(1))[0] + 0,  # a view of what has changed since
    ]
    for function in refused:
        with pytest.raises(Unsupported):
            _recorded(function, 2, 2)


def test_the_loop_keeps_its_memory():
    """An eager step makes no new state where its rule says ctx.own; that the numbers are foreach's is tested there."""
    for name in ("adamw", "amsgrad", "aggmo", "rmsprop", "nesterov", "lars"):
        optimizer, stays = _trained(name, "loop", parameters())
        assert stays, name
