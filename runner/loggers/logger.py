"""What a sink is: it is opened late, takes rows now and then, and is told how the run ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from runner.loggers.run_info import About

Row = dict[str, Any]


class Sink(ABC):
    """One run's door to a tracker. Its package is imported in `open`, never before.

    A resumed run gives all rows of metrics.jsonl again, from the first: a sink that already has some leaves them out.
    Whatever a sink raises switches it off; the run goes on.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]  # what it imports
    install: ClassVar[str]  # what to install for that
    every_s: ClassVar[float] = 2.0  # seconds between two writes: a fast run need not wait for a server at each epoch

    def __init__(self, about: About, kept: dict[str, Any]) -> None:
        """kept: JSON-ready; what the sink puts there, it finds again when the run goes on."""
        self.about, self.kept = about, kept

    @classmethod
    def missing(cls) -> list[str]:
        """The modules it would import and can't."""
        return absent(*cls.modules)

    @abstractmethod
    def open(self) -> None:
        """Begin, or take up, the run's entry in the tracker."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def close(self, ending: str) -> None:
        """ending: done, diverged (a result, too), failed or interrupted. All files of the run but status.json are
        written by now."""


def absent(*modules: str) -> list[str]:
    """Those that can't be imported. A mere folder of that name, such as the one wandb makes, is none."""
    return [module for module in modules if getattr(find_spec(module), "origin", None) is None]
