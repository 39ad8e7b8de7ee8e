"""Gradients and parameters of every kind: missing, late, zero, nan, sparse, empty, complex, strided."""

from __future__ import annotations

import pytest
import torch
from optimizer_cases import CASES, assert_same, parameters, set_gradients, state_of, train, weights

import optim

every_case = pytest.mark.parametrize("name", CASES)
both_backends = pytest.mark.parametrize("backend", ["loop", "foreach"])


@every_case
@both_backends
def test_gradients_are_left_alone(name, backend):
    params = parameters() + parameters(torch.bfloat16)
    optimizer = CASES[name].build(params, backend=backend, maximize=True)
    for step in range(3):
        set_gradients(params, step)
        given, kept = [p.grad for p in params], [p.grad.clone() for p in params]
        optimizer.step()
        assert all(p.grad is g for p, g in zip(params, given, strict=True))
        assert_same(given, kept)
    # zeroing in place must not reach into the state: a first velocity is no alias of the gradient
    state = [x.clone() for x in state_of(optimizer)]
    optimizer.zero_grad(set_to_none=False)
    assert_same(state_of(optimizer), state)


@every_case
@both_backends
def test_none_and_late_gradients(name, backend):
    params = parameters()
    late, start = params[2], params[2].detach().clone()
    optimizer = CASES[name].build(params, backend=backend)
    for step in range(5):
        set_gradients(params, step)
        late.grad = None
        optimizer.step()
    assert torch.equal(late, start) and late not in optimizer.state
    train(optimizer, params, 3)
    assert optimizer.state[late]["step"] == 3 and optimizer.state[params[0]]["step"] == 8
    if not CASES[name].wrap and not CASES[name].joint:  # noise depends on a parameter's place
        alone = torch.nn.Parameter(start.clone())
        lonely = CASES[name].build([alone], backend=backend)
        for step in range(3):
            alone.grad = (
                2.5 * (alone.detach() - 1) + torch.sin(3 * alone.detach()) + 0.1 * torch.cos(alone.detach() + step)
            )
            lonely.step()
        assert_same([alone], [late])


@every_case
def test_no_gradient_at_all(name):
    params = parameters()
    before = weights(params)
    optimizer = CASES[name].build(params)
    optimizer.step()
    assert_same(params, before)
    assert not optimizer.state


@every_case
def test_zero_gradients_give_finite_steps(name):
    params = parameters()
    optimizer = CASES[name].build(params)
    for _ in range(12):
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step()
    assert all(x.isfinite().all() for x in [*params, *state_of(optimizer)])


@every_case
@both_backends
def test_a_nan_reaches_its_own_parameter_only(name, backend):
    params, healthy = parameters(), parameters()
    optimizer = CASES[name].build(params, backend=backend)
    set_gradients(params, 0)
    params[1].grad[0] = float("nan")
    optimizer.step()
    train(CASES[name].build(healthy, backend=backend), healthy, 1)
    assert params[1][0].isnan() and params[1][1:].isfinite().all()
    assert_same([params[0], *params[2:]], [healthy[0], *healthy[2:]])
    assert all(x.isfinite().all() for x in optimizer.state[params[0]].values() if isinstance(x, torch.Tensor))


@both_backends
def test_sparse_gradients_are_refused(backend):
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    optimizer = optim.AggMo(embedding.parameters(), backend=backend)
    with pytest.raises(ValueError, match=r"sparse gradients are not supported: .* shape \(5, 2\)"):
        optimizer.step()
    assert not optimizer.state


@every_case
@both_backends
def test_scalars_and_empty_parameters(name, backend):
    params = parameters(shapes=((), (0,), (3, 0), (1, 1)))
    before = weights(params)
    train(CASES[name].build(params, backend=backend), params, 8)
    assert [p.shape for p in params] == [x.shape for x in before]
    assert not torch.equal(params[0], before[0]) and not torch.equal(params[3], before[3])


@every_case
@both_backends
@pytest.mark.parametrize("layout", ["channels_last", "transposed"])
@pytest.mark.parametrize("same_gradient", [True, False])
def test_memory_format_is_kept_and_changes_nothing(name, backend, layout, same_gradient):
    shape = (4, 3, 5, 2)
    plain = parameters(shapes=(shape,))
    data = plain[0].detach()
    if layout == "channels_last":
        data = data.clone(memory_format=torch.channels_last)
    else:
        data = data.transpose(0, 1).contiguous().transpose(0, 1)
    odd, strides = [torch.nn.Parameter(data)], data.stride()
    optimizers = CASES[name].build(plain, backend=backend), CASES[name].build(odd, backend=backend)
    for step in range(7):
        set_gradients(plain, step)
        odd[0].grad = plain[0].grad.clone()
        if same_gradient:
            odd[0].grad = torch.empty_like(odd[0]).copy_(plain[0].grad)
        for optimizer in optimizers:
            optimizer.step()
    assert_same([x.contiguous() for x in odd], plain)
    assert all(x.stride() == strides for x in [*odd, *state_of(optimizers[1])] if x.ndim)


@every_case
@both_backends
def test_complex_is_its_real_view(name, backend):
    z = torch.nn.Parameter(torch.view_as_complex(parameters(shapes=((3, 4, 2),))[0].detach().clone()))
    x = parameters(shapes=((3, 4, 2),))[0]
    optimizers = CASES[name].build([z], backend=backend), CASES[name].build([x], backend=backend)
    for step in range(8):
        set_gradients([x], step)
        z.grad = torch.view_as_complex(x.grad.clone())
        for optimizer in optimizers:
            optimizer.step()
    assert_same([torch.view_as_real(z.detach())], [x.detach()])
    if CASES[name].wrap:
        with optimizers[0].evaluation_weights(), optimizers[1].evaluation_weights():
            assert_same([torch.view_as_real(z.detach())], [x.detach()])


@every_case
@both_backends
def test_maximize_is_descent_on_negated_gradients(name, backend):
    up, down = parameters(), parameters()
    climber = CASES[name].build(up, backend=backend, maximize=True)
    descender = CASES[name].build(down, backend=backend)
    for step in range(8):
        set_gradients(up, step)
        for p, q in zip(up, down, strict=True):
            q.grad = -p.grad
        climber.step()
        descender.step()
    assert_same(up, down)


def test_double_backward_graphs_are_not_kept_in_the_state():
    p = parameters(shapes=((3,),))[0]
    (gradient,) = torch.autograd.grad((p**3).sum(), p, create_graph=True)
    p.grad = gradient
    optimizer = optim.AggMo([p])
    optimizer.step()
    assert not any(x.requires_grad for x in state_of(optimizer))
