"""The interface of a logger: opened late, it takes rows in batches and gets the run's final status."""

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

    A resumed run gives all rows of metrics.jsonl again, from the first: a logger that has some already leaves them out.
    Whatever a logger raises switches it off; the run goes on.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]  # what it imports
    install: ClassVar[str]  # what to install for that
    every_s: ClassVar[float] = 2.0  # seconds between two writes: a fast run need not wait for a server at each epoch

    def __init__(self, info: RunInfo, state: dict[str, Any]) -> None:
        """state: JSON-ready; what the logger puts there is there again when the run is resumed."""
        self.info, self.state = info, state

    @classmethod
    def missing(cls) -> list[str]:
        """The modules it needs that can't be imported."""
        return missing_modules(*cls.modules)

    @abstractmethod
    def open(self) -> None:
        """Start, or go on with, the run's entry in the tracker."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def close(self, status: str) -> None:
        """status: done, diverged (a result, too), failed or interrupted. All files of the run but status.json are
        written by now."""


def missing_modules(*modules: str) -> list[str]:
    """Those that can't be imported. A mere folder of that name, such as the one wandb makes, is none."""
    return [module for module in modules if getattr(find_spec(module), "origin", None) is None]
