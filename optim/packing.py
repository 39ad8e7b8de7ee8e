"""The numbers of parameter groups as one tensor, for programs to which they are inputs: compiled and stacked steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor


def size_of(value: Any) -> int:
    """How many numbers a hyper-parameter with several has; 0 for a single number."""
    return len(value) if isinstance(value, tuple | list) else 0


def packed(group: Mapping[str, Any], keys: Iterable[str]) -> list[Any]:
    """A group's numbers in the order of `keys`."""
    return [x for key in keys for x in (group[key] if size_of(group[key]) else [group[key]])]


def unpacked(values: Tensor, keys: list[str], sizes: list[list[int]]) -> tuple[list[dict[str, Any]], int]:
    """The groups' hyper-parameters as views of `values`, and how many of its elements they take."""
    groups, at = [], 0
    for row in sizes:
        group: dict[str, Any] = {}
        for key, size in zip(keys, row, strict=True):
            group[key] = tuple(values[at + i] for i in range(size)) if size else values[at]
            at += size or 1
        groups.append(group)
    return groups, at
