"""Files of one's own in `plugins/`: found by their names, imported only when they are chosen."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import Any

from results.values import first_line
from runner.config.errors import ConfigError
from runner.config.source_code import PROJECT, imported_within, module_digests

PACKAGE = "plugins"


def is_plugin(name: str) -> bool:
    """Whether `name`, <file> or <file>.<what is in it>, is a file of plugins/."""
    file = name.partition(".")[0]
    return file.isidentifier() and file != "__init__" and (PROJECT / PACKAGE / f"{file}.py").is_file()


def plugin_names() -> list[str]:
    return sorted(path.stem for path in (PROJECT / PACKAGE).glob("*.py") if path.stem.isidentifier())


@cache
def load_plugin(file: str) -> ModuleType:
    """Import plugins/<file>.py. Raises ConfigError, with what was raised and where, if that fails."""
    try:
        return importlib.import_module(f"{PACKAGE}.{file}")
    except Exception as error:  # a user's file raises what it likes
        line = error.lineno if isinstance(error, SyntaxError) else last_line(error, f"{PACKAGE}/{file}.py")
        where = f" in line {line}" if line else ""
        text = error.msg if isinstance(error, SyntaxError) else first_line(error)
        raise ConfigError(f"{PACKAGE}/{file}.py can't be imported: {type(error).__name__}{where}: {text}") from None


def last_line(error: BaseException, file: str) -> int | None:
    """The line of a file in which an error was raised."""
    trace, found = error.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename.replace("\\", "/").endswith(file):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def find_in_plugin(name: str, group: str, is_wanted: Any) -> Any:
    """What `name` (<file>, or <file>.<name in it>) is in its file. is_wanted: whether an object is one of the group's.

    Raises ConfigError if the file has none, or several and `name` does not say which.
    """
    file, _, wanted = name.partition(".")
    module = load_plugin(file)
    found = {
        key: value
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not key.startswith("_") and is_wanted(value)
    }
    if wanted in found:
        return found[wanted]
    if not wanted and len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise ConfigError(f"{PACKAGE}/{file}.py has nothing for {group}=: see plugins/README.md")
    choices = ", ".join(f"{group}={file}.{key}" for key in found)
    raise ConfigError(
        f"{PACKAGE}/{file}.py has no {wanted}; choose {choices}"
        if wanted
        else f"{PACKAGE}/{file}.py has several; choose {choices}"
    )


def plugin_source(file: str) -> dict[str, str]:
    """The plugin's file and those that it imports from plugins/, each with its hash."""
    return module_digests(imported_within(f"{PACKAGE}.{file}"))
