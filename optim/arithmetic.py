"""The few operations that let one spelling of a rule run on numbers and tensors, single or in lists.

A hyper-parameter is a Python number in the loop and foreach lifts and a 0-dim tensor in the compiled one; an
operand is a Tensor or, in the foreach lift, a list of them. Nothing here branches on a tensor's value.

Some take `own`, in a rule ctx.own: whether the result may take the place of an operand, said with each. Then they
make no new tensor; the numbers are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def axpy(a: Any, x: Tensor, y: Tensor, own: bool = False) -> Tensor:
    """y + a x, in one pass where `a` is a number; own: in y's place."""
    if not isinstance(a, float | int):
        return y.add_(x * a) if own else y + x * a
    return y.add_(x, alpha=a) if own else y.add(x, alpha=a)


def accumulated(v: Tensor, u: Tensor, beta: Any, own: bool = False) -> Tensor:
    """beta v + u; own: in v's place."""
    if not own or not isinstance(beta, float | int):
        return axpy(beta, v, u)
    from torch import add

    return add(u, v, alpha=beta, out=v)


def lerp(x: Tensor, y: Tensor, weight: Any, own: bool = False) -> Tensor:
    """x + weight (y - x); own: in x's place."""
    if not isinstance(weight, float | int):
        # torch.lerp wants a weight of exactly the operands' dtype, which a hyper-parameter tensor need not have
        return x + (y - x) * weight
    return x.lerp_(y, weight) if own else x.lerp(y, weight)


def mean(m: Tensor, u: Tensor, beta: Any, own: bool = False) -> Tensor:
    """The running mean beta m + (1 - beta) u; own: in m's place."""
    return lerp(m, u, 1 - beta, own)


def mean_square(v: Tensor, u: Tensor, beta: Any, own: bool = False) -> Tensor:
    """The running mean beta v + (1 - beta) u^2; own: in v's place."""
    if not isinstance(beta, float | int):
        return lerp(v, u * u, 1 - beta)
    return (v.mul_(beta) if own else v.mul(beta)).addcmul_(u, u, value=1 - beta)


def maximum(x: Tensor, y: Tensor, own: bool = False) -> Tensor:
    """The larger of both; own: in x's place."""
    if not own:
        return x.maximum(y)
    from torch import maximum

    return maximum(x, y, out=x)


def ratio(x: Tensor, y: Tensor, own: bool = False) -> Tensor:
    """x / y; own: in y's place, which the rule has just made."""
    if not own:
        return x / y
    from torch import div

    return div(x, y, out=y)


def is_zero(a: Any) -> bool:
    """Whether `a` is the number 0, so that its term may be left out; a tensor's value is never looked at."""
    return isinstance(a, float | int) and a == 0


def mask(x: Tensor, uniform: Tensor, keep: Any) -> Tensor:
    """x where `uniform`, of U[0, 1), is below `keep`, else 0; a nan stays one wherever it is."""
    # a float mask: on lists of bool and float, _foreach_mul would take its slow path
    return x if isinstance(keep, float | int) and keep >= 1 else x * uniform.lt(keep).type_as(uniform)


def choose(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` or `otherwise()`; where the condition is a tensor, both, and an elementwise choice."""
    if isinstance(condition, bool):
        return then() if condition else otherwise()
    from torch import where

    return each(lambda a, b: where(condition, a, b), then(), otherwise())


def zeros(p: Tensor) -> Tensor:
    """A zero tensor of p's shape, dtype, device and memory format."""
    from torch import zeros_like

    return zeros_like(p)


def dot(x: Tensor, y: Tensor) -> Tensor:
    """The sum of x y over each parameter's elements, 0-dim; in their logical order, whatever the memory format."""
    # compiled, what a 0-dim float32 tensor makes with a hyper-parameter is float64
    return each(lambda a, b: a.reshape(-1).dot(b.reshape(-1).to(a.dtype)), x, y)


def each(function: Callable[..., Tensor], u: Tensor, *others: Tensor) -> Tensor:
    """Apply a function of single tensors to each parameter's: for norms, projections, what needs shapes."""
    return u.each(function, *others) if hasattr(u, "each") else function(u, *others)  # type: ignore
