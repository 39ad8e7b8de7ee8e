"""YAML as plain data: null, true and false, numbers, text, lists and mappings.

Numbers are read as on the command line, by Hydra: 1e-3 is a number, 010 and 1:30 are text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_BYTES = 2**20  # of a file
MAX_DEPTH = 50  # of lists and mappings in each other: libyaml's composer recurses, and exhausts the stack
MAX_NODES = 100_000  # aliases written out
TAG = "tag:yaml.org,2002:"
SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    "float": (
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": ("<<", ["<"]),
}
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader: five times as fast


class PlainLoader(BASE):
    """Refuses what is no plain data (dates, sets, binary data, objects) and keys that stand twice in a mapping."""

    yaml_implicit_resolvers: Any = {}
    yaml_constructors: Any = {
        tag: constructor
        for tag, constructor in BASE.yaml_constructors.items()
        if tag in (None, *(f"{TAG}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")))
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


for _name, (_pattern, _first) in SCALARS.items():
    PlainLoader.add_implicit_resolver(f"{TAG}{_name}", re.compile(f"(?:{_pattern})$"), _first)


def parse_yaml(text: str) -> Any:
    """The data that YAML text holds. Raises ValueError with the reason, in one line."""
    try:
        has_aliases = check_structure(text)
        content = yaml.load(text, Loader=PlainLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ValueError(f"line {mark.line + 1}: {problem}" if mark else problem) from None
    except (LookupError, TypeError, AttributeError) as error:  # of a tag that its value does not fit: !!bool x
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if has_aliases:
        check_written_out(content)
    return content


def check_structure(text: str) -> bool:
    """Raise ValueError for text that is nested too deeply or too long; return whether it has aliases."""
    depth, has_aliases = 0, False
    for nodes, event in enumerate(yaml.parse(text, Loader=PlainLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        has_aliases |= isinstance(event, yaml.AliasEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError("nested too deeply" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} values")
    return has_aliases


def check_written_out(content: Any) -> None:
    """Raise ValueError for data whose aliases, written out, are endless or too many."""
    left, nodes = [(content, 0)], 0
    while left:
        node, depth = left.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError("its aliases refer to themselves" if depth > MAX_DEPTH else "its aliases repeat too much")
        if isinstance(node, dict | list):
            left += [(each, depth + 1) for each in (node.values() if isinstance(node, dict) else node)]
