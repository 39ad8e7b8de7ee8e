"""One operation on elements as an expression in C."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from .graph import RANK, Node, Unsupported

C_TYPES = {torch.float32: "float", torch.float64: "double", torch.bool: "char", torch.int64: "int64_t"}

# with their operands' names for {0}, {1}, ...; {f} is f in float and nothing in double
_FORMS = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "rsub": "{1} - {0}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "pow{f}({0}, {1})",
    "sqrt": "sqrt{f}({0})",
    "rsqrt": "1 / sqrt{f}({0})",
    "reciprocal": "1 / {0}",
    "square": "{0} * {0}",
    "neg": "-{0}",
    "abs": "fabs{f}({0})",
    "sign": "({0} > 0) - ({0} < 0)",
    "exp": "exp{f}({0})",
    "log": "log{f}({0})",
    # as in torch, a nan in either operand stays one
    "maximum": "{0} != {0} ? {0} : ({0} > {1} ? {0} : {1})",
    "minimum": "{0} != {0} ? {0} : ({0} < {1} ? {0} : {1})",
    "where": "{0} ? {1} : {2}",
    "addcmul": "{0} + {3} * {1} * {2}",
    "addcdiv": "{0} + {3} * ({1} / {2})",
    "lerp": "{2} < 0.5 ? {0} + {2} * ({1} - {0}) : {1} - ({1} - {0}) * (1 - {2})",
    "remainder": "{0} - floor{f}({0} / {1}) * {1}",
    "bitwise_and": "{0} && {1}",
    "bitwise_or": "{0} || {1}",
    "bitwise_not": "!{0}",
    "copy": "{0}",
    "fill": "{1}",
    "zero": "0",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
}
_ALIKE = {
    "_to_copy": "copy",
    "clone": "copy",
    "constant": "copy",
    "clamp_min": "maximum",
    "clamp_max": "minimum",
    "logical_and": "bitwise_and",
    "logical_or": "bitwise_or",
    "logical_not": "bitwise_not",
}
ELEMENTWISE = frozenset({*_FORMS, *_ALIKE} - {"constant"})
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_LOGIC = ("bitwise_and", "bitwise_or", "bitwise_not")


def expression(node: Node, value: Callable[[Node], str]) -> str:
    """The node's value; `value` gives the name of another node's."""
    op, args = _ALIKE.get(node.op, node.op), list(node.args)
    if op == "pow" and args[1] in (2, 0.5):
        op, args = ("square" if args[1] == 2 else "sqrt"), args[:1]
    if op in ("add", "sub", "rsub") and len(args) == 3:
        # a + alpha b
        scaled = 0 if op == "rsub" else 1
        alpha = args.pop()
        args[scaled] = Node("mul", (args[scaled], alpha), node.dtype, _kind(args[scaled]))
    if op in ("addcmul", "addcdiv") and len(args) == 3:
        args.append(1)
    if op in _LOGIC and any(_dtype(x) is not torch.bool for x in args):
        raise Unsupported("operations on bits")
    kind = _compared(args) if op in _COMPARISONS else node.dtype
    names = [_operand(x, torch.bool if op == "where" and i == 0 else kind, value) for i, x in enumerate(args)]
    return _FORMS[op].format(*names, f="f" if kind is torch.float32 else "")


def _operand(x: Any, dtype: torch.dtype, value: Callable[[Node], str]) -> str:
    if isinstance(x, Node):
        return value(x) if x.dtype is dtype else f"({C_TYPES[dtype]}){value(x)}"
    if not isinstance(x, int | float):
        raise Unsupported(f"an operand of type {type(x).__name__}")
    if math.isinf(x) or math.isnan(x):
        return "NAN" if x != x else "INFINITY" if x > 0 else "(-INFINITY)"
    return f"({C_TYPES[dtype]}){x!r}" if not isinstance(x, bool) else str(int(x))


def _compared(args: list[Any]) -> torch.dtype:
    """The type in which two operands are compared: the elements', not a single number's."""
    nodes = [x for x in args if isinstance(x, Node)]
    rank = max(RANK[x.kind] for x in nodes)
    dtype = nodes[0].dtype if RANK[nodes[0].kind] == rank else nodes[1].dtype
    for x in nodes:
        if RANK[x.kind] == rank or (x.dtype.is_floating_point and not dtype.is_floating_point):
            dtype = torch.promote_types(dtype, x.dtype)
    if not dtype.is_floating_point and any(isinstance(x, float) for x in args):
        raise Unsupported("an integer beside a fraction")
    return dtype


def _kind(x: Any) -> str:
    return x.kind if isinstance(x, Node) else "one"


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Node) else type(x)
