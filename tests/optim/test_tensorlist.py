"""Lists of tensors do the arithmetic of tensors."""

from __future__ import annotations

import pytest
import torch
from problem import assert_same, parameters

from optim import arithmetic
from optim.tensorlist import TensorList


def _tensors(seed):
    return [p.detach().abs() + 0.5 for p in parameters(seed=seed)]


@pytest.mark.parametrize(
    "expression",
    [
        lambda x, y: 2 - x / (y + 1) * 3 - y,
        lambda x, y: (1 / x + 2**y) ** 2,
        lambda x, y: -x.sqrt().maximum(y).clamp_min(0.7),
        lambda x, y: x.lerp(y, 0.3).addcdiv(x, y, value=0.1),
        lambda x, y: x * (y.norm() / x.norm()),
        lambda x, y: arithmetic.each(lambda a, b: a - (a * b).sum() * b, x, y),
        lambda x, y: arithmetic.lerp(x, y, torch.tensor(0.2)) + arithmetic.axpy(torch.tensor(2.0), x, y),
        lambda x, y: torch.tensor(2.0) * x + x.erf(),
    ],
)
def test_lists_of_tensors_do_the_arithmetic_of_tensors(expression):
    xs, ys = _tensors(0), _tensors(1)
    singly = [expression(x, y) for x, y in zip(xs, ys, strict=True)]
    assert_same(expression(TensorList(xs), TensorList(ys)), singly)
    assert_same(xs + ys, _tensors(0) + _tensors(1))


def test_shapes_of_a_list_are_refused():
    with pytest.raises(AttributeError, match="arithmetic.each"):
        _ = TensorList(_tensors(0)).ndim
