"""What a rule does, written down as a graph: the rule is run on meta tensors, and each operation makes a node."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .expression import C_TYPES, ELEMENTWISE
from .graph import RANK, Node, Unsupported

_SAME = frozenset("view _unsafe_view detach alias unsqueeze squeeze lift_fresh".split())
_FILLED = {"zeros_like": 0.0, "ones_like": 1.0, "new_zeros": 0.0, "new_ones": 1.0, "zeros": 0.0, "ones": 1.0}
_VALUED = {"full_like": 1, "new_full": 2, "full": 1, "scalar_tensor": 0}


class Recorder(TorchDispatchMode):
    """While it is active, every operation on a tensor that it knows becomes a node."""

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.rows, self.numel = like.shape[0] if like.ndim else 1, like.numel()
        self.nodes: dict[int, Node] = {}
        self.views: dict[int, list[int]] = {}  # ids of the tensors that share a storage
        self.kept: list[Any] = []  # an id means something only as long as its tensor lives

    def known(self, x: Tensor, op: str, place: int, kind: str) -> Tensor:
        """Make x an input, and give it back."""
        return self._set(x, Node(op, (place,), x.dtype, kind))

    def node(self, x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if id(x) not in self.nodes:
            raise Unsupported("a tensor of unknown origin")
        return self.nodes[id(x)]

    def _set(self, x: Tensor, node: Node) -> Tensor:
        if node.dtype not in C_TYPES:
            raise Unsupported(f"numbers of type {node.dtype}")
        self.nodes[id(x)] = node
        self.kept.append(x)
        self.views.setdefault(x.untyped_storage()._cdata, []).append(id(x))
        return x

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = func._schema.name.removeprefix("aten::")
        in_place = name.endswith("_") and not name.startswith("_")
        bare = name.removesuffix("_") if in_place else name
        if not isinstance(out, Tensor):
            raise Unsupported(name)
        if in_place and out is args[0]:
            # whoever looks at the same memory would have to see the change
            for other in self.views.get(out.untyped_storage()._cdata, ()):
                if other != id(out):
                    self.nodes.pop(other, None)
        return self._set(out, self._made(bare, func, out, args, kwargs))

    def _made(self, name: str, func: Any, out: Tensor, args: Any, kwargs: Any) -> Node:
        if name in _SAME:
            node = self.node(args[0])
            return Node("copy", (node,), node.dtype, node.kind)
        if name in _FILLED or name in _VALUED:
            value = _FILLED[name] if name in _FILLED else args[_VALUED[name]]
            return Node("constant", (value,), out.dtype, "each" if out.ndim else "one")
        if name in ("sum", "amax", "dot", "linalg_vector_norm"):
            return self._reduction(name, func, out, args, kwargs)
        if name not in ELEMENTWISE or kwargs.keys() - {"alpha", "value", "dtype", "device", "layout", "memory_format"}:
            raise Unsupported(name)
        return self._elementwise(name, out, args, kwargs)

    def _elementwise(self, name: str, out: Tensor, args: Any, kwargs: Any) -> Node:
        operands = [self.node(x) for x in args]
        if name == "_to_copy" or name == "clone":
            operands = operands[:1]
        elif name == "copy":
            operands = operands[1:2]
        kind = max((x.kind for x in operands if isinstance(x, Node)), key=RANK.__getitem__, default="one")
        for x, operand in zip(args, operands, strict=False):
            if isinstance(x, Tensor) and name != "copy" and not self._fits(x, operand.kind, kind, out):
                raise Unsupported(f"{name} of shapes that do not run along each other")
        extra = kwargs.get("alpha", kwargs.get("value"))
        return Node(name, (*operands, *(() if extra is None else (extra,))), out.dtype, kind)

    def _fits(self, x: Tensor, own: str, kind: str, out: Tensor) -> bool:
        """Whether the elements of the operand x are those of the result, or are the same along each row."""
        if own == kind:
            return x.numel() == out.numel()
        if own == "row":
            return x.ndim == out.ndim and x.shape[0] == self.rows == x.numel() and out.numel() == self.numel
        return x.numel() == 1

    def _reduction(self, name: str, func: Any, out: Tensor, args: Any, kwargs: Any) -> Node:
        x, node = args[0], self.node(args[0])
        if kwargs or (node.kind == "one" and x.numel() != 1):
            raise Unsupported(name)
        if node.kind == "one" and name in ("sum", "amax"):
            return Node("copy", (node,), out.dtype, "one")
        kind = "one"
        dims = args[2 if name == "linalg_vector_norm" else 1 :] if name != "dot" else ()
        if dims and dims[0] not in (None, []):
            over = sorted(d % x.ndim for d in dims[0])
            if over != list(range(x.ndim)):
                if node.kind != "each" or over != list(range(1, x.ndim)) or x.shape[0] != self.rows:
                    raise Unsupported(f"{name} over other dimensions than all, or all but the first")
                kind = "row"
        if name == "linalg_vector_norm":
            if (args[1] if len(args) > 1 else 2) != 2:
                raise Unsupported("norms other than the Euclidean one")
            if node.kind == "one":
                return Node("abs", (node,), out.dtype, "one")
            square = Node("mul", (node, node), node.dtype, node.kind)
            return Node("sqrt", (Node("sum", (square,), out.dtype, kind),), out.dtype, kind)
        if name == "dot":
            other = self.node(args[1])
            if "each" not in (node.kind, other.kind):
                raise Unsupported("the dot product of rows")
            node, name = Node("mul", (node, other), node.dtype, "each"), "sum"
        return Node(name, (node,), out.dtype, kind)
