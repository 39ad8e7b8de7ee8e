"""One run of a stack: an ordinary trainer whose steps are taken, and whose validation is done, together with others."""

from __future__ import annotations

import time

from torch import Tensor

from runner.train import checkpoint
from runner.train.progress import Diverged, Means
from runner.train.trainer import Trainer

STATUS_EVERY_S = 2.0


class StackedTrainer(Trainer):
    """Its model's and optimizer's tensors are views of the stack's, so all it shows or saves is its own state."""

    validation: Means | None = None  # of the epoch that is being closed
    error: Diverged | None = None
    over = False  # it has ended; its place in the stack is carried along
    best_weights: dict[str, Tensor] | None = None
    told = 0.0

    def fit(self) -> None:
        """The stack has trained it; what is left is to say how that ended."""
        if self.error:
            raise self.error

    def evaluate(self, part: str, evaluation_weights: bool = True) -> Means:
        if part == "val" and self.validation is not None:
            given, self.validation = self.validation, None
            return given
        return super().evaluate(part, evaluation_weights)

    def save_best(self) -> None:
        """Keep the weights; they are written with the next checkpoint."""
        with self.optimizer.evaluation_weights():
            self.best_weights = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self) -> None:
        """Not alone: the stack saves all its runs now and then."""

    def write(self) -> None:
        """best.pt and last.pt."""
        self.write_best()
        super().save()

    def write_best(self) -> None:
        if self.best_weights is not None:
            content = {"model": self.best_weights, **(self.progress.best or {})}
            checkpoint.save(self.folder.path / "checkpoints" / "best.pt", content)
            self.best_weights = None

    def write_status(self) -> None:
        if time.monotonic() - self.told > STATUS_EVERY_S:
            self.told = time.monotonic()
            super().write_status()
