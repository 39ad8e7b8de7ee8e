"""Properties in the face of all kinds of gradients and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from .candidate import Candidate, NotApplicable, copies, set_gradients, tensors_of
from .checks import HALF, check, equal, evaluated


@check("p.grad is left as it is, and nothing in the state is an alias")
def gradients_untouched(candidate: Candidate) -> None:
    for backend, maximize in product(candidate.backends, candidate.directions):
        params = candidate.parameters() + candidate.parameters(HALF)
        optimizer = candidate.build(params, backend=backend, maximize=maximize)
        for n in range(7):
            loss = set_gradients(params, n)
            given, kept = [p.grad for p in params], copies(p.grad for p in params)  # type: ignore
            candidate.step(optimizer, loss)
            assert all(p.grad is g for p, g in zip(params, given, strict=True)), f"p.grad was replaced ({backend})"
            equal(given, kept, f"p.grad was changed ({backend})")  # type: ignore
        places = [x.data_ptr() for x in [*tensors_of(optimizer), *params, *given] if x.numel()]  # type: ignore
        assert len(set(places)) == len(places), f"state shares memory with a gradient, a weight or itself ({backend})"


@check("gradients that are None leave parameter and state alone; a late one counts its own steps")
def none_and_late(candidate: Candidate) -> None:
    for backend in candidate.backends:
        params = candidate.parameters()
        late, start = params[2], params[2].detach().clone()
        optimizer = candidate.build(params, backend=backend)
        _train_some(candidate, optimizer, params, [0, 1, 3], 5)
        assert torch.equal(late, start) and not optimizer.state.get(late), (
            f"it was moved without a gradient ({backend})"
        )
        candidate.train(optimizer, params, 3)
        steps = [optimizer.state[p]["step"] for p in (params[0], late)] if candidate.is_own else [8, 3]
        assert steps == [8, 3], f"steps counted: {steps[0]} of 8, {steps[1]} of the late parameter's 3 ({backend})"
        if not candidate.is_global:
            alone = candidate.parameters()
            _train_some(candidate, candidate.build(alone, backend=backend), alone, [2], 3)
            equal([late], [alone[2]], f"the late parameter is not where it would be alone ({backend})")
        params = candidate.parameters()
        before, nothing = copies(params), candidate.build(params, backend=backend)
        candidate.step(nothing, torch.ones(()))
        assert not nothing.state, f"a step without any gradient made state ({backend})"
        equal(params, before, f"a step without any gradient moved a parameter ({backend})")


def _train_some(
    candidate: Candidate, optimizer: Any, params: Sequence[Tensor], chosen: Sequence[int], steps: int
) -> None:
    """Train with gradients for the chosen parameters alone."""
    for n in range(steps):
        loss = set_gradients(params, n)
        for i, p in enumerate(params):
            if i not in chosen:
                p.grad = None
        candidate.step(optimizer, loss)


@check("zero gradients give finite steps")
def zero_gradients(candidate: Candidate) -> None:
    params = candidate.parameters()
    optimizer = candidate.build(params)
    for _ in range(12):
        for p in params:
            p.grad = torch.zeros_like(p)
        candidate.step(optimizer, torch.ones(()))
    assert all(bool(x.isfinite().all()) for x in [*params, *tensors_of(optimizer)]), "not finite on zero gradients"


@check("a nan gradient reaches no other parameter")
def nan_gradient(candidate: Candidate) -> None:
    if candidate.is_global:
        raise NotApplicable("it looks at all parameters at once, so a nan may reach them all")
    for backend in candidate.backends:
        params, healthy = candidate.parameters(), candidate.parameters()
        optimizer = candidate.build(params, backend=backend)
        loss = set_gradients(params, 0)
        params[1].grad[0] = float("nan")  # type: ignore
        candidate.step(optimizer, loss)
        candidate.train(candidate.build(healthy, backend=backend), healthy, 1)
        equal([params[0], *params[2:]], [healthy[0], *healthy[2:]], f"a nan has changed another parameter ({backend})")


@check("0-dim and empty parameters")
def scalars_and_empty(candidate: Candidate) -> None:
    for backend in candidate.backends:
        params = candidate.parameters(shapes=((), (0,), (3, 0), (1, 1)))
        before, moved = copies(params), set[int]()

        def watch(params: Any = params, before: Any = before, moved: set[int] = moved) -> None:
            # after every step: the steps of a method of signs may lead back to where it began
            moved.update(i for i, (x, p) in enumerate(zip(before, params, strict=True)) if not torch.equal(x, p))

        after = candidate.train(candidate.build(params, backend=backend), params, 13, after=watch)
        for i in (0, 3):
            assert i in moved, f"the parameter of shape {tuple(before[i].shape)} has not moved ({backend})"
        assert all(bool(x.isfinite().all()) for x in after), f"not finite beside empty parameters ({backend})"


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels_last": lambda x: x.clone(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
}


@check("the memory format, channels_last or transposed, is kept and changes nothing")
def memory_format(candidate: Candidate) -> None:
    for backend, (layout, arranged), same in product(candidate.backends, LAYOUTS.items(), (False, True)):
        case = f"({backend}, {layout}, {'so' if same else 'contiguous'} the gradient)"
        plain = candidate.parameters(shapes=((4, 3, 5, 2),))
        odd = torch.nn.Parameter(arranged(plain[0].detach()))
        strides = odd.stride()
        a, b = candidate.build(plain, backend=backend), candidate.build([odd], backend=backend)
        for n in range(7):
            loss = set_gradients(plain, n)
            odd.grad = arranged(plain[0].grad) if same else plain[0].grad.clone()  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, loss)
        # sums over a tensor may run in the order of memory
        close = torch.allclose(odd, plain[0], rtol=1e-12, atol=1e-14)
        assert close, f"other weights than for a contiguous parameter {case}"
        like = [x for x in [odd, *tensors_of(b)] if x.shape == odd.shape]
        assert all(x.stride() == strides for x in like), f"the memory format is not kept {case}"


@check("complex parameters are their real view")
def complex_view(candidate: Candidate) -> None:
    for backend in candidate.backends:
        x = candidate.parameters(shapes=((3, 4, 2),))
        z = [torch.nn.Parameter(torch.view_as_complex(x[0].detach().clone()))]
        a, b = candidate.build(z, backend=backend), candidate.build(x, backend=backend)
        for n in range(8):
            loss = set_gradients(x, n)
            z[0].grad = torch.view_as_complex(x[0].grad.clone())  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, loss)
        ours = [torch.view_as_real(weight) for weight in evaluated(candidate, a, z)]
        equal(ours, evaluated(candidate, b, x), f"other weights than those of the real view ({backend})")


@check("sparse gradients are refused")
def sparse(candidate: Candidate) -> None:
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    before = copies(embedding.parameters())
    embedding(torch.tensor([1, 2])).sum().backward()
    for backend in candidate.backends:
        optimizer = candidate.build(embedding.parameters(), backend=backend)
        try:
            candidate.step(optimizer, torch.ones(()))
        except Exception as error:
            kinds = (ValueError, RuntimeError, NotImplementedError)
            assert isinstance(error, kinds) or not candidate.is_own, f"it raises {type(error).__name__}"
            assert not optimizer.state, f"the refused step made state ({backend})"
            equal(embedding.parameters(), before, f"the refused step moved the parameter ({backend})")
        else:
            if not candidate.is_own:
                raise NotApplicable("it accepts them")
            raise AssertionError(f"a sparse gradient was accepted ({backend})")


@check("maximize is descent on negated gradients")
def maximize(candidate: Candidate) -> None:
    if True not in candidate.directions:
        raise NotApplicable("it has no maximize")
    for backend in candidate.backends:
        up, down = candidate.parameters(), candidate.parameters()
        a, b = candidate.build(up, backend=backend, maximize=True), candidate.build(down, backend=backend)
        for n in range(8):
            loss = set_gradients(up, n)
            for p, q in zip(up, down, strict=True):
                q.grad = -p.grad  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, -loss)
        equal(up, down, f"other weights ({backend})")
