"""The programs that one parameter follows, phase by phase: phases end where a rule needs sums over all parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..lifts import apply, summed
from ..plan import Plan
from ..rule import Context
from .graph import Unsupported
from .source import Program, Source
from .trace import Recorder

P, U, G = range(3)  # slots: the parameter, the running update between phases, the gradient; then state and noise
T, LOSS, VALUE = range(3)  # numbers: those of the context; then the group's


class Item:
    """A parameter as the programs see it: tensors in memory by slot, and how its elements lie."""

    def __init__(self, item: tuple, plan: Plan, group: dict[str, Any]) -> None:
        self.p, _, s, _, ctx, _ = item
        self.has_loss = ctx.loss is not None
        if not _dense(self.p):
            raise Unsupported("a parameter with holes in its memory")
        self.state = [name for name in s if name != "step"]
        self.labels = list(ctx.drawn or ())
        # of a parameter of 0 dimensions every tensor has the shape
        whole = s if self.p.ndim else plan.start(self.p.new_empty(2), group)
        kinds = [self._kind(s[name], whole[name].ndim > 0) for name in self.state]
        self.slots = tuple([(self.p.dtype, "each")] * 3 + kinds + [(self.p.dtype, "each")] * len(self.labels))

    def _kind(self, x: Tensor, whole: bool) -> tuple[torch.dtype, str]:
        if whole and x.shape == self.p.shape and _order(x) == _order(self.p):
            return x.dtype, "each"
        if x.shape != ():
            raise Unsupported("state of another layout than its parameter's")
        return x.dtype, "one"

    def addresses(self, item: tuple, scratch: Tensor | None) -> list[int]:
        """Where the slots are now."""
        p, g, s, _, ctx, _ = item
        at = g.data_ptr()
        found = [p.data_ptr(), at if scratch is None else scratch.data_ptr(), at]
        found += [s[name].data_ptr() for name in self.state]
        return found + [ctx.drawn[label].data_ptr() for label in self.labels] if self.labels else found


class Phases:
    """Traces items; those that are alike are traced once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.keys = list(plan.defaults)
        self.terms: list[list[tuple[str, torch.dtype]]] = []  # what each phase but the last sums over all parameters
        self.traced: dict[Any, list[Source]] = {}

    def of(self, item: Item, group: dict[str, Any]) -> list[Source]:
        pairs = [(key, group[key]) for key in self.keys]
        shape = [len(x) if isinstance(x, tuple | list) else is_zero(key, x) for key, x in pairs]
        key = (item.p.shape, item.slots, tuple(item.state), tuple(shape), item.has_loss)
        if key not in self.traced:
            self.traced[key] = self._trace(item, group)
        sources = self.traced[key]
        if any(s.has_rows for s in sources) and item.p.stride(0) * item.p.shape[0] < item.p.numel():
            raise Unsupported("rows that do not lie one behind another")
        return sources

    def numbers(self, group: dict[str, Any], loss: float = 0.0) -> list[float]:
        """The numbers that programs read: T, LOSS, VALUE, then those of the group."""
        flat = [0.0, loss, 0.0]
        for key in self.keys:
            x = group[key]
            flat += map(float, x) if isinstance(x, tuple | list) else [float(x)]
        return flat

    def _trace(self, item: Item, group: dict[str, Any]) -> list[Source]:
        self.terms, running, sources = [], G, []
        for number in range(len(self.plan.passes) + 1):
            phase = _Phase(self, item, group, running)
            sources.append(Source(phase.program(number)))
            running = U if U in sources[-1].program.stores else running
            self.terms.append(phase.terms)
        return sources


class _Phase:
    """One phase of one item, run on meta tensors."""

    def __init__(self, phases: Phases, item: Item, group: dict[str, Any], running: int) -> None:
        self.plan, self.item, self.running = phases.plan, item, running
        self.recorder = Recorder(torch.empty(item.p.shape, device="meta"))
        self.count = 0
        self.terms: list[tuple[str, torch.dtype]] = []
        t, loss, value = (self._number() for _ in range(3))
        hypers = self.plan.hypers({key: self._hyper(key, group[key]) for key in phases.keys})
        tensors = [self._input(slot) for slot in range(len(item.slots))]
        self.inputs = [self.recorder.node(x) for x in tensors]
        drawn = 3 + len(item.state)
        s = dict(zip(item.state, tensors[3:drawn], strict=True))
        ctx = Context(t, tensors[G], loss if item.has_loss else None, None)
        ctx.drawn = dict(zip(item.labels, tensors[drawn:], strict=True))
        ctx.value = value
        self.traced = (tensors[P], tensors[running], s, hypers, ctx, None)

    def program(self, number: int) -> Program:
        """What the phase of this number does: all but the last end with sums."""
        p, u, s, *_ = self.traced
        sums: dict[str, Any] = {}
        with self.recorder:
            if number < len(self.plan.passes):
                (_, u, *_), sums = summed(self.traced, *self.plan.passes[number])
            else:
                apply(self.traced, self.plan)
                u = None
        node = self.recorder.node
        self.terms = [(name, x.dtype) for name, x in sums.items()]
        after = [(P, p), *((3 + i, s[name]) for i, name in enumerate(self.item.state))]
        stores = {slot: node(x) for slot, x in after if node(x) is not self.inputs[slot]}
        if u is not None and node(u) is not self.inputs[self.running]:
            stores[U] = node(u)
        return Program(self.item.slots, stores, tuple(node(x) for x in sums.values()))

    def _hyper(self, key: str, x: Any) -> Any:
        if isinstance(x, tuple | list):
            return tuple(self._number() for _ in x)
        number = self._number()
        return 0.0 if is_zero(key, x) else number

    def _number(self) -> Tensor:
        self.count += 1
        return self.recorder.known(torch.empty((), dtype=torch.float64, device="meta"), "number", self.count - 1, "one")

    def _input(self, slot: int) -> Tensor:
        dtype, kind = self.item.slots[slot]
        shape = self.item.p.shape if kind == "each" else ()
        return self.recorder.known(torch.empty(shape, dtype=dtype, device="meta"), "input", slot, kind)


def is_zero(key: str, x: Any) -> bool:
    """Whether a number is 0 and a rule may leave out what it multiplies; a learning rate passes through 0."""
    return key != "lr" and isinstance(x, float | int) and x == 0


def _order(x: Tensor) -> list[tuple[int, int]]:
    """How the elements follow one another in memory: stride and length of what has a length."""
    return [pair for pair in zip(x.stride(), x.shape, strict=True) if pair[1] != 1] if x.numel() else []


def _dense(p: Tensor) -> bool:
    """Whether the elements fill a stretch of memory, in whatever order."""
    size = 1
    for stride, length in sorted(_order(p)):
        if stride != size:
            return False
        size *= length
    return True
