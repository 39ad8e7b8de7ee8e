"""The few operations that let one spelling of a transform run on numbers and tensors, single or in lists.

A hyper-parameter is a Python number by the loop and foreach backends and a 0-dim tensor when compiled or stacked; an
operand is a Tensor or, by foreach, a list of them. Nothing here branches on a tensor's value. A trailing underscore
says that the operand named in the docstring is updated in place; the result is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def axpy(a: Any, x: Tensor, y: Tensor) -> Tensor:
    """y + a x, in one pass where `a` is a number."""
    return y.add(x, alpha=a) if isinstance(a, float | int) else y + x * a


def axpy_(a: Any, x: Tensor, y: Tensor) -> Tensor:
    """y <- y + a x."""
    return y.add_(x, alpha=a) if isinstance(a, float | int) else y.add_(x * a)


def accumulate_(v: Tensor, u: Tensor, beta: Any) -> Tensor:
    """v <- beta v + u."""
    if not isinstance(beta, float | int):
        return v.copy_(axpy(beta, v, u))  # under vmap, v.mul_(beta) would round differently
    if hasattr(v, "tensors"):  # torch._foreach has no such operation in place: the list takes the new tensors
        v.tensors = axpy(beta, v, u).tensors  # type: ignore
        return v
    from torch import add

    return add(u, v, alpha=beta, out=v)


def scale_(v: Tensor, a: Any) -> Tensor:
    """v <- a v."""
    return v.mul_(a) if isinstance(a, float | int) else v.copy_(v * a)


def lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    """x + weight (y - x)."""
    # torch.lerp wants a weight of exactly the operands' dtype, which a hyper-parameter tensor need not have
    return x.lerp(y, weight) if isinstance(weight, float | int) else x + (y - x) * weight


def lerp_(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    """x <- x + weight (y - x)."""
    return x.lerp_(y, weight) if isinstance(weight, float | int) else x.add_((y - x) * weight)


def ema_(m: Tensor, u: Tensor, beta: Any) -> Tensor:
    """m <- beta m + (1 - beta) u, an exponential moving average."""
    return lerp_(m, u, 1 - beta)


def ema_square_(v: Tensor, u: Tensor, beta: Any) -> Tensor:
    """v <- beta v + (1 - beta) u^2."""
    if not isinstance(beta, float | int):
        return lerp_(v, u * u, 1 - beta)
    return v.mul_(beta).addcmul_(u, u, value=1 - beta)


def maximum_(x: Tensor, y: Tensor) -> Tensor:
    """x <- max(x, y); a nan in either stays one."""
    return x.clamp_min_(y)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; nan where x is not finite: torch's sign of nan is 0, and the coordinate would stop without a word."""
    return x.sign().add_(x - x)


def ratio_(x: Tensor, y: Tensor) -> Tensor:
    """x / y, in the memory of y, a temporary of the transform, where torch can do that."""
    import torch

    # of lists, inside torch.vmap and torch.compile there is no division into the denominator
    if hasattr(y, "tensors") or torch.compiler.is_compiling():
        return x / y
    if torch._C._functorch.is_batchedtensor(y):  # type: ignore[attr-defined]
        return x / y
    return torch.div(x, y, out=y)


def copy_(x: Tensor, value: Tensor) -> Tensor:
    """x <- value."""
    return x if value is x else x.copy_(value)


def copy_where_(condition: Any, x: Tensor, value: Callable[[], Tensor]) -> Tensor:
    """x <- value() where the condition holds; where that is a tensor, an elementwise choice."""
    return copy_(x, choose(condition, value, lambda: x))


def is_zero(a: Any) -> bool:
    """Whether `a` is the number 0, so that its term may be left out; a tensor's value is never looked at."""
    return isinstance(a, float | int) and a == 0


def mask(x: Tensor, uniform: Tensor, keep: Any) -> Tensor:
    """x where `uniform`, of U[0, 1), is below `keep`, else 0; a nan stays one wherever it is."""
    # a float mask: on lists of bool and float, _foreach_mul would take its slow path
    return x if isinstance(keep, float | int) and keep >= 1 else x * uniform.lt(keep).type_as(uniform)


def choose(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` or `otherwise()`; where the condition is a tensor, both, and an elementwise choice."""
    if not hasattr(condition, "requires_grad"):  # a bool, also numpy's, where a group holds numpy's numbers
        return then() if condition else otherwise()
    from torch import where

    return each(lambda a, b: where(condition, a, b), then(), otherwise())


def zeros(p: Tensor) -> Tensor:
    """A zero tensor of p's shape, dtype, device and memory format."""
    from torch import zeros_like

    return zeros_like(p)


def dot(x: Tensor, y: Tensor) -> Tensor:
    """The sum of x y over each parameter's elements, 0-dim; in their logical order, whatever the memory format."""

    def of_one(a: Tensor, b: Tensor) -> Tensor:
        # compiled, what a 0-dim float32 tensor makes with a hyper-parameter is float64
        b = b.to(a.dtype)
        return (a * b).sum() if _is_sharded(a) else a.reshape(-1).dot(b.reshape(-1))

    return each(of_one, x, y)


def norm(x: Tensor) -> Tensor:
    """The 2-norm of one parameter's elements, 0-dim; in their logical order, whatever the memory format."""
    return (x * x).sum().sqrt() if _is_sharded(x) else x.reshape(-1).norm()


def _is_sharded(x: Tensor) -> bool:
    """Whether x is a DTensor, which has no vector of all elements where its shards differ in size."""
    return hasattr(x, "device_mesh")


def each(function: Callable[..., Tensor], u: Tensor, *others: Tensor) -> Tensor:
    """Apply a function of single tensors to each parameter's: for norms, projections, what needs shapes."""
    return u.each(function, *others) if hasattr(u, "each") else function(u, *others)  # type: ignore
