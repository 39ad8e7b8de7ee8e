"""backend=compile does what the loop does: for every method, and whatever happens to a parameter between two steps.

Programs run as plain Python ("uncompiled") or as torch.compile traces them, without code generation ("traced"); the
tests by inductor are slow.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch
from cases import ALL, CASES, every_case
from problem import close, needs_cpp, parameters, state_of, train, weights

import optim
from optim.backends import BACKENDS
from optim.compile_backend import MIN_NUMEL, CompileBackend, compiled_apart
from optim.rules.adam import AdamConfig

# two vectors and four matrices take programs, the last three parameters are too small
SHAPES = ((MIN_NUMEL + 3,), (MIN_NUMEL,), (260, 127), (127, 260), (182, 182), (64, 64, 3, 3), (5,), (4, 3), ())
METHODS = ("momentum_damped", "nesterov", "adam_l2", "adamw", "aggmo_l2", "radam", "momo", "adamp")
INDUCTOR = (
    *("momentum_damped", "adamw", "aggmo_l2", "radam", "noisy_lookahead", "momo_adam_fstar", "adamp", "lars"),
    "adafactor_fixed_rate",
)
GUARD = 3  # elements; odd, so that the parameter between them is not aligned


class Counter:
    """A torch.compile backend that generates no code and counts the graphs that it is given."""

    def __init__(self):
        self.graphs = 0

    def __call__(self, graph, inputs):
        self.graphs += 1
        return graph.forward


@pytest.fixture(autouse=True)
def counter(monkeypatch):
    counter = Counter()
    traced = CompileBackend(lambda function: compiled_apart(function, dynamic=True, backend=counter))
    monkeypatch.setitem(BACKENDS, "traced", traced)
    monkeypatch.setitem(BACKENDS, "uncompiled", CompileBackend(lambda function: function))
    return counter


def _trained(name, backend, shapes=SHAPES, dtype=torch.float64, steps=6):
    params = parameters(dtype, shapes)
    optimizer = CASES[name].build(params, backend=backend)
    train(optimizer, params, 3, scheduler=torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9))
    train(optimizer, params, steps - 3, start=3)
    return optimizer, weights(params) + state_of(optimizer)


def _close(ours, theirs, tolerance=1e-11):
    close(ours, theirs, tolerance)


@every_case
def test_programs_do_what_the_loop_does(name):
    optimizer, ours = _trained(name, "uncompiled")
    _close(ours, _trained(name, "loop")[1])
    # for vectors and for matrices, before and after each sum over all parameters
    expected = 0 if optimizer.pipeline.eager_only else 2 * (1 + len(optimizer.pipeline.reductions))
    assert len(optimizer.programs) == expected


def test_torch_compile_can_trace_the_programs(counter):
    _close(_trained("adamp", "traced")[1], _trained("adamp", "loop")[1])
    assert counter.graphs


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize("name", INDUCTOR)
@pytest.mark.filterwarnings("ignore")
def test_inductor_is_close_to_the_loop(name):
    """25 steps in float32."""
    ours, theirs = (_trained(name, backend, dtype=torch.float32, steps=25)[1] for backend in ("compile", "loop"))
    scale = max(x.abs().max().item() for x in theirs)
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=2e-6 * scale)


def test_steps_schedules_and_more_tensors_compile_nothing(counter):
    params = parameters(torch.float32, ((260, 127), (MIN_NUMEL,)))
    optimizer = optim.AdamW(params, backend="traced")
    train(optimizer, params, 1)
    assert counter.graphs == len(optimizer.programs) == 2
    train(optimizer, params, 12, start=1, scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6))
    more = parameters(torch.float32, ((400, 100), (60, 70, 3, 3), (MIN_NUMEL + 1,), (50, 30, 5, 5)), seed=1)
    more[1].data = more[1].data.contiguous(memory_format=torch.channels_last)
    optimizer.add_param_group({"params": more, "lr": 0.01, "betas": (0.5, 0.9)})
    train(optimizer, params + more, 3, start=13)
    assert counter.graphs == len(optimizer.programs) == 2


def test_the_state_keeps_its_memory():
    params = parameters(shapes=SHAPES)
    optimizer = optim.AMSGrad(params, backend="uncompiled")
    train(optimizer, params, 1)
    addresses = [x.data_ptr() for x in state_of(optimizer)]
    train(optimizer, params, 3, start=1)
    assert [x.data_ptr() for x in state_of(optimizer)] == addresses


def _guarded(x):
    """x in the middle of a larger tensor, and what lies before and behind it."""
    whole = torch.full((x.numel() + 2 * GUARD,), 7.0, dtype=x.dtype)
    inside = whole[GUARD:-GUARD].view(x.shape).copy_(x)
    return inside, torch.cat([whole[:GUARD], whole[-GUARD:]])


def _edge(p):
    """What lies beside a guarded parameter now."""
    whole = p.detach().as_strided((p.numel() + 2 * GUARD,), (1,), p.storage_offset() - GUARD)
    return torch.cat([whole[:GUARD], whole[-GUARD:]])


REPLACEMENTS = {
    "smaller": lambda x: x[:257, :128],
    "smaller_by_rows": lambda x: x[:-1],
    "tiny": lambda x: x[:2, :2],
    "larger": lambda x: torch.cat([x, x]),
    "vector": lambda x: x.flatten(),
    "float32": lambda x: x.float(),
    "bfloat16": lambda x: x.bfloat16(),
}
# bfloat16 rounds up or down what differs in the last bits of float32
TOLERANCES = {"float32": 1e-5, "bfloat16": 2e-2}


def _replaced(name, backend, change, keep_state=True):
    """Steps, another tensor in place of a parameter's, and steps: the error, if any, weights, state and guards."""
    params = parameters(shapes=((280, 130), (MIN_NUMEL,), (4, 3)))
    optimizer = CASES[name].build(params, backend=backend)
    train(optimizer, params, 2)
    p = params[0]
    p.grad = None
    p.data, before = _guarded(change(p.detach()).contiguous())
    if not keep_state:
        del optimizer.state[p]
    error = None
    try:
        train(optimizer, params, 2, start=2)
    except RuntimeError as raised:
        error = str(raised)
    assert torch.equal(_edge(p), before), "written outside of the parameter"
    return error, weights(params) + state_of(optimizer)


@pytest.mark.parametrize("change", REPLACEMENTS)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_a_replaced_parameter_is_the_loops(name, change):
    (error, ours), (expected, theirs) = (_replaced(name, x, REPLACEMENTS[change]) for x in ("uncompiled", "loop"))
    assert error == expected
    _close(ours, theirs, TOLERANCES.get(change, 1e-11))


@pytest.mark.parametrize("change", REPLACEMENTS)
@pytest.mark.parametrize("name", METHODS)
def test_a_replaced_parameter_with_new_state(name, change):
    (error, ours), (_, theirs) = (_replaced(name, x, REPLACEMENTS[change], False) for x in ("uncompiled", "loop"))
    assert error is None
    _close(ours, theirs, TOLERANCES.get(change, 1e-11))


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, "smaller") for name in METHODS),
        *product(("momentum_damped", "aggmo_l2", "momo"), ("vector", "float32")),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_inductor_stays_inside_a_replaced_parameter(name, change):
    (error, ours), (_, theirs) = (_replaced(name, x, REPLACEMENTS[change], False) for x in ("compile", "loop"))
    assert error is None
    _close(ours, theirs, 1e-5 if change == "float32" else 1e-9)


LAYOUTS = {
    "every_second_column": lambda: torch.zeros(280, 260, dtype=torch.float64)[:, ::2],
    "transposed": lambda: torch.zeros(130, 280, dtype=torch.float64).t(),
    "part_of_a_flat_buffer": lambda: torch.zeros(280 * 130 + 1, dtype=torch.float64)[1:].view(280, 130),
}


@pytest.mark.parametrize("when", [0, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", METHODS)
def test_memory_of_any_layout(name, layout, when):
    results = []
    for backend in ("uncompiled", "loop"):
        params = parameters(shapes=((280, 130), (260, 127)))
        optimizer = CASES[name].build(params, backend=backend)
        train(optimizer, params, when)
        params[0].data = LAYOUTS[layout]().copy_(params[0].detach())
        train(optimizer, params, 2, start=when)
        results.append(weights(params) + state_of(optimizer))
    _close(*results)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex128])
@pytest.mark.parametrize("name", ["adamw", "momentum_damped"])
def test_narrow_and_complex_parameters(name, dtype):
    optimizer, ours = _trained(name, "uncompiled", dtype=dtype)
    _close(ours, _trained(name, "loop", dtype=dtype)[1], 2e-2 if dtype == torch.bfloat16 else 1e-11)
    assert optimizer.programs


def test_loaded_states_late_gradients_new_groups_and_frozen_parameters():
    results = []
    for backend in ("uncompiled", "loop"):
        params, late = parameters(shapes=SHAPES), parameters(shapes=SHAPES[1:4], seed=3)
        optimizer = optim.build(AdamConfig(0.05), params, ALL, backend=backend)
        train(optimizer, params[:3], 3)
        train(optimizer, params, 3, start=3)
        optimizer.add_param_group({"params": late, "lr": 0.01, "betas": (0.5, 0.9)})
        train(optimizer, params + late, 2, start=6)
        params[2].grad = params[7].grad = None
        train(optimizer, params[:2] + late, 2, start=8)
        params[0].requires_grad_(False)
        params[0].grad = None
        saved = optimizer.state_dict()
        train(optimizer, params[1:] + late, 2, start=10)
        optimizer.load_state_dict(saved)
        train(optimizer, params[1:], 2, start=12)
        results.append(weights(params + late) + state_of(optimizer))
    _close(*results)


def test_what_is_zero_is_left_out_until_it_no_longer_is():
    """0 * inf is nan: a weight decay of 0 has to be none."""
    params = parameters(shapes=SHAPES[:1])
    with torch.no_grad():
        params[0][0] = float("inf")
    optimizer = optim.Momentum(params, backend="uncompiled")
    params[0].grad = torch.ones_like(params[0])
    optimizer.step()
    assert params[0][0] == float("inf") and params[0][1:].isfinite().all()
    optimizer.param_groups[0]["weight_decay"] = 0.1
    optimizer.step()
    assert optimizer.state[params[0]]["v"][0] == float("inf") and len(optimizer.programs) == 2


def test_a_learning_rate_may_be_a_tensor():
    results = []
    for backend in ("uncompiled", "loop"):
        params = parameters(shapes=SHAPES)
        optimizer = optim.AdamW(params, backend=backend)
        optimizer.param_groups[0]["lr"] = torch.tensor(0.01, dtype=torch.float64)
        results.append(train(optimizer, params, 3))
    _close(*results)


@needs_cpp
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_step_by_inductor_is_known_to_autograd():
    p = torch.nn.Parameter(torch.ones(MIN_NUMEL))
    y = (p * p).sum()
    p.grad = torch.ones_like(p)
    optim.SGD([p], backend="compile").step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.slow
def test_more_optimizers_than_torch_compile_allows_programs_for_one_function(counter):
    for n in range(10):
        params = parameters(torch.float32, shapes=((MIN_NUMEL + n,),))
        before = weights(params)
        train(optim.Momentum(params, backend="traced"), params, 1)
        assert not torch.equal(params[0], before[0])
    assert counter.graphs == 10
