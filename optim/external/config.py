"""The configuration of an optimizer class from elsewhere, made from its constructor's signature."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, ClassVar

from ..config import OptimizerConfig
from ..transform import Transform
from .keys import keys


@dataclasses.dataclass(frozen=True)
class ExternalConfig(OptimizerConfig):
    """Base of the configurations of classes from elsewhere; `make_config` makes them."""

    optimizer_class: ClassVar[type]
    source: ClassVar[tuple[str, str]]  # where the class comes from, and that place's version or hash

    def transforms(self) -> tuple[Transform, ...]:
        raise self.error("is not made of transforms")

    def arguments(self) -> dict[str, Any]:
        """The constructor's keyword arguments; null stands for the class's own default."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own = inspect.signature(self.optimizer_class).parameters
        return {key: value for key, value in given.items() if value is not None or own[key].default is None}

    @classmethod
    def label(cls) -> str:
        return cls.name

    def check(self) -> None:
        """Construct the class around one small matrix. Raises ValueError with its message where it refuses."""
        import torch

        try:
            self.optimizer_class([torch.nn.Parameter(torch.zeros(2, 2))], **self.arguments())
        except Exception as error:  # a constructor raises what it likes
            message = (str(error).strip().splitlines() or [""])[0]
            raise ValueError(f"optim={self.name} refuses these arguments: {type(error).__name__}: {message}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        # the class is made at run time: another process makes it anew
        return make_and_fill, (self.name, self.optimizer_class, self.source, dataclasses.asdict(self))


def make_config(name: str, optimizer_class: type, source: tuple[str, str]) -> type[ExternalConfig]:
    """A configuration class with a field for each argument. Raises ValueError if there can't be one."""
    try:
        fields = keys(optimizer_class)
    except ValueError as error:
        raise ValueError(f"optim={name} can't be configured: {error}") from None
    namespace = {"name": name, "optimizer_class": optimizer_class, "source": source, "__module__": __name__}
    return dataclasses.make_dataclass(
        f"{optimizer_class.__name__}Config", fields, bases=(ExternalConfig,), frozen=True, kw_only=True, namespace=namespace
    )


def make_and_fill(name: str, optimizer_class: type, source: tuple[str, str], values: dict[str, Any]) -> ExternalConfig:
    return make_config(name, optimizer_class, source)(**values)
