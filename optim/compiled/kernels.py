"""The compiled step on a CPU: one call goes over all parameters.

What it needs is laid out once for a set of parameters with gradients: which program each follows, and how its
elements are cut into chunks. A step then writes down where the tensors are and what the numbers are now, so that a
schedule changes an input and not the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..lifts import tell
from .building import CHUNK, compiler, load, runner, text
from .programs import LOSS, VALUE, Item, Phases, U, is_zero
from .source import Source

if TYPE_CHECKING:
    from ..driver import Chain

_ALONE = 32768  # elements that are not worth a second thread


def step(chain: Chain, items: list[tuple]) -> bool:
    """One step of all items; False, and nothing is done, where torch.compile has to take it."""
    key = _structure(chain, items)
    if key not in chain.programs:
        chain.programs[key] = _prepared(chain, items)
    prepared = chain.programs[key]
    if prepared is not None:
        prepared.step(chain, items)
    return prepared is not None


def _structure(chain: Chain, items: list[tuple]) -> Any:
    groups = tuple(_shape(chain, group) for group in chain.param_groups)
    has_loss = items[0][4].loss is not None
    return groups, has_loss, tuple([(ctx.index, p.dtype, p.stride(), tuple(s)) for p, _, s, _, ctx, _ in items])


def _shape(chain: Chain, group: dict[str, Any]) -> tuple:
    """How many numbers each hyper-parameter has, and which are 0."""
    pairs = [(key, group[key]) for key in chain.plan.defaults]
    return tuple([len(x) if isinstance(x, tuple | list) else is_zero(key, x) for key, x in pairs])


def _prepared(chain: Chain, items: list[tuple]) -> Prepared | None:
    if any(p.device.type != "cpu" for p, *_ in items) or compiler() is None:
        return None
    try:
        return Prepared(chain, items)
    except Exception:  # whatever a rule cannot do to tensors without content it may do under torch.compile
        return None


class Prepared:
    """The programs and the layout of a step for one set of parameters."""

    def __init__(self, chain: Chain, items: list[tuple]) -> None:
        owners = [n for n, group in enumerate(chain.param_groups) for _ in group["params"]]
        self.owners = [owners[item[4].index] for item in items]
        self.phases = Phases(chain.plan)
        groups = [chain.param_groups[n] for n in self.owners]
        self.items = [Item(item, chain.plan, group) for item, group in zip(items, groups, strict=True)]
        sources = [self.phases.of(item, group) for item, group in zip(self.items, groups, strict=True)]
        # what a caller gives as the loss may be anything where nobody reads it
        self.reads_loss = any(f"h[{LOSS}]" in source.text for own in sources for source in own)
        # where a stage before a reduction changes the update, it is kept until the next phase
        kept = [any(U in source.program.stores for source in own) for own in sources]
        self.scratch = [torch.empty_like(item.p) if u else None for item, u in zip(self.items, kept, strict=True)]
        self.x = torch.zeros(sum(len(item.slots) for item in self.items), dtype=torch.int64)
        self.h = torch.zeros(len(items), max(len(self.phases.numbers(group)) for group in groups), dtype=torch.float64)
        self.layouts = [Layout(list(own), self.items, self.x, self.h) for own in zip(*sources, strict=True)]
        library = load(text([layout.programs for layout in self.layouts]))
        for number, layout in enumerate(self.layouts):
            layout.run = runner(library, number)

    def step(self, chain: Chain, items: list[tuple]) -> None:
        """One step. `items` are those it was prepared for, as they are now."""
        places = zip(self.items, items, self.scratch, strict=True)
        self.x.copy_(torch.tensor([address for own, item, u in places for address in own.addresses(item, u)]))
        self._write_numbers(chain, items)
        for number, layout in enumerate(self.layouts):
            layout.step()
            if number < len(chain.plan.passes):
                _, bound, i = chain.plan.passes[number]
                terms = zip(self.phases.terms[number], layout.out.sum(0).unbind(), strict=True)
                tell(items, {name: x.to(dtype) for (name, dtype), x in terms}, bound, i, chain.param_groups[0])
                values = [0.0 if item[4].value is None else float(item[4].value) for item in items]
                self.h[:, VALUE] = torch.tensor(values, dtype=torch.float64)
        for p, *_, home in items:
            if home is not None:
                home.copy_(p)
        torch.autograd.graph.increment_version([p for p, *_ in items])

    def _write_numbers(self, chain: Chain, items: list[tuple]) -> None:
        loss = float(items[0][4].loss) if self.reads_loss else 0.0
        numbers = [self.phases.numbers(group, loss) for group in chain.param_groups]
        width = self.h.shape[1]
        numbers = [row + [0.0] * (width - len(row)) for row in numbers]
        rows = {(n, item[4].t): [float(item[4].t), *numbers[n][1:]] for n, item in zip(self.owners, items, strict=True)}
        if len(rows) == 1:  # for all the same
            self.h.copy_(torch.tensor(*rows.values(), dtype=torch.float64))
        else:
            each = [rows[n, item[4].t] for n, item in zip(self.owners, items, strict=True)]
            self.h.copy_(torch.tensor(each, dtype=torch.float64))


class Layout:
    """One phase over all parameters: the tables that the program reads, in the order of its structs."""

    run: Callable[..., None]

    def __init__(self, sources: list[Source], items: list[Item], x: Tensor, h: Tensor) -> None:
        unique = {source.text: source for source in sources}
        self.programs, places = list(unique.values()), {text: n for n, text in enumerate(unique)}
        width = max(len(source.sums) for source in sources)
        self.sums = torch.zeros(len(items), width, dtype=torch.float64)
        self.out = torch.zeros(len(items), len(sources[0].program.sums), dtype=torch.float64)
        num_rows = sum(_rows(s, i)[0] for s, i in zip(sources, items, strict=True) if s.has_rows)
        self.rows = torch.zeros(num_rows * width, dtype=torch.float64)
        chunks: list[tuple[int, int, int]] = []
        tensors: list[tuple[int, ...]] = []
        slot = row = 0
        for n, (source, item) in enumerate(zip(sources, items, strict=True)):
            rows, cols = _rows(source, item)
            own = _chunks(rows, cols)
            tables = [x[slot:], h[n], self.sums[n], self.rows[row * width :], self.out[n]]
            place = rows, cols, len(chunks), len(own), places[source.text]
            tensors.append((*(table.data_ptr() for table in tables), *place))
            chunks += [(n, begin, end) for begin, end in own]
            slot, row = slot + len(item.slots), row + rows * source.has_rows
        self.tensors = torch.tensor(tensors)
        self.chunks = torch.tensor(chunks, dtype=torch.int64)
        self.parts = torch.zeros(len(chunks) * width + 1, dtype=torch.float64)
        self.alone = sum(item.p.numel() for item in items) < _ALONE

    def step(self) -> None:
        tables = (len(self.tensors), self.tensors.data_ptr(), len(self.chunks), self.chunks.data_ptr())
        self.run(*tables, self.parts.data_ptr(), 1 if self.alone else torch.get_num_threads())


def _rows(source: Source, item: Item) -> tuple[int, int]:
    """As how many rows of how many elements a program goes over a parameter."""
    numel = item.p.numel()
    if not source.has_rows:
        return numel, 1
    return item.p.shape[0], numel // max(item.p.shape[0], 1)


def _chunks(rows: int, cols: int) -> list[tuple[int, int]]:
    size = max(CHUNK // max(cols, 1), 1)
    return [(begin, min(begin + size, rows)) for begin in range(0, rows, size)] if cols else []
