"""Files of one's own in `plugins/`: found by their names, imported only when they are chosen."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from results.values import first_line
from runner.config.errors import ConfigError
from runner.config.source_code import PROJECT, imported_within, imports_of, module_digests

PACKAGE = "plugins"
FOLDER = PROJECT / PACKAGE
WHAT = {
    "optim": "a torch.optim.Optimizer class",
    "wrap": "a class derived from optim.transform.Wrapper",
    "model": "a torch.nn.Module class, or a function that returns one",
    "data": "a function that returns ((x, y), (x, y)) of training and test",
    "task": "a class derived from tasks.task.Task",
}  # of a group, in a plugin; what it only imports does not count


def is_plugin(name: str) -> bool:
    """Whether `name`, <file> or <file>.<what is in it>, is a file of plugins/."""
    file = name.partition(".")[0]
    return bool(re.fullmatch(r"[\w-]+", file)) and file != "__init__" and (FOLDER / f"{file}.py").is_file()


def plugin_summaries() -> list[tuple[str, str]]:
    """(name, first line of its docstring) of each file of plugins/, none of which is imported."""
    return [(file.stem, summary(file)) for file in sorted(FOLDER.glob("*.py")) if file.stem != "__init__"]


def summary(file: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(file.read_bytes())) or ""
    except (ValueError, SyntaxError, OSError) as error:
        return f"can't be read: {first_line(error)}"
    return text.partition("\n")[0]


@cache
def load_plugin(file: str) -> ModuleType:
    """Import plugins/<file>.py; what it prints goes to stderr. Raises ConfigError, with what was raised and where, if
    that fails.
    """
    if not file.isidentifier():
        raise ConfigError(f"{PACKAGE}/{file}.py is not named like a Python module; call it {file.replace('-', '_')}.py")
    importlib.invalidate_caches()  # the file may be new
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(f"{PACKAGE}.{file}")
    except (Exception, SystemExit) as error:  # a user's file raises what it likes
        text = error.msg if isinstance(error, SyntaxError) else first_line(error)
        place = place_of(error) or f"{PACKAGE}/{file}.py"
        raise ConfigError(f"{PACKAGE}/{file}.py can't be imported: {type(error).__name__}: {text} ({place})") from None


def place_of(error: BaseException) -> str:
    """`plugins/mine.py, line 12`: where in plugins/ an error was raised; empty if it was not there."""
    found, each = "", error
    while each is not None:
        trace = each.__traceback__
        while trace:
            file = Path(trace.tb_frame.f_code.co_filename)
            if file.parent == FOLDER:
                found = f"{PACKAGE}/{file.name}, line {trace.tb_lineno}"
            trace = trace.tb_next
        if isinstance(each, SyntaxError) and each.filename and Path(each.filename).parent == FOLDER:
            found = f"{PACKAGE}/{Path(each.filename).name}, line {each.lineno}"
        each = each.__cause__
    return found


def with_place(error: BaseException) -> str:
    """The first line of an error's message, and where in plugins/ it was raised if it was there."""
    place = place_of(error)
    return f"{first_line(error)} ({place})" if place else first_line(error)


def find_in_plugin(name: str, group: str, is_wanted: Callable[[Any], bool], is_function_wanted: bool) -> Any:
    """What `name` (<file>, or <file>.<name in it>) is in its file.

    is_wanted: whether an object is one of the group's. is_function_wanted: take any function without a return hint
    where there is no such object. Raises ConfigError if the file has none, or several and `name` does not say which.
    """
    file, _, wanted = name.partition(".")
    module = load_plugin(file)
    of_file = {
        key: value
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not key.startswith("_")
    }
    found = {key: value for key, value in of_file.items() if is_wanted(value)}
    if is_function_wanted and (not found or wanted):
        found |= {key: value for key, value in of_file.items() if is_unhinted_function(value)}
    if wanted in found or (not wanted and len(found) == 1):
        return found[wanted or next(iter(found))]
    if not found:
        raise ConfigError(f"{PACKAGE}/{file}.py has nothing for {group}=: it is to define {WHAT[group]}")
    problem = f"no {wanted}" if wanted else f"several for {group}="
    raise ConfigError(
        f"{PACKAGE}/{file}.py has {problem}; choose {', '.join(f'{group}={file}.{key}' for key in found)}"
    )


def is_unhinted_function(value: Any) -> bool:
    return inspect.isfunction(value) and "return" not in value.__annotations__


def plugin_source(file: str, shared: Iterable[str]) -> dict[str, str]:
    """The plugin's file and those that it imports from plugins/ and this project, each with its hash.

    shared: modules that serve every run and are left out.
    """
    own = imported_within(f"{PACKAGE}.{file}")
    imported = {name for module in own for name in imports_of(module)}
    return module_digests(own.union(*(imported_within(name, shared) for name in imported)))
