"""A list of tensors that does arithmetic like one tensor, each operation a single `torch._foreach` call.

It *holds* a list instead of being one: a subclass of list cannot be passed on to `_foreach` by torch.compile.
Methods without a `_foreach` twin are applied tensor by tensor, so a transform may use any tensor method;
reductions (`sum`, `norm`) are per tensor, as they are in the plain loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


class TensorList:
    """The tensors of several parameters, one operand of a transform."""

    __slots__ = ("tensors",)

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__") or not callable(getattr(Tensor, name, None)):
            raise AttributeError(f"a list of tensors has no {name!r}: see arithmetic.each for what needs shapes")

        def method(*args: Any, **kwargs: Any) -> TensorList:
            return self._each(lambda x, *rest: getattr(x, name)(*rest, **kwargs), args)

        return method

    @property
    def device(self) -> torch.device:
        return self.tensors[0].device

    @property
    def dtype(self) -> torch.dtype:
        return self.tensors[0].dtype

    def each(self, function: Callable[..., Tensor], *others: Any) -> TensorList:
        """Apply a function of single tensors to each, taking the operands' elements along."""
        return self._each(function, others)

    def _each(self, function: Callable[..., Tensor], args: tuple[Any, ...]) -> TensorList:
        columns = [a.tensors if isinstance(a, TensorList) else [a] * len(self) for a in args]
        return TensorList([function(x, *row) for x, *row in zip(self.tensors, *columns, strict=True)])


def _plain(x: Any) -> Any:
    return x.tensors if isinstance(x, TensorList) else x


def _foreach(name: str) -> Callable[..., TensorList]:
    operation = getattr(torch, f"_foreach_{name}")

    def method(self: TensorList, *args: Any, **kwargs: Any) -> TensorList:
        result = operation(self.tensors, *map(_plain, args), **kwargs)
        return self if name.endswith("_") else TensorList(list(result))

    method.__name__ = name
    return method


def _each_reflected(name: str) -> Callable[..., TensorList]:
    return lambda self, other: self.each(lambda x, a: getattr(x, name)(a), other)


# Only operations whose _foreach form computes what the tensor method does, with the same arguments
_TWINS = (
    "abs add add_ addcdiv addcdiv_ addcmul addcmul_ clamp_max clamp_max_ clamp_min clamp_min_ copy_ div div_ exp "
    "lerp lerp_ log maximum minimum mul mul_ neg neg_ pow reciprocal rsqrt sign sqrt sqrt_ sub sub_"
)
for _name in _TWINS.split():
    setattr(TensorList, _name, _foreach(_name))

_OPERATORS = {
    "add": "add",
    "radd": "add",
    "sub": "sub",
    "mul": "mul",
    "rmul": "mul",
    "truediv": "div",
    "neg": "neg",
    "pow": "pow",
    "abs": "abs",
}
for _name, _twin in _OPERATORS.items():
    setattr(TensorList, f"__{_name}__", getattr(TensorList, _twin))
# written as x operations, these would round differently from the single tensor's `a - x` and `a / x`
for _name in ("rsub", "rtruediv", "rpow"):
    setattr(TensorList, f"__{_name}__", _each_reflected(f"__{_name}__"))
