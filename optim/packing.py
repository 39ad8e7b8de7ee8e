"""The numbers of a parameter group as one tensor, for programs to which they are inputs: compiled and stacked steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor


def size_of(value: Any) -> int:
    """How many numbers a hyper-parameter with several has; 0 for a single number."""
    return len(value) if isinstance(value, tuple | list) else 0


def packed(group: Mapping[str, Any], keys: Iterable[str]) -> list[Any]:
    """A group's numbers in the order of `keys`."""
    return [x for key in keys for x in (group[key] if size_of(group[key]) else [group[key]])]


def unpacked(values: Tensor, keys: Sequence[str], sizes: Sequence[int]) -> tuple[dict[str, Any], int]:
    """A group's hyper-parameters as views of `values`, and how many of its elements they take."""
    group: dict[str, Any] = {}
    at = 0
    for key, size in zip(keys, sizes, strict=True):
        group[key] = tuple(values[at + i] for i in range(size)) if size else values[at]
        at += size or 1
    return group, at
