"""The interface of a logger: opened with the first rows, written to in batches, closed with the run's status."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from runner.loggers.run_info import RunInfo

Row = dict[str, Any]


class Logger(ABC):
    """Records one run in a tracker, whose package is imported in `open`, never before.

    A resumed run passes all rows of metrics.jsonl again, from the first: a logger skips those that it has recorded.
    An exception in a logger disables it; the run continues.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]  # that it imports
    install: ClassVar[str]  # pip's arguments that install them
    flush_every_s: ClassVar[float] = 2.0  # between two writes, so that a fast run does not wait for a server each epoch

    def __init__(self, info: RunInfo, state: dict[str, Any]) -> None:
        """state: JSON-ready values that the logger sets, saved with the run and passed again when it is resumed."""
        self.info, self.state = info, state

    @classmethod
    def missing(cls) -> list[str]:
        """The needed modules that can't be imported."""
        return missing_modules(*cls.modules)

    @abstractmethod
    def open(self) -> None:
        """Create the run's entry in the tracker, or resume it."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def close(self, status: str) -> None:
        """status: done, diverged, failed or interrupted. All files of the run except status.json are complete."""


def missing_modules(*modules: str) -> list[str]:
    """Those that can't be imported. A folder of that name without __init__.py, such as wandb's, does not count."""
    return [module for module in modules if getattr(find_spec(module), "origin", None) is None]
