"""Properties in the face of all kinds of gradients and parameters."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from .candidate import Candidate, copies, parameters, set_gradients, tensors_of
from .checks import BACKENDS, HALF, NotApplicable, check, equal


@check("p.grad is left as it is, and nothing in the state is an alias")
def gradients_untouched(candidate: Candidate) -> None:
    for backend, maximize in product(BACKENDS, (False, True)):
        params = parameters() + parameters(HALF)
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
    for backend in BACKENDS:
        params = parameters()
        late, start = params[2], params[2].detach().clone()
        optimizer = candidate.build(params, backend=backend)
        for n in range(5):
            loss = set_gradients(params, n)
            late.grad = None
            candidate.step(optimizer, loss)
        assert torch.equal(late, start) and not optimizer.state.get(late), (
            f"it was moved without a gradient ({backend})"
        )
        candidate.train(optimizer, params, 3)
        assert optimizer.state[late]["step"] == 3, f"the late parameter has not counted 3 steps ({backend})"
        nothing = candidate.build(parameters())
        candidate.step(nothing, torch.ones(()))
        assert not nothing.state, "a step without any gradient made state"


@check("zero gradients give finite steps")
def zero_gradients(candidate: Candidate) -> None:
    params = parameters()
    optimizer = candidate.build(params)
    for _ in range(12):
        for p in params:
            p.grad = torch.zeros_like(p)
        candidate.step(optimizer, torch.ones(()))
    assert all(bool(x.isfinite().all()) for x in [*params, *tensors_of(optimizer)]), "not finite on zero gradients"


@check("a nan gradient reaches no other parameter")
def nan_gradient(candidate: Candidate) -> None:
    if candidate.is_global:
        raise NotApplicable("it looks at all parameters at once, so a nan reaches them all")
    for backend in BACKENDS:
        params, healthy = parameters(), parameters()
        optimizer = candidate.build(params, backend=backend)
        loss = set_gradients(params, 0)
        params[1].grad[0] = float("nan")  # type: ignore
        candidate.step(optimizer, loss)
        candidate.train(candidate.build(healthy, backend=backend), healthy, 1)
        equal([params[0], *params[2:]], [healthy[0], *healthy[2:]], f"a nan has changed another parameter ({backend})")


@check("0-dim and empty parameters")
def scalars_and_empty(candidate: Candidate) -> None:
    for backend in BACKENDS:
        params = parameters(shapes=((), (0,), (3, 0), (1, 1)))
        before = copies(params)
        after = candidate.train(candidate.build(params, backend=backend), params, 12)
        assert not torch.equal(before[0], after[0]), f"the 0-dim parameter has not moved ({backend})"
        assert all(bool(x.isfinite().all()) for x in after), f"not finite beside empty parameters ({backend})"


@check("channels_last is kept and changes nothing")
def channels_last(candidate: Candidate) -> None:
    for backend in BACKENDS:
        plain = parameters(shapes=((4, 3, 5, 2),))
        odd = [torch.nn.Parameter(plain[0].detach().clone(memory_format=torch.channels_last))]
        a, b = candidate.build(plain, backend=backend), candidate.build(odd, backend=backend)
        for n in range(7):
            loss = set_gradients(plain, n)
            odd[0].grad = plain[0].grad.clone()  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, loss)
        # sums over a tensor may run in the order of memory
        close = torch.allclose(odd[0], plain[0], rtol=1e-12, atol=1e-14)
        assert close, f"other weights than for a contiguous parameter ({backend})"
        like = [x for x in [odd[0], *tensors_of(b)] if x.shape == odd[0].shape]
        assert all(x.stride() == plain_stride(odd[0]) for x in like), f"the memory format is not kept ({backend})"


def plain_stride(p: Tensor) -> tuple[int, ...]:
    return torch.empty(p.shape).to(memory_format=torch.channels_last).stride()


@check("complex parameters are their real view")
def complex_view(candidate: Candidate) -> None:
    for backend in BACKENDS:
        x = parameters(shapes=((3, 4, 2),))
        z = [torch.nn.Parameter(torch.view_as_complex(x[0].detach().clone()))]
        a, b = candidate.build(z, backend=backend), candidate.build(x, backend=backend)
        for n in range(8):
            loss = set_gradients(x, n)
            z[0].grad = torch.view_as_complex(x[0].grad.clone())  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, loss)
        equal([torch.view_as_real(z[0].detach())], x, f"other weights than those of the real view ({backend})")


@check("sparse gradients are refused")
def sparse(candidate: Candidate) -> None:
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    try:
        candidate.step(candidate.build(embedding.parameters()), torch.ones(()))
    except (ValueError, RuntimeError, NotImplementedError):
        return
    raise AssertionError("a sparse gradient was accepted")


@check("maximize is descent on negated gradients")
def maximize(candidate: Candidate) -> None:
    for backend in BACKENDS:
        up, down = parameters(), parameters()
        a, b = candidate.build(up, backend=backend, maximize=True), candidate.build(down, backend=backend)
        for n in range(8):
            loss = set_gradients(up, n)
            for p, q in zip(up, down, strict=True):
                q.grad = -p.grad  # type: ignore
            candidate.step(a, loss)
            candidate.step(b, -loss)
        equal(up, down, f"other weights ({backend})")
