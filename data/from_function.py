"""A data set that a function returns: ((x, y) of training, (x, y) of test), or three pairs with validation between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from data.dataset import DataSet
from data.samples import AnyPart, Part

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class FunctionData(DataSet):
    """Base of the data sets of functions, whose arguments are the fields; runner/config/external.py makes them.

    x: float32 features or uint8 images, (n, channels, height, width), (n, height, width) or (n, features). y: integer
    classes (n,) from 0, or float32 targets (n,) or (n, outputs). Tensors, or arrays of numpy.
    """

    target: ClassVar[Callable[..., Any]]

    def arguments(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(read_parts(self)[0].x.shape[1:])

    @property
    def classes(self) -> int:
        """Classes of integer labels; for others, the numbers of a target."""
        ys = [part.y for part in read_parts(self)]
        return max(int(y.max()) for y in ys) + 1 if self.has_classes else ys[0][0].numel()

    @property
    def has_classes(self) -> bool:  # type: ignore[override]
        return not read_parts(self)[0].y.is_floating_point()

    @property
    def has_signs(self) -> bool:  # type: ignore[override]
        return not self.has_classes and all(bool((part.y.abs() == 1).all()) for part in read_parts(self))

    @property
    def unit_range(self) -> bool:  # type: ignore[override]
        x = read_parts(self)[0].x
        return not x.is_floating_point() or bool((x >= 0).all() and (x <= 1).all())

    def validate(self) -> None:
        super().validate()
        usual = {field.name: field.default for field in fields(self) if field.name in ("val_fraction", "split")}
        if len(read_parts(self)) == 3 and any(getattr(self, key) != value for key, value in usual.items()):
            raise ValueError(f"data={self.name} has validation samples of its own; leave {' and '.join(usual)} out")

    def read(self) -> tuple[Part, Part]:
        parts = read_parts(self)
        return parts[0], parts[-1]

    def split_parts(self, training: AnyPart, test: AnyPart) -> tuple[AnyPart, AnyPart]:
        parts = read_parts(self)
        return parts[:2] if len(parts) == 3 else super().split_parts(training, test)


_latest: list[tuple[FunctionData, tuple[Part, ...]]] = []  # at most one, compared and not hashed: fields may be lists


def read_parts(data: FunctionData) -> tuple[Part, ...]:
    """The parts that the function returns, which is called once in a row for the same arguments."""
    if not _latest or _latest[0][0] != data:
        _latest[:] = [(data, call(data))]
    return _latest[0][1]


def call(data: FunctionData) -> tuple[Part, ...]:
    """The parts that the function returns. Raises ValueError for what is not pairs of inputs and targets."""
    try:
        with seeded():
            returned = data.target(**data.arguments())
    except Exception as error:  # of any kind: the user's code
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(f"data={data.name} can't be read: {type(error).__name__}: {reason}") from error
    names = {2: ("training", "test"), 3: ("training", "validation", "test")}
    is_pairs = isinstance(returned, tuple | list) and len(returned) in names
    if not is_pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in returned):
        raise ValueError(f"data={data.name} has to return ((x, y), (x, y)) of training and test, or three such pairs")
    parts = []
    for (x, y), part in zip(returned, names[len(returned)], strict=True):
        try:
            if len(x) != len(y) or not len(x):
                raise ValueError(f"{len(x)} inputs and {len(y)} targets")
            parts.append(Part(inputs(x), targets(y)))
        except (ValueError, TypeError, RuntimeError) as error:  # the last: torch can't read it
            raise ValueError(f"data={data.name}, {part}: {error}") from None
    for attribute in ("x", "y"):
        kinds = {(getattr(part, attribute).dtype, getattr(part, attribute).shape[1:]) for part in parts}
        if len(kinds) > 1:
            raise ValueError(f"data={data.name}: {attribute} is not of the same type and shape in all parts")
    return tuple(parts)


@contextmanager
def seeded() -> Iterator[None]:
    """Inside, the global random numbers of Python, NumPy and torch are always the same, so that every run, and a
    resumed one, has the same data. Those outside go on as if nothing had been drawn.
    """
    import numpy
    import torch

    states = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        random.seed(0)
        numpy.random.seed(0)
        try:
            yield
        finally:
            random.setstate(states[0])
            numpy.random.set_state(states[1])


def inputs(x: Any) -> Tensor:
    """The inputs as (n, channels, height, width)."""
    import torch

    x = torch.as_tensor(x)
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise ValueError(f"x is {x.dtype}, neither floating point nor uint8")
    if not 1 <= x.ndim <= 4:
        raise ValueError(f"x of shape {tuple(x.shape)} is not (n, channels, height, width)")
    if x.is_floating_point():
        x = x.float()
        if not x.isfinite().all():
            raise ValueError("x holds nan or an infinity")
    return x.reshape(len(x), *(1,) * (4 - x.ndim), *x.shape[1:])


def targets(y: Any) -> Tensor:
    import torch

    y = torch.as_tensor(y)
    if y.is_floating_point():
        return y.float()
    if y.ndim != 1 or y.min() < 0:
        raise ValueError(f"integer y of shape {tuple(y.shape)} is not (n,) of classes from 0")
    return y.long()
