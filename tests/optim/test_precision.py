"""State that was saved under weights of another dtype: it goes on in the dtype that state made afresh would have."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from cases import CASES, every_case
from problem import assert_same, both_backends, parameters, state_of, train

from optim.optimizer import ComposedOptimizer
from optim.stacked import StackedOptimizers

DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
SHAPES = ((), (5,), (4, 3))


def _saved(case, dtypes, backend="loop"):
    """The state_dict after three steps on parameters of these dtypes, a group each."""
    groups = [parameters(dtype, SHAPES) for dtype in dtypes]
    params = [p for group in groups for p in group]
    optimizer = case.build([{"params": group} for group in groups], backend=backend)
    train(optimizer, params, 3)
    return optimizer.state_dict()


def _by_hand(state, dtype):
    return {name: x.to(dtype) if isinstance(x, torch.Tensor) else x for name, x in state.items()}


def _check(name, saved_dtypes, loaded_dtypes, backend):
    case = CASES[name]
    saved = _saved(case, saved_dtypes, backend)
    working = [torch.float64 if dtype is torch.float64 else torch.float32 for dtype in loaded_dtypes]
    of_parameter = [dtype for dtype in working for _ in SHAPES]
    first = {k: x.to(working[0]) if isinstance(x, torch.Tensor) else x for k, x in saved["param_groups"][0].items()}
    by_hand = {
        "state": {i: _by_hand(s, of_parameter[i]) for i, s in saved["state"].items()},
        "param_groups": [first, *saved["param_groups"][1:]],
    }

    def resumed(state_dict) -> tuple[ComposedOptimizer, list[torch.Tensor]]:
        groups = [parameters(dtype, SHAPES, seed=1) for dtype in loaded_dtypes]
        params = [p for group in groups for p in group]
        optimizer = case.build([{"params": group} for group in groups], backend=backend)
        optimizer.load_state_dict(state_dict)
        return optimizer, train(optimizer, params, 4, start=3)

    (a, weights), (b, expected) = resumed(saved), resumed(by_hand)
    assert_same(weights, expected)
    assert_same(state_of(a), state_of(b))
    kinds = [{x.dtype for x in s.values() if isinstance(x, torch.Tensor)} for s in a.state.values()]
    assert all(kind <= {dtype} for kind, dtype in zip(kinds, of_parameter, strict=True))
    assert {a.param_groups[0][key].dtype for key in a.pipeline.global_state} <= {working[0]}


@every_case
@both_backends
def test_groups_of_mixed_dtypes_load_into_others(name, backend):
    """Every dtype into another one, at once: a group for each."""
    _check(name, DTYPES, (*DTYPES[1:], DTYPES[0]) if backend == "loop" else DTYPES[::-1], backend)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_pair_of_dtypes(name):
    """What is loaded does not depend on the backend, and the steps after it are tested above with both."""
    for saved, loaded in product(DTYPES, DTYPES):
        _check(name, (saved,), (loaded,), "loop")


def test_stacked_runs_go_on_in_the_dtype_of_their_weights():
    case = CASES["wrapped_in_all"]
    saved, members = _saved(case, (torch.float64,)), []
    for seed in range(2):
        members.append(case.build(parameters(torch.float32, SHAPES, seed=seed)))
        members[-1].load_state_dict(saved)
    runs = StackedOptimizers(members)
    assert runs.t == 3 and {x.dtype for s in runs.states for x in s.values()} == {torch.float32}


def test_state_takes_the_memory_format_of_its_parameter():
    case = CASES["adam_l2"]
    plain = parameters(torch.float32, ((4, 3, 5, 2),))
    optimizer = case.build(plain)
    train(optimizer, plain, 2)
    odd = [torch.nn.Parameter(plain[0].detach().clone(memory_format=torch.channels_last))]
    resumed = case.build(odd)
    resumed.load_state_dict(optimizer.state_dict())
    assert {x.stride() for x in state_of(resumed)} == {odd[0].stride()}
    assert_same(state_of(resumed), state_of(optimizer))
