"""The configuration of an optimizer class from elsewhere: its constructor's arguments."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..config import OptimizerConfig
from ..transform import Transform


@dataclasses.dataclass(frozen=True)
class ExternalConfig(OptimizerConfig):
    """Base of the configurations of classes from elsewhere; runner/config/external.py makes them of the signatures.

    source: the files or packages that the class is from, each with its hash or version.
    """

    optimizer_class: ClassVar[type]
    source: ClassVar[dict[str, str]]

    def transforms(self) -> tuple[Transform, ...]:
        raise self.error("is not made of transforms")

    def arguments(self) -> dict[str, Any]:
        """The constructor's keyword arguments."""
        raise NotImplementedError

    @classmethod
    def label(cls) -> str:
        return cls.name

    def check(self) -> None:
        """Construct the class around one small matrix. Raises ValueError with its message where it refuses."""
        import torch

        try:
            optimizer = self.optimizer_class([torch.nn.Parameter(torch.zeros(2, 2))], **self.arguments())
        except (Exception, SystemExit) as error:  # a constructor raises what it likes
            message = (str(error).strip().splitlines() or [""])[0]
            raise ValueError(f"optim={self.name} refuses these arguments: {type(error).__name__}: {message}") from error
        if not hasattr(optimizer, "param_groups"):
            raise ValueError(f"optim={self.name}: its __init__ does not call super().__init__(params, defaults)")
