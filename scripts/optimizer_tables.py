"""Writes the tables of methods and wrappers into optim/README.md: `python scripts/optimizer_tables.py`.

Rules, sources and advice are from optim/descriptions.yaml; names and default arguments from the classes; the state is
that of an optimizer which has taken two steps. With --check nothing is written; the exit code is 1 if the tables in
the file are others.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import torch  # noqa: E402

import optim  # noqa: E402
from optim.rules.adam import AdamConfig  # noqa: E402
from optim.search_space import search_space  # noqa: E402
from results.plain_yaml import parse_yaml  # noqa: E402
from results.values import format_value  # noqa: E402

README = ROOT / "optim" / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the tables differ")
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    new = with_tables(text)
    if new == text:
        return 0
    if check:
        print("optim/README.md: its tables are not those of the classes; run scripts/optimizer_tables.py")
        return 1
    README.write_text(new, encoding="utf-8")
    return 0


def with_tables(text: str) -> str:
    """The README's text with its two tables made anew. Raises ValueError for a method that has no description."""
    described = parse_yaml((ROOT / "optim" / "descriptions.yaml").read_text(encoding="utf-8"))
    kinds: dict[str, Any] = {**optim.configs(), **optim.wrappers()}
    if described.keys() != kinds.keys():
        raise ValueError(f"optim/descriptions.yaml and the classes differ in {sorted(described.keys() ^ kinds.keys())}")
    for first, known in (("method", optim.configs()), ("wrapper", optim.wrappers())):
        rows = [row(kinds[name], entry) for name, entry in described.items() if name in known]
        table = markdown_table([{first: name_cell, **cells} for name_cell, cells in rows])
        text, found = re.subn(rf"^\| {first} \|.*?(?=\n\n)", lambda _, t=table: t, text, flags=re.DOTALL | re.MULTILINE)
        if found != 1:
            raise ValueError(f"optim/README.md has {found} tables of {first}s")
    return text


def markdown_table(rows: list[dict[str, str]]) -> str:
    cells = [f"| {' | '.join(line)} |" for line in (rows[0], *(row.values() for row in rows))]
    return "\n".join([cells[0], "|---" * len(rows[0]) + "|", *cells[1:]])


def row(kind: Any, entry: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The first cell, and the others by their column."""
    place = {"place": kind.place} if issubclass(kind, optim.Wrapper) else {}
    return f"`{kind.name}`<br>`{kind.label()}`", {
        **place,
        "rule": "<br>".join(entry["rule"].strip().splitlines()),
        "source": entry["source"],
        "defaults, and whose": f"`{default_arguments(kind)}`<br>{entry['defaults']}",
        **({} if place else {"searched": space_cell(kind)}),
        "state": state_cell(kind, entry),
        "good for": entry["good for"],
    }


def space_cell(kind: Any) -> str:
    """The ranges that a search takes, a line each."""
    return "<br>".join(f"`{key}` {range_}" for key, range_ in search_space(kind).items())


def default_arguments(kind: Any) -> str:
    return ", ".join(f"{field.name}={as_python(field.default)}" for field in dataclasses.fields(kind))


def as_python(value: Any) -> str:
    """A value as an argument is written: 0.001, (0.9, 0.999), True, "none"; without a float's zeros."""
    if isinstance(value, float):
        return format_value(value).replace("e-0", "e-")
    return f'"{value}"' if isinstance(value, str) else repr(value)


def state_cell(kind: Any, entry: dict[str, Any]) -> str:
    """How many tensors of the parameter's size, and which; other ones; and how arguments change the number."""
    tensors, matrices, vectors, numbers, overall = state(kind)
    sized = f"{len(tensors)}: {quoted(tensors)}" if tensors else "0"
    note = entry.get("state", "")
    lines = [f"{sized}, {note}" if note and not note.startswith("and ") else sized]
    lines += [note] if note.startswith("and ") else []
    lines += [f"matrix: {quoted(matrices)}"] if matrices else []
    lines += [f"vector: {quoted(vectors)}"] if vectors else []
    lines += [f"number: {quoted(numbers)}"] if numbers else []
    lines += [f"overall: {quoted(overall)}"] if overall else []
    for key, value in entry.get("variants", {}).items():
        lines.append(f"{len(state(kind, **{key: value})[0])} with `{key}={as_python(value)}`")
    return "<br>".join(lines)


def quoted(names: list[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def state(kind: Any, **arguments: Any) -> tuple[list[str], ...]:
    """Names of a matrix's tensors after two steps: of its size, other matrices, vectors, numbers, the optimizer's."""
    is_wrapper = issubclass(kind, optim.Wrapper)
    base = AdamConfig() if is_wrapper else kind(**arguments)
    p = torch.nn.Parameter(torch.ones(5, 3))
    optimizer = optim.build(base, [p], [kind(**arguments)] if is_wrapper else [])
    for _ in range(2):
        p.grad = p.detach().clone()
        optimizer.step(loss=p.detach().square().sum() / 2)
    tensors = {name: x for name, x in optimizer.state[p].items() if isinstance(x, torch.Tensor)}
    if is_wrapper:
        prefix = f"{kind.name}."
        tensors = {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
    sized = [name for name, x in tensors.items() if x.shape == p.shape]
    overall = [name for name, x in optimizer.param_groups[0].items() if isinstance(x, torch.Tensor)]
    others = [[name for name, x in tensors.items() if x.ndim == ndim and name not in sized] for ndim in (2, 1, 0)]
    assert len(tensors) == len(sized) + sum(map(len, others))
    return sized, *others, overall


if __name__ == "__main__":
    sys.exit(main())
