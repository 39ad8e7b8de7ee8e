"""The source files that decide a run, and a hash of each: optimizer, wrappers, model, task and data set.

The hash leaves out comments, docstrings and blank lines, so that a better explanation does not make another setting.
"""

from __future__ import annotations

import ast
import functools
import tokenize
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from results.signature import digest

PROJECT = Path(__file__).resolve().parents[2]


def source_digests(classes: Iterable[type]) -> dict[str, str]:
    """{"optim/rules/adamp.py": "8 hexadecimal digits"}: the modules of these classes, and what these import.

    A class with an attribute `source` names them itself: {"timm": "1.0.31"}, a package and its version.
    Imports count within the module's own package, without the base class and what that imports (`models/model.py`,
    `data/dataset.py`, `data/samples.py`): they serve every run. Files are read once a process, which does not run what
    is edited later.
    """
    classes = list(classes)
    found = {path: each for entry in classes for path, each in getattr(entry, "source", {}).items()}
    names = {name for entry in classes if not hasattr(entry, "source") for name in modules_behind(entry)}
    return dict(sorted({**found, **module_digests(names)}.items()))


def module_digests(names: Iterable[str]) -> dict[str, str]:
    """The files of these modules and their hashes, without modules that are not files of this project."""
    modules = [module for name in names if (module := read_module(name))]
    return {module.path: module.digest for module in modules}


@functools.cache
def modules_behind(entry: type) -> frozenset[str]:
    """The class's module and the modules of its package that it imports, directly or not."""
    base = base_module(entry)
    return frozenset(imported_within(entry.__module__, shared={base, *imports_of(base)}))


def imported_within(module: str, shared: Iterable[str] = ()) -> frozenset[str]:
    """A module and those of its package that it imports, directly or not, but the shared ones."""
    package, shared = module.rpartition(".")[0], set(shared)
    found, todo = set[str](), [module]
    while todo:
        name = todo.pop()
        if name not in found | shared:
            found.add(name)
            todo += [each for each in imports_of(name) if each.startswith(f"{package}.")]
    return frozenset(found)


def base_module(entry: type) -> str:
    """The module of the first base class: models.model, data.dataset, tasks.task, ..."""
    return entry.__mro__[-2].__module__  # the last one is object


def imports_of(name: str) -> frozenset[str]:
    module = read_module(name)
    return module.imports if module else frozenset()


class Module(NamedTuple):
    """path: from the project's root, with forward slashes. imports: full names, of modules and of what they define."""

    path: str
    digest: str
    imports: frozenset[str]


@functools.cache
def read_module(name: str) -> Module | None:
    """A module that is a file of this project; None for all others."""
    path = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
    if not path.is_file():
        return None
    source = source_text(path)
    tree = ast.parse(source)
    return Module(path.relative_to(PROJECT).as_posix(), digest(statements(source, tree)), imported_names(tree, name))


def source_text(path: Path) -> str:
    """The text of a Python file, in the encoding that it declares; without a byte order mark."""
    with tokenize.open(path) as lines:
        return lines.read()


def imported_names(tree: ast.Module, module: str) -> frozenset[str]:
    """Everything that a module imports, at its top or later."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = [module.rsplit(".", node.level)[0]] if node.level else []
            source = ".".join([*package, *([node.module] if node.module else [])])
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def statements(source: str, tree: ast.Module) -> str:
    """The source without comments, docstrings and blank lines; the same under every version of Python."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for first, last in docstrings(tree):
        lines[first - 1 : last] = [""] * (last - first + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def docstrings(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """The first and last line of each docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield first.lineno, first.end_lineno or first.lineno
