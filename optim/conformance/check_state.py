"""Properties of the state: checkpoints, copies, dtypes, purity."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..external.resume_check import through_a_file
from ..pipeline import BoundTransform
from ..transform import Context, GlobalTransform
from .candidate import Candidate, copies, tensors_of
from .checks import HALF, check, equal, goes_on


@check("it moves every parameter that has a gradient, and stays finite")
def moves(candidate: Candidate) -> None:
    params = candidate.parameters()
    before = copies(params)
    after = candidate.train(candidate.build(params), params, 30)
    for x, y in zip(before, after, strict=True):
        assert bool(y.isfinite().all()), "a weight is not finite after 30 steps on bounded gradients"
        assert not torch.equal(x, y), f"a parameter of shape {tuple(x.shape)} has not moved in 30 steps"


@check("the state keeps its names and sizes, and counts its steps")
def state_size(candidate: Candidate) -> None:
    for backend in candidate.backends:
        params = candidate.parameters()
        optimizer = candidate.build(params, backend=backend)
        candidate.train(optimizer, params, 2)
        before = _described(optimizer, params)
        candidate.train(optimizer, params, 10, start=2)
        assert _described(optimizer, params) == before, f"the state has other names or sizes after 12 steps ({backend})"
        steps = {optimizer.state[p]["step"] for p in params} if candidate.is_own else {12}
        assert steps == {12}, f"{steps} steps are counted, not 12 ({backend})"


def _described(optimizer: Any, params: list[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """Type of every value of the state, or shape and dtype for tensors."""
    return [
        {n: (x.shape, x.dtype) if isinstance(x, Tensor) else type(x) for n, x in optimizer.state[p].items()}
        for p in params
    ]


@check("resume through torch.save and weights_only goes on")
def resume(candidate: Candidate) -> None:
    for backend in candidate.backends:
        params = candidate.parameters()
        optimizer = candidate.build(params, backend=backend, seed=7)
        halfway = candidate.train(optimizer, params, 7)
        saved = through_a_file(optimizer.state_dict())
        kept = copy.deepcopy(saved)
        again = [torch.nn.Parameter(x) for x in halfway]
        resumed = candidate.build(again, backend=backend)
        resumed.load_state_dict(saved)
        goes_on(candidate, optimizer, params, resumed, again, 7, f"resumed ({backend})")
        for n, state in kept["state"].items() if candidate.is_own else ():  # torch's own loading shares tensors
            names = [name for name, x in state.items() if isinstance(x, Tensor)]
            equal([saved["state"][n][k] for k in names], [state[k] for k in names], "the loaded dict was changed")


@check("deepcopy goes on")
def deep_copy(candidate: Candidate) -> None:
    _copied(candidate, copy.deepcopy)


@check("pickle goes on")
def pickled(candidate: Candidate) -> None:
    _copied(candidate, lambda x: pickle.loads(pickle.dumps(x)))


def _copied(candidate: Candidate, copied: Callable[[Any], Any]) -> None:
    params = candidate.parameters()
    optimizer = candidate.build(params, seed=3)
    candidate.train(optimizer, params, 4)
    twin = copied(optimizer)
    assert type(twin) is type(optimizer), "the copy is another optimizer"
    assert repr(twin) == repr(optimizer) or not candidate.is_own, "the copy is another optimizer"
    for name in ("config", "wrap", "backend") if candidate.is_own else ():
        assert getattr(twin, name) == getattr(optimizer, name), f"the copy has another {name}"
    goes_on(candidate, optimizer, params, twin, twin.param_groups[0]["params"], 4, "the copy")


@check("transforms write into their own state only", own_only="it has no transforms")
def no_other_writes(candidate: Candidate) -> None:
    params = candidate.parameters(shapes=((4, 3),))
    optimizer = candidate.build(params)
    group, p, pipeline = optimizer.param_groups[0], params[0].detach(), optimizer.pipeline
    state = {name: x + 0.1 for name, x in pipeline.init(p, group).items() if name != "step"}
    for bound, t in product(pipeline.bound_transforms, (1, 2, 12, 60)):
        u, names = torch.sin(p), list(state)
        kept = copies([u, p])
        ctx = Context(t, u, torch.tensor(0.5), {bound.label: torch.full_like(p, 0.3)})
        _call(bound, u, p, state, group, ctx)
        equal([u, p], kept, f"{bound.label}: wrote into the update, the gradient or the parameter")
        assert list(state) == names, f"{bound.label}: changed the names in the state"
        places = [x.data_ptr() for x in (u, p, *state.values())]
        assert len(set(places)) == len(places), f"{bound.label}: state shares memory with what it was given"


def _call(bound: BoundTransform, u: Tensor, p: Tensor, s: dict[str, Any], group: dict[str, Any], ctx: Context) -> None:
    """Everything that a step calls of a transform."""
    h = bound.hyper(group)
    if isinstance(bound.transform, GlobalTransform):
        ctx.global_state = bound.global_state(group)
        terms = bound.local_terms(u, p, s, h, ctx)
        ctx.reduced = bound.transform.for_group(bound.reduce(terms, dict(group), ctx), h)
    bound.update(u, p, s, h, ctx)
    if bound.has_post_update():
        bound.post_update(p, s, h, ctx)


OWN_PRECISION = "its state's precision is its own choice"


@check("parameters of 16 bits have float32 state, also after loading", own_only=OWN_PRECISION)
def half(candidate: Candidate) -> None:
    for backend, dtype in product(candidate.backends, (torch.bfloat16, torch.float16)):
        params = candidate.parameters(dtype)
        optimizer = candidate.build(params, backend=backend)
        halfway = candidate.train(optimizer, params, 4)
        again = [torch.nn.Parameter(x) for x in halfway]
        resumed = candidate.build(again, backend=backend)
        resumed.load_state_dict(through_a_file(optimizer.state_dict()))
        kinds = {x.dtype for x in [*tensors_of(optimizer), *tensors_of(resumed)]}
        assert kinds <= {torch.float32}, f"state of dtypes {sorted(map(str, kinds))} ({backend})"
        goes_on(candidate, optimizer, params, resumed, again, 4, f"resumed in {dtype} ({backend})")


@check("state saved in another precision goes on in the working one", own_only=OWN_PRECISION)
def other_precision(candidate: Candidate) -> None:
    narrow, wide = torch.float32, torch.float64
    for backend, (saved, loaded) in product(
        candidate.backends, ((HALF, wide), (narrow, wide), (wide, narrow), (wide, HALF))
    ):
        params, where = candidate.parameters(saved), f"loaded from {saved} into {loaded} ({backend})"
        optimizer = candidate.build(params, backend=backend)
        candidate.train(optimizer, params, 3)
        again, others = candidate.parameters(loaded), candidate.parameters(loaded)
        fresh, resumed = (candidate.build(ps, backend=backend) for ps in (others, again))
        resumed.load_state_dict(optimizer.state_dict())
        candidate.train(fresh, others, 1)
        wanted = [x.to(like.dtype) for x, like in zip(tensors_of(optimizer), tensors_of(fresh), strict=True)]
        equal(tensors_of(resumed), wanted, f"other state {where}")
        candidate.train(resumed, again, 3, start=3)
        kept = [x.dtype == y.dtype for x, y in zip(tensors_of(resumed), wanted, strict=True)]
        assert all(kept), f"the state's dtype changes {where}"
