"""A graph as C: loops over the elements, and all that is one number for a parameter outside of them.

A program runs in rounds. The loop of round k goes over the elements: it makes the sums that have k rounds before
them, and stores what nobody after it wants to read in its old state. `combine` then makes one number of each sum's
parts. What a loop has stored a later one reads; what it has not, a later one computes again. A rule without sums is
one loop.

Programs that come out as the same text are one: of ResNet-34's 110 tensors, AdamW makes one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from .expression import C_TYPES, expression
from .graph import Node, Unsupported


@dataclass(frozen=True)
class Program:
    """One parameter's part of a phase."""

    slots: tuple[tuple[torch.dtype, str], ...]  # type and kind of the tensors in memory
    stores: dict[int, Node]  # by slot
    sums: tuple[Node, ...]  # numbers to hand out


class Source:
    """The text of a program: the functions loop_k, combine_k and finish, with @ for its name."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.levels: dict[Node, int] = {}
        self.sums: list[Node] = []
        for node in (*program.stores.values(), *program.sums):
            self._visit(node)
        self.each = {i: node for i, node in program.stores.items() if program.slots[i][1] == "each"}
        self.rounds = (
            max([self._loop(n) for n in self.sums] + [self.levels[n] for n in self.each.values()], default=0) + 1
        )
        self.at = self._places()
        self.has_rows = any(node.kind == "row" for node in self.levels)
        self.functions: set[str] = set()
        self.text = "\n".join(self._functions())

    def _visit(self, node: Node) -> int:
        if node not in self.levels:
            level = max((self._visit(x) for x in node.args if isinstance(x, Node)), default=0)
            if node.op in ("sum", "amax"):
                if node.op == "amax" and node.args[0].kind == "each":
                    raise Unsupported("a maximum over elements")
                level += node.args[0].kind == "each"
                self.sums.append(node)
            self.levels[node] = level
        return self.levels[node]

    def _loop(self, node: Node) -> int:
        """The round whose loop or combine makes a sum."""
        return self.levels[node] - 1

    def _places(self) -> dict[int, int]:
        """The round in which each slot is stored: as early as later rounds can do without what it held."""
        at = {slot: self.levels[node] for slot, node in self.each.items()}
        while late := {
            slot
            for k in range(1, self.rounds)
            for slot in self._read(k, at)
            if slot in at and at[slot] < k and at[slot] != self.rounds - 1
        }:
            at.update({slot: self.rounds - 1 for slot in late})
        return at

    def _read(self, k: int, at: dict[int, int]) -> set[int]:
        """The slots that round k reads for what they held before the first."""
        stored = {self.each[slot] for slot, when in at.items() if when < k and self.each[slot].kind == "each"}
        seen: set[Node] = set()
        todo = [self.each[slot] for slot, when in at.items() if when == k]
        todo += [n.args[0] for n in self.sums if self._loop(n) == k and n.args[0].kind == "each"]
        while todo:
            node = todo.pop()
            if node not in seen and node not in stored:
                seen.add(node)
                if node.op != "sum":
                    todo += [x for x in node.args if isinstance(x, Node)]
        return {node.args[0] for node in seen if node.op == "input"}

    def _functions(self) -> Iterable[str]:
        for k in range(self.rounds):
            sums = [n for n in self.sums if self._loop(n) == k]
            over_each = [n for n in sums if n.args[0].kind == "each"]
            stores = {slot: self.each[slot] for slot, when in self.at.items() if when == k}
            if over_each or stores:
                yield from self._define(f"loop{k}", self._loop_body(k, over_each, stores))
            if ones := [n for n in sums if n.kind == "one"]:
                yield from self._define(f"combine{k}", self._combine_body(ones))
        single = {slot: node for slot, node in self.program.stores.items() if slot not in self.each}
        if single or self.program.sums:
            yield from self._define("finish", self._finish_body(single))

    def _define(self, name: str, body: list[str]) -> Iterable[str]:
        self.functions.add(name)
        start = "const struct tensor *t, int64_t begin, int64_t end, double *part"
        yield f"static void @_{name}({start}) {{"
        yield from ("  " + line for line in [*self._pointers(), *body])
        yield "}"

    def _pointers(self) -> list[str]:
        slots = enumerate(self.program.slots)
        return [f"{C_TYPES[dtype]} *x{i} = t->x[{i}];" for i, (dtype, _) in slots] + ["const double *h = t->h;"]

    def _loop_body(self, k: int, sums: list[Node], stores: dict[int, Node]) -> list[str]:
        stored = {node: slot for slot, node in self.each.items() if self.at[slot] < k and node.kind == "each"}
        body = Body(self.sums, stored)
        adds = [f"s{self.sums.index(n)} += {body.value(n.args[0])};" for n in sums]
        # all is read before anything is written
        writes = [f"x{slot}[j] = {body.value(node)};" for slot, node in stores.items()]
        names = [f"s{self.sums.index(n)}" for n in sums]
        simd = "#pragma omp simd" + (f" reduction(+:{', '.join(names)})" if names else "")
        start = [f"double {name} = 0;" for name in names]
        inner = [*("  " + line for line in body.lines["each"] + adds + writes), "}"]
        by_row = any(n.kind == "row" for n in sums) or body.lines["row"]
        if not by_row:
            loop = [simd, "for (int64_t j = begin * t->cols; j < end * t->cols; j++) {", *inner]
            parts = [f"part[{self._part(n)}] = s{self.sums.index(n)};" for n in sums]
            return [*body.lines["one"], *start, *loop, *parts]
        totals = [n for n in sums if n.kind == "one"]
        rows = [n for n in sums if n.kind == "row"]
        once = [f"double s{self.sums.index(n)} = 0;" for n in totals]
        each_row = [f"double s{self.sums.index(n)} = 0;" for n in rows]
        ends = [f"t->rows[{self.sums.index(n)} * t->num_rows + i] = s{self.sums.index(n)};" for n in rows]
        loop = [simd, "for (int64_t j = i * t->cols; j < (i + 1) * t->cols; j++) {", *inner]
        outer = ["for (int64_t i = begin; i < end; i++) {", *body.lines["row"], *each_row, *loop, *ends, "}"]
        return [*body.lines["one"], *once, *outer, *(f"part[{self._part(n)}] = s{self.sums.index(n)};" for n in totals)]

    def _part(self, node: Node) -> int:
        return [n for n in self.sums if n.kind == "one"].index(node)

    def _combine_body(self, sums: list[Node]) -> list[str]:
        body = Body(self.sums, {})
        lines: list[str] = []
        for node in sums:
            index, (of,) = self.sums.index(node), node.args
            if of.kind == "each":
                lines += [f"double s{index} = 0;", "for (int64_t c = 0; c < t->num_chunks; c++)"]
                lines += [f"  s{index} += part[c * PARTS + {self._part(node)}];"]
            else:
                body.forget_rows()
                x = body.value(of)
                lines += body.take("one")
                first = "-INFINITY" if node.op == "amax" else "0"
                more = (
                    f"s{index} += {x};"
                    if node.op == "sum"
                    else f"s{index} = {x} > s{index} || {x} != {x} ? {x} : s{index};"
                )
                lines += [f"double s{index} = {first};", "for (int64_t i = 0; i < t->num_rows; i++) {"]
                lines += [*body.take("row"), more, "}"]
            lines += [f"t->sums[{index}] = s{index};"]
        return lines

    def _finish_body(self, stores: dict[int, Node]) -> list[str]:
        body = Body(self.sums, {})
        writes = [f"*x{slot} = {body.value(node)};" for slot, node in stores.items()]
        writes += [f"t->out[{i}] = {body.value(node)};" for i, node in enumerate(self.program.sums)]
        return [*body.lines["one"], *writes]


class Body:
    """Statements that compute nodes, each in the outermost loop where it can be computed."""

    def __init__(self, sums: list[Node], stored: dict[Node, int]) -> None:
        self.sums, self.stored = sums, stored
        self.names: dict[Node, str] = {}
        self.count = 0
        self.lines: dict[str, list[str]] = {"one": [], "row": [], "each": []}

    def value(self, node: Node) -> str:
        """The name of the node's value, once its statement is there."""
        if node not in self.names:
            text = self._text(node)
            name = self.names[node] = f"v{self.count}"
            self.count += 1
            self.lines[node.kind].append(f"const {C_TYPES[node.dtype]} {name} = {text};")
        return self.names[node]

    def _text(self, node: Node) -> str:
        if node in self.stored:
            return f"x{self.stored[node]}[j]"
        if node.op == "input":
            return f"x{node.args[0]}[{'j' if node.kind == 'each' else '0'}]"
        if node.op == "number":
            return f"h[{node.args[0]}]"
        if node.op in ("sum", "amax"):
            at = self.sums.index(node)
            return f"t->sums[{at}]" if node.kind == "one" else f"t->rows[{at} * t->num_rows + i]"
        return expression(node, self.value)

    def take(self, kind: str) -> list[str]:
        lines, self.lines[kind] = self.lines[kind], []
        return lines

    def forget_rows(self) -> None:
        """In the next loop over rows, their statements are to be made again."""
        self.names = {node: name for node, name in self.names.items() if node.kind == "one"}
        self.lines["row"] = []
